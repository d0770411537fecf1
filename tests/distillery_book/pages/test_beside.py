from __future__ import annotations

from pathlib import Path

import pytest

from distillery_book.pages.beside import beside, dots
from distillery_book.results import registry
from made_records import STUDY, keep, made

REAL = {"run": {"inputs": "real"}, "other": {"inputs": "made up"}}
ACCURACY = {"accuracy (%)": ("accuracy", 100.0, ".2f")}


@pytest.fixture(autouse=True)
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DISTILLERY_RESULTS", str(tmp_path))
    monkeypatch.setattr(registry, "find", lambda name: STUDY)
    monkeypatch.setattr(registry, "names", lambda: ["made"])
    return tmp_path


def test_numbers_stand_with_two_standard_errors_and_what_was_not_run_says_so(results: Path) -> None:
    keep([made(metrics={"accuracy": 0.98, "accuracy_se": 0.001}, seconds=120.0)], results)
    table = beside("made", REAL, ACCURACY)
    assert table.loc["run"].tolist() == ["98.00 ± 0.20", "1", "2"]
    assert table.loc["other"].tolist() == ["not run", "", ""]


def test_the_larger_of_the_errors_over_examples_and_over_seeds_is_shown(results: Path) -> None:
    keep(
        [
            made(seed=seed, metrics={"accuracy": value, "accuracy_se": 1e-4})
            for seed, value in enumerate((0.97, 0.98, 0.99))
        ],
        results,
    )
    assert beside("made", REAL, ACCURACY).loc["run", "accuracy (%)"] == f"98.00 ± {2 / 3**0.5:.2f}"


def test_dots_reach_two_standard_errors_either_side(results: Path) -> None:
    keep([made(metrics={"accuracy": 0.98, "accuracy_se": 0.001})], results)
    printed = {"run": ("thesis_ensemble_accuracy", "nade", "all", "cross_entropy")}
    frame = dots("made", REAL, "accuracy", scale=100.0, printed=printed)
    assert frame["label"].tolist() == ["run", "other", "run"]
    assert frame["kind"].tolist() == ["recorded", "recorded", "published"]
    assert frame.loc[0, ["value", "low", "high"]].tolist() == pytest.approx([98.0, 97.8, 98.2])
    assert frame.loc[1, ["value", "low", "high"]].isna().all()
    assert frame.loc[2, ["value", "low", "high"]].tolist() == pytest.approx([97.60, 97.29, 97.91])
