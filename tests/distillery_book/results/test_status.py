from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from distillery.commands import main as cli
from distillery_book.results import published, registry, status
from distillery_book.results.study import Answer
from made_records import STUDY, TABLE, keep, made, seeds

ROW = {"episodes": 100000}


@pytest.fixture(autouse=True)
def _one_study(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "names", lambda: ["made"])
    monkeypatch.setattr(registry, "find", lambda name: STUDY)


def answered(results: Path) -> status.Status:
    (one,) = [
        one
        for one in status.table(TABLE, results=results)
        if one.row == ROW and one.column == "real"
    ]
    return one


def test_every_published_number_has_one_status(tmp_path: Path) -> None:
    found = status.cells(results=tmp_path)
    places = {(one.table, tuple(one.row.values()), one.column) for one in found}
    assert (
        len(places) == len(found) == sum(len(list(table.cells())) for table in published.tables())
    )
    assert {one.verdict for one in found} == {"not run"}


def test_a_record_answers_the_cell_its_study_names_and_no_other(tmp_path: Path) -> None:
    keep(seeds(0.9850, 0.9852), tmp_path)
    ran = [one for one in status.cells(results=tmp_path) if one.recorded]
    assert [(one.table, one.row, one.column, one.verdict) for one in ran] == [
        (TABLE, ROW, "real", "agrees")
    ]


def test_records_of_an_older_version_do_not_count(tmp_path: Path) -> None:
    keep([made(version=2)], tmp_path)
    assert answered(tmp_path).verdict == "not run"


def test_stand_ins_do_not_answer(tmp_path: Path) -> None:
    keep([made(data="embedded:digits")], tmp_path)
    assert answered(tmp_path).verdict == "not run"


def test_of_two_studies_the_one_at_the_better_profile_answers(tmp_path: Path) -> None:
    keep(
        [
            made(profile="laptop", metrics={"accuracy": 0.5}),
            made(study="other", metrics={"accuracy": 0.9}),
        ],
        tmp_path,
    )
    both = [STUDY, replace(STUDY, name="other")]
    (one,) = [one for one in status.cells(both, tmp_path) if one.recorded]
    assert one.recorded is not None
    assert one.recorded.study == "other"


def test_an_answer_to_what_is_not_published_is_refused_by_its_study(tmp_path: Path) -> None:
    wrong = replace(STUDY, answers=lambda: [Answer(TABLE, {"episodes": 7}, "real", "accuracy")])
    with pytest.raises(
        ValueError, match=r"study made answers what is not published: .*'episodes=7'"
    ):
        status.cells([wrong], tmp_path)


def test_an_aim_can_be_answered_plainly_or_with_a_scale(tmp_path: Path) -> None:
    keep([made(metrics={"accuracy": 0.993, "error": 0.02})], tmp_path)
    found = {str(one.row["key"]): one.verdict for one in status.aims(results=tmp_path)}
    assert found.pop("distillation_100x") == "met"
    assert found.pop("logz_error") == "not met"
    assert set(found.values()) == {"not run"}


def test_an_unknown_aim_is_named_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"study made: unknown aim 'logz_eror'; did you mean 'logz_error'\?"
    ):
        status.aims([replace(STUDY, aims=[("logz_eror", "error", {})])], tmp_path)


def test_progress_counts_the_grid_and_the_outdated(tmp_path: Path) -> None:
    keep([*seeds(0.9, 0.9), made(version=7)], tmp_path)
    found = {
        one.profile: (one.recorded, one.cells, one.outdated)
        for one in status.progress(results=tmp_path)
    }
    assert found == {"smoke": (0, 3, 1), "laptop": (2, 3, 1), "paper": (2, 3, 1)}


def test_the_command_prints_one_json_object_for_every_number_and_aim(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(seeds(0.9950, 0.9952, departures={"passes": [500, 20]}), tmp_path)
    assert cli.main(["status", "--json", "--results", str(tmp_path)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert len([one for one in found if one["table"] != "aims"]) == len(
        status.cells(results=tmp_path)
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


def test_one_run_has_a_null_spread_in_json(tmp_path: Path) -> None:
    keep(seeds(0.985), tmp_path)
    assert answered(tmp_path).as_json()["recorded"] == {
        "value": pytest.approx(98.5),
        "spread": None,
        "n": 1,
    }


def test_the_summary_counts_verdicts_and_shows_aims_and_studies(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(seeds(0.985, 0.9851), tmp_path)
    assert cli.main(["status", "--results", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    (row,) = [line.split() for line in lines if TABLE in line]
    assert row == ["3", TABLE, "40", "1", "·", "·", "39"]
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
        "98.51 ± 0.01",
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
