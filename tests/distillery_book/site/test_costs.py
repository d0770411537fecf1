"""The page on costs says what the records say."""

from __future__ import annotations

from pathlib import Path

from distillery_book.results.results import Results
from distillery_book.results.study import Cell, Outcome, Study
from distillery_book.site import costs, sphinx_index
from made_records import keep, made

ROOT = Path(__file__).resolve().parents[3]


def shown(folder: Path) -> Results:
    cells = [Cell({"size": size}, seed, "mnist") for size in (1, 10, 100) for seed in range(2)]
    study = Study("density", 1, "", lambda profile: cells, lambda cell, context: Outcome({}))
    return Results(folder, [study])


def test_a_study_has_a_row_with_its_runs_and_a_parameter_one_with_its_exponent(
    tmp_path: Path,
) -> None:
    keep(
        [
            made(study="density", params={"size": size}, seconds=36.0 * size)
            for size in (1, 10, 100)
        ],
        tmp_path,
    )
    results = shown(tmp_path)
    link = "[`density`](07_predictive_density.ipynb)"
    assert f"| {link} | paper, CPU | 3 of 6 | 3,996 | 360 | 3,600 | 100 |" in costs.table(results)
    assert f"| {link} | `size` | 1, 100 | 1.00 ± 0.00 | 3 | 1 |" in costs.growth(results)
    assert costs.finding(results) == "The 3 recorded runs took 1.1 hours of one core."


def test_without_records_the_page_says_so(tmp_path: Path) -> None:
    results = shown(tmp_path)
    assert costs.table(results) == costs.finding(results) == costs.NOTHING
    assert costs.growth(results) == costs.NO_GROWTH


def test_every_study_that_has_records_is_on_the_page() -> None:
    results, text = Results.open(), (ROOT / "book" / "costs.md").read_text(encoding="utf-8")
    table = costs.table(results)
    for study in results.studies:
        assert (f"`{study.name}`" in table) == bool(results.index(study.name).records)
    for mark in ("<!-- costs -->", "<!-- costs: finding -->", "<!-- costs: growth -->"):
        assert mark in text
        assert mark in sphinx_index.MARKS
