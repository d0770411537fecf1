"""Whatever a run does otherwise than the paper is listed as a departure, also what was noticed only
after it was recorded.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from distillery_book.results import published, registry
from distillery_book.results.index import completed
from distillery_book.results.results import Results
from distillery_book.results.study import Answer, Cell, Study
from made_records import STUDY, made

STUDIES = [registry.find(name) for name in registry.names()]


def _answering(study: Study) -> Iterator[tuple[Answer, Cell]]:
    """The answers to published tables, each with the cells at full scale that give it."""
    for answer in study.answers():
        if answer.table == published.AIMS:
            continue
        for cell in {str(cell): cell for cell in study.cells("paper")}.values():
            facts = {"seed": cell.seed, "data": cell.data, **cell.params}
            if all(facts.get(name) == wanted for name, wanted in answer.where.items()):
                yield answer, cell


def _unlisted(study: Study, answer: Answer, cell: Cell) -> dict[str, Any]:
    """Parameters that the schema knows of this table and that differ without being listed."""
    protocol = published.table(answer.table).protocol
    listed = study.departs(cell)
    return {
        name: cell.params[name]
        for name, printed in protocol.items()
        if name in cell.params and cell.params[name] != printed and name not in listed
    }


@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.name)
def test_a_cell_that_departs_in_a_parameter_that_the_schema_knows_lists_it(study: Study) -> None:
    unlisted = [
        (answer.table, str(cell), found)
        for answer, cell in _answering(study)
        if (found := _unlisted(study, answer, cell))
    ]
    assert unlisted == []


@pytest.mark.parametrize(
    ("name", "parameter", "printed"),
    [
        ("partition", "temperatures", 10_000),
        ("compression", "passes", 500),
        ("compression", "temperature", 1.0),
    ],
)
def test_an_unlisted_departure_is_noticed(name: str, parameter: str, printed: float) -> None:
    study = registry.find(name)
    answer, cell = next(pair for pair in _answering(study) if parameter in pair[1].params)
    assert cell.params[parameter] != printed
    assert _unlisted(study, answer, cell) == {}
    silent = Study(study.name, 1, "says nothing", study.cells, study.run, study.answers)
    assert _unlisted(silent, answer, cell)[parameter] == cell.params[parameter]


def test_a_record_is_completed_with_what_its_study_knows_and_keeps_what_it_says() -> None:
    knowing = Study(
        STUDY.name,
        STUDY.version,
        STUDY.title,
        STUDY.cells,
        STUDY.run,
        departs=lambda cell: {"losses": ["one", "other"], "passes": [500, 1]},
    )
    record = made(departures={"passes": [500, 20]})
    assert completed(record, knowing).departures == {
        "losses": ["one", "other"],
        "passes": [500, 20],
    }
    assert completed(record, STUDY) is record


def test_no_code_of_chapter_2_beats_a_printed_one_since_it_was_trained_otherwise() -> None:
    cells = Results.open().table("recollections_distortion_categorical")
    judged = cells[cells["column"] == "distortion"]["verdict"]
    assert not any(judged.str.startswith("beats"))
    assert any(judged.str.startswith("agrees"))
