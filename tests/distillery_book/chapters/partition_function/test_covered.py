"""How estimators fared with machines whose log Z is known, counted from records."""

from __future__ import annotations

from pathlib import Path

import pytest

from distillery_book.chapters.partition_function import coverage, covered
from distillery_book.results import registry
from made_records import keep, made

COLD = [cell for cell in coverage.cells("paper") if cell.params["machine"] == coverage.COLD]


@pytest.fixture(autouse=True)
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DISTILLERY_RESULTS", str(tmp_path))
    return tmp_path


def run_of(seed: int, *, covers: float, off: float, warnings: float, **ends: float):
    metrics = {"covers": covers, "off": off, "warnings": warnings, **ends}
    return made(
        study="coverage",
        version=registry.find("coverage").version,
        params=COLD[seed].params,
        seed=seed,
        data=COLD[seed].data,
        metrics={f"forward_{name}": value for name, value in metrics.items()},
    )


def test_what_is_missed_without_a_doubt_is_told_apart(results: Path) -> None:
    runs = [
        run_of(0, covers=1.0, off=0.5, warnings=0.0, high=9.0),
        run_of(1, covers=0.0, off=-2.5, warnings=2.0),
        run_of(2, covers=0.0, off=3.0, warnings=0.0, high=9.0),
    ]
    keep(runs, results)
    assert covered.by("forward", coverage.COLD) == covered.Covered(
        machines=3, held=1, off=2.0, doubted=1, unwarned=1, endless=1
    )


def test_of_machines_that_were_not_run_nothing_is_said(results: Path) -> None:
    assert covered.by("forward", coverage.COLD) is None
    keep([run_of(0, covers=1.0, off=0.5, warnings=0.0)], results)
    assert covered.by("forward", coverage.PLAIN) is None
    alone = covered.by("forward", coverage.COLD)
    assert alone is not None
    assert alone.endless == 1
