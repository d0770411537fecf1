from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from distillery_book.results import published, records, registry
from distillery_book.results.results import Results
from distillery_book.results.study import Answer, Cell
from made_records import STUDY, TABLE, keep, made, seeds

PLACE = (TABLE, 100000, "real")
REAL = {"inputs": "real"}


@pytest.fixture(autouse=True)
def _one_study(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "names", lambda: ["made"])
    monkeypatch.setattr(registry, "find", lambda name: STUDY)


def answered(folder: Path) -> Any:
    """The row of `cells` that the made-up study answers."""
    (row,) = [row for row in Results(folder).table(TABLE).itertuples() if at(row) == PLACE]
    return row


def at(row: Any) -> published.Place:
    return row.table, *row.keys, row.column


def test_every_published_number_and_every_aim_has_one_row_of_cells(tmp_path: Path) -> None:
    cells = Results(tmp_path).cells
    numbers = [cell.place for table in published.tables() for cell in table.cells()]
    numbers_and_aims = [*numbers, *((*aim.place, aim.metric) for aim in published.aims().values())]
    assert [at(row) for row in cells.itertuples()] == numbers_and_aims
    assert set(cells["verdict"]) == {"not run"}
    assert cells[["value", "spread", "error", "n"]].isna().all(axis=None)


def test_the_numbers_of_cells_are_numbers(tmp_path: Path) -> None:
    keep(seeds(0.9850, 0.9852, departures={"passes": [500, 20]}), tmp_path)
    cells = Results(tmp_path).cells
    names = ["published", "below", "above", "tolerance", "aim", "value", "spread", "error", "n"]
    assert all(pd.api.types.is_numeric_dtype(cells[name]) for name in [*names, "seconds"])
    row = answered(tmp_path)
    assert (row.published, row.value) == (98.51, pytest.approx(98.51))
    assert row.error == pytest.approx(0.01)
    assert row.spread == pytest.approx(0.01 * math.sqrt(2))
    assert (row.n, row.seconds, row.profile, row.data) == (2, 20.0, "paper", "mnist")
    assert (row.departures, row.verdict) == ({"passes": [500, 20]}, "agrees, reduced")


def test_a_record_answers_the_cell_its_study_names_and_no_other(tmp_path: Path) -> None:
    keep(seeds(0.9850, 0.9852), tmp_path)
    cells = Results(tmp_path).cells
    ran = cells[cells["value"].notna() & (cells["table"] != "aims")]
    assert [(*at(row), row.verdict) for row in ran.itertuples()] == [(*PLACE, "agrees")]


def test_changing_the_cells_one_was_given_changes_no_others(tmp_path: Path) -> None:
    results = Results(tmp_path)
    cells = results.cells
    cells["verdict"] = "beats"
    assert set(results.cells["verdict"]) == {"not run"}


def test_records_of_an_older_version_do_not_count(tmp_path: Path) -> None:
    keep([made(version=2)], tmp_path)
    assert answered(tmp_path).verdict == "not run"


def test_stand_ins_do_not_answer(tmp_path: Path) -> None:
    keep([made(data="embedded:digits")], tmp_path)
    assert answered(tmp_path).verdict == "not run"


def test_of_two_studies_the_one_at_the_better_profile_answers(tmp_path: Path) -> None:
    laptop = made(profile="laptop", metrics={"accuracy": 0.5})
    keep([laptop, made(study="other", metrics={"accuracy": 0.9})], tmp_path)
    results = Results(tmp_path, [STUDY, replace(STUDY, name="other")])
    assert results.answers[PLACE].study == "other"


def test_of_two_answers_at_one_profile_the_first_counts(tmp_path: Path) -> None:
    keep([made(), made(study="other")], tmp_path)
    results = Results(tmp_path, [replace(STUDY, name="other"), STUDY])
    assert results.answers[PLACE].study == "other"


def test_an_answer_to_what_is_not_published_is_refused_by_its_study(tmp_path: Path) -> None:
    wrong = replace(STUDY, answers=lambda: [Answer(TABLE, {"episodes": 7}, "real", "accuracy")])
    with pytest.raises(
        ValueError, match=r"study made answers what is not published: .*'episodes=7'"
    ):
        _ = Results(tmp_path, [wrong]).cells


def test_an_aim_can_be_answered_plainly_or_with_a_scale(tmp_path: Path) -> None:
    keep([made(metrics={"accuracy": 0.993, "error": 0.02})], tmp_path)
    aims = Results(tmp_path).table("aims")
    verdicts = {key: verdict for (key,), verdict in zip(aims["keys"], aims["verdict"], strict=True)}
    assert verdicts.pop("distillation_100x") == "met"
    assert verdicts.pop("logz_error") == "not met"
    assert set(verdicts.values()) == {"not run"}


def test_an_unknown_aim_is_named_with_the_nearest(tmp_path: Path) -> None:
    wrong = replace(STUDY, aims=[("logz_eror", "error", {})])
    with pytest.raises(
        ValueError, match=r"study made: unknown aim 'logz_eror'; did you mean 'logz_error'\?"
    ):
        _ = Results(tmp_path, [wrong]).cells


def test_an_unknown_table_or_study_is_named_with_the_nearest(tmp_path: Path) -> None:
    results = Results(tmp_path, [STUDY])
    with pytest.raises(ValueError, match=r"'thesis_logz_bride'; did you mean 'thesis_logz_bridge'"):
        results.table("thesis_logz_bride")
    with pytest.raises(ValueError, match=r"unknown study 'mad'; did you mean 'made'\?"):
        results.mean("mad", "accuracy", {})


