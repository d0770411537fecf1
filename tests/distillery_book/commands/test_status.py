from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from distillery.commands import main as cli
from distillery_book.results import published, registry
from made_records import STUDY, TABLE, keep, seeds

ROW = {"episodes": 100000}


@pytest.fixture(autouse=True)
def _one_study(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "names", lambda: ["made"])
    monkeypatch.setattr(registry, "find", lambda name: STUDY)


def objects(results: Path, capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    assert cli.main(["status", "--json", "--results", str(results)]) == 0
    return json.loads(capsys.readouterr().out)


def test_the_command_prints_one_json_object_for_every_number_and_aim(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(seeds(0.9950, 0.9952, departures={"passes": [500, 20]}), tmp_path)
    found = objects(tmp_path, capsys)
    assert len([one for one in found if one["table"] != "aims"]) == sum(
        len(list(table.cells())) for table in published.tables()
    )
    assert len([one for one in found if one["table"] == "aims"]) == len(published.aims())
    needed = {
        "table",
        "row",
        "column",
        "published",
        "recorded",
        "profile",
        "data",
        "seconds",
        "verdict",
    }
    assert all(needed <= set(one) for one in found)
    (one,) = [one for one in found if one["table"] == TABLE and one["recorded"]]
    assert one["recorded"] == {
        "value": pytest.approx(99.51),
        "spread": pytest.approx(0.01414, rel=1e-3),
        "n": 2,
    }
    rest = {
        name: one[name]
        for name in (
            "row",
            "column",
            "published",
            "profile",
            "data",
            "seconds",
            "departures",
            "verdict",
        )
    }
    assert rest == {
        "row": ROW,
        "column": "real",
        "published": 98.51,
        "profile": "paper",
        "data": "mnist",
        "seconds": 20.0,
        "departures": {"passes": [500, 20]},
        "verdict": "beats, reduced",
    }


def test_one_run_has_a_null_spread_in_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(seeds(0.985), tmp_path)
    (one,) = [one for one in objects(tmp_path, capsys) if one["table"] == TABLE and one["recorded"]]
    assert one["recorded"] == {"value": pytest.approx(98.5), "spread": None, "n": 1}


def test_an_aim_that_no_paper_printed_has_null_for_what_is_published(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    aims = [one for one in objects(tmp_path, capsys) if one["table"] == "aims"]
    assert [one["published"] for one in aims] == [
        aim.published for aim in published.aims().values()
    ]
    assert all(one["recorded"] is one["seconds"] is one["departures"] is None for one in aims)


def test_the_summary_counts_verdicts_and_shows_aims_and_studies(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(seeds(0.985, 0.9851), tmp_path)
    assert cli.main(["status", "--results", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    (row,) = [line.split() for line in lines if TABLE in line]
    assert row == ["3", TABLE, "40", "1", "·", "·", "·", "·", "·", "·", "39"]
    assert any(
        line.startswith("distillation_100x: at least 99.20 %") and line.endswith("not met")
        for line in lines
    )
    assert ["made", "laptop", "2", "of", "3", "·"] in [line.split() for line in lines]


def test_a_tables_numbers_are_shown_with_runs_and_departures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(seeds(0.985, 0.9852, departures={"passes": [500, 20]}), tmp_path)
    assert cli.main(["status", TABLE, "--results", str(tmp_path)]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "mnist" in line]
    assert line.split("  ")[0] == "100000"
    for text in (
        "98.51",
        "98.51 ± 0.02",
        "2 × mnist, paper, 20 s; passes 500 → 20",
        "agrees, reduced",
    ):
        assert text in line


def test_an_unknown_table_is_one_sentence_with_the_nearest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["status", "thesis_logz_bride", "--results", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert "did you mean 'thesis_logz_bridge'?" in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize("options", [[], ["--json"], ["aims"]])
def test_a_folder_that_does_not_exist_is_refused_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    assert cli.main(["status", *options, "--results", str(tmp_path / "nowhere")]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert f"results folder {tmp_path / 'nowhere'} does not exist; name one by" in printed.err


def test_a_damaged_record_is_one_sentence_with_file_and_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(seeds(0.985), tmp_path)
    path = tmp_path / "made.jsonl"
    path.write_text(path.read_text().replace('"seconds": 10.0', '"seconds": null'))
    assert cli.main(["status", "--results", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "made.jsonl, line 1: seconds is None; a finite number of 0 or more is needed" in said


def test_csv_has_the_same_numbers_as_json_a_line_each(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(seeds(0.9950, 0.9952, departures={"passes": [500, 20]}), tmp_path)
    whole = objects(tmp_path, capsys)
    assert cli.main(["status", "--csv", "--results", str(tmp_path)]) == 0
    lines = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [line["verdict"] for line in lines] == [each["verdict"] for each in whole]
    (line,) = [line for line in lines if line["table"] == TABLE and line["recorded"]]
    assert float(line["recorded"]) == pytest.approx(99.51)
    assert float(line["two_standard_errors"]) == pytest.approx(0.02)
    assert (line["n"], line["profile"], line["departures"]) == ("2", "paper", "passes 500 → 20")


def test_markdown_tables_have_as_many_columns_in_every_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(seeds(0.9950, 0.9952), tmp_path)
    assert cli.main(["status", "--markdown", TABLE, "--results", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.strip().splitlines()
    assert len({line.count(" | ") for line in lines}) == 1
    assert lines[1] == "| --- | --- | --- | --- | --- | --- |"
    assert any("99.51 ± 0.02" in line for line in lines)


def test_one_form_is_asked_for_at_a_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        cli.main(["status", "--csv", "--json", "--results", str(tmp_path)])
    assert "not allowed with" in capsys.readouterr().err