def test_progress_counts_the_grid_and_the_outdated(tmp_path: Path) -> None:
    keep([*seeds(0.9, 0.9), made(version=7)], tmp_path)
    assert Results(tmp_path).progress.to_numpy().tolist() == [
        ["made", "smoke", 0, 3, 1],
        ["made", "laptop", 2, 3, 1],
        ["made", "paper", 2, 3, 1],
    ]


def test_runs_have_a_column_for_each_parameter_and_metric(tmp_path: Path) -> None:
    runs = [made(seed=2), made(seed=0, metrics={"accuracy": 0.5, "loss": 1.0})]
    keep(runs, tmp_path)
    frame = Results(tmp_path).runs("made")
    assert frame["seed"].tolist() == [0, 2], "the order is that of the study's cells"
    assert frame["accuracy"].tolist() == [0.5, 0.9851]
    assert frame["loss"].isna().tolist() == [False, True]
    assert {"inputs", "data", "profile", "departures", "seconds"} <= set(frame.columns)


def test_runs_on_stand_ins_are_left_out_unless_asked_for(tmp_path: Path) -> None:
    keep([made(), made(seed=1, data="embedded:digits", profile="smoke")], tmp_path)
    results = Results(tmp_path)
    assert results.runs("made")["seed"].tolist() == [0]
    assert results.runs("made", all_data=True)["seed"].tolist() == [0, 1]
    assert results.runs("made", {"profile": "smoke"}, all_data=True)["seed"].tolist() == [1]


def test_means_have_a_row_for_each_label_and_no_number_where_nothing_was_run(
    tmp_path: Path,
) -> None:
    keep(seeds(0.97, 0.98, 0.99), tmp_path)
    means = Results(tmp_path).means(
        "made", {"run": REAL, "other": {"inputs": "made up"}}, "accuracy", scale=100
    )
    assert means.loc["run", ["value", "spread", "n", "seconds"]].tolist() == pytest.approx(
        [98, 1, 3, 30]
    )
    assert means.loc["other"].isna().all()


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The studies whose records are read from the disk, one entry a time."""
    read, names = records.read, []
    monkeypatch.setattr(
        records, "read", lambda study, folder: names.append(study) or read(study, folder)
    )
    return names


def test_a_folder_is_read_once_whatever_is_asked(tmp_path: Path, counted: list[str]) -> None:
    keep(seeds(0.9, 0.8), tmp_path)
    for _ in range(3):
        results = Results.open(tmp_path)
        assert results.mean("made", "accuracy", REAL) is not None
        assert len(results.runs("made")) == 2
        assert len(results.cells) > 400
        assert results.progress["recorded"].tolist() == [0, 2, 2]
    assert counted == ["made"]


def test_a_folder_is_read_anew_when_a_file_has_grown_or_was_changed(tmp_path: Path) -> None:
    keep(seeds(0.9), tmp_path)
    assert len(Results.open(tmp_path).runs("made")) == 1
    keep([made(seed=1)], tmp_path)
    assert len(Results.open(tmp_path).runs("made")) == 2
    path = tmp_path / "made.jsonl"
    before = path.stat()
    path.write_text(path.read_text().replace('{"accuracy": 0.9}', '{"accuracy": 0.7}'))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert path.stat().st_size == before.st_size
    assert Results.open(tmp_path).runs("made")["accuracy"].tolist() == [0.7, 0.9851]


def test_two_folders_do_not_answer_for_each_other(tmp_path: Path) -> None:
    for name, accuracy in (("a", 0.9), ("b", 0.8)):
        (tmp_path / name).mkdir()
        keep(seeds(accuracy), tmp_path / name)
    values = [Results.open(tmp_path / name).runs("made")["accuracy"][0] for name in "abab"]
    assert values == [0.9, 0.8, 0.9, 0.8]


def test_of_no_studies_nothing_is_recorded(tmp_path: Path) -> None:
    keep(seeds(0.9), tmp_path)
    results = Results(tmp_path, [])
    assert (results.studies, results.answers, len(results.progress)) == ([], {}, 0)


def test_the_cells_of_a_grid_are_made_once_for_all_questions(tmp_path: Path) -> None:
    made_up: list[str] = []

    def cells(profile: str) -> list[Cell]:
        made_up.append(profile)
        return list(STUDY.cells(profile))

    results = Results(tmp_path, [replace(STUDY, cells=cells)])
    _ = results.cells, results.progress, results.mean("made", "accuracy", REAL)
    assert made_up == ["smoke", "laptop", "paper"]


def test_an_answer_can_be_the_difference_of_two_kinds_of_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds = {"inputs": "real", "codes": None}, {"inputs": "codes"}
    gap = Answer(
        "aims", {"key": "logz_error"}, "aim", "accuracy", kinds[0], scale=100, minus=kinds[1]
    )
    codes = [Cell({"inputs": "codes"}, seed, "mnist") for seed in range(3)]
    both = replace(
        STUDY, cells=lambda profile: [*STUDY.cells(profile), *codes], answers=lambda: [gap], aims=()
    )
    keep(seeds(0.98, 0.99), tmp_path)
    keep(seeds(0.95, 0.93, params={"inputs": "codes"}), tmp_path)
    results = Results(tmp_path, [both])
    (aim,) = [row for row in results.table("aims").itertuples() if row.keys == ("logz_error",)]
    assert aim.value == pytest.approx(4.5)
    assert aim.n == 2
