"""What is recorded and what is missing: every published number and every aim beside the runs that
answer it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distillery.support.nearest import unknown
from distillery_book.results import published, records, registry, verdicts
from distillery_book.results.study import PROFILES, Answer, Study
from distillery_book.results.verdicts import Recorded

AIMS = "aims"
Place = tuple[str, tuple[published.Key, ...], str]


@dataclass(frozen=True, eq=False)
class Status:
    """One published number, or one aim (then `table` is "aims" and `aim` a number), and how the
    records stand to it.
    """

    table: str
    row: Mapping[str, published.Key]
    column: str
    published: float | None
    recorded: Recorded | None
    verdict: str
    aim: float | None = None

    def as_json(self) -> dict[str, Any]:
        found = self.recorded
        shown = (
            None if found is None else {"value": found.value, "spread": found.spread, "n": found.n}
        )
        about = {
            name: None if found is None else getattr(found, name)
            for name in ("profile", "data", "seconds", "departures", "study")
        }
        place = {"table": self.table, "row": dict(self.row), "column": self.column}
        target = {"aim": self.aim} if self.table == AIMS else {}
        return (
            place
            | {"published": self.published}
            | target
            | {"recorded": shown}
            | about
            | {"verdict": self.verdict}
        )


@dataclass(frozen=True)
class Progress:
    """How much of a study's grid is recorded at a profile; `outdated` counts records of older
    versions.
    """

    study: str
    profile: str
    recorded: int
    cells: int
    outdated: int


def cells(known: Sequence[Study] | None = None, results: Path | None = None) -> list[Status]:
    """Every number of every published table, in the order of the chapters, with the verdict of the
    present records.
    """
    found = _recorded(_studies(known), results)
    return [
        _status(cell, found.get(_place(cell.table, cell.row, cell.column.name)))
        for table in published.tables()
        for cell in table.cells()
    ]


def aims(known: Sequence[Study] | None = None, results: Path | None = None) -> list[Status]:
    """Every aim, with the verdict of the present records."""
    targets = published.aims()
    found: dict[str, Recorded | None] = {}
    for study in _studies(known):
        counting = records.current(study, results)
        for answer in _aimed(study):
            key = str(answer.row.get("key"))
            if key not in targets:
                raise ValueError(f"study {study.name}: {unknown('aim', key, targets)}")
            value = verdicts.recorded(
                counting, answer.metric, where=answer.where, scale=answer.scale
            )
            found[key] = _better(found.get(key), value)
    return [_aim_status(aim, found.get(aim.key)) for aim in targets.values()]


def table(
    name: str, known: Sequence[Study] | None = None, results: Path | None = None
) -> list[Status]:
    """The numbers of one published table, or the aims."""
    if name == AIMS:
        return aims(known, results)
    if name not in published.names():
        raise ValueError(unknown("published table", name, [*published.names(), AIMS]))
    return [status for status in cells(known, results) if status.table == name]


def progress(known: Sequence[Study] | None = None, results: Path | None = None) -> list[Progress]:
    """How many cells of each study's grids are recorded, whatever their data's fingerprint."""
    found = []
    for study in _studies(known):
        own = records.read(study.name, results)
        counting = [record for record in own if record.version == study.version]
        for profile in PROFILES:
            grid = study.cells(profile)
            done = sum(bool(records.matching(counting, cell)) for cell in grid)
            found.append(Progress(study.name, profile, done, len(grid), len(own) - len(counting)))
    return found


def counts(statuses: Iterable[Status]) -> Counter[str]:
    """How often each verdict occurs, reduced or not."""
    return Counter(status.verdict.removesuffix(", reduced") for status in statuses)


def _studies(known: Sequence[Study] | None) -> Sequence[Study]:
    return [registry.find(name) for name in registry.names()] if known is None else known


def _recorded(known: Sequence[Study], results: Path | None) -> dict[Place, Recorded | None]:
    found: dict[Place, Recorded | None] = {}
    for study in known:
        counting = records.current(study, results)
        for answer in (answer for answer in study.answers() if answer.table != AIMS):
            place = _answered(study, answer)
            value = verdicts.recorded(
                counting, answer.metric, where=answer.where, scale=answer.scale
            )
            found[place] = _better(found.get(place), value)
    return found


def _aimed(study: Study) -> list[Answer]:
    """The study's aims; one whose metric needs a scale may stand among its answers, with table
    "aims" and row {"key": …}.
    """
    plain = [Answer(AIMS, {"key": key}, "aim", metric, where) for key, metric, where in study.aims]
    return plain + [answer for answer in study.answers() if answer.table == AIMS]


def _answered(study: Study, answer: Answer) -> Place:
    """Where an answer belongs; one to a number that no table prints is refused."""
    try:
        published.table(answer.table).cell(answer.row, answer.column)
    except ValueError as error:
        raise ValueError(f"study {study.name} answers what is not published: {error}") from error
    return _place(answer.table, answer.row, answer.column)


def _place(table: str, row: Mapping[str, published.Key], column: str) -> Place:
    return table, tuple(row[key] for key in published.table(table).keys), column


def _better(first: Recorded | None, second: Recorded | None) -> Recorded | None:
    """The one at the better profile; of two at one profile the first."""
    if first is None or second is None:
        return first or second
    return min(first, second, key=lambda found: verdicts.RANKS[found.profile])


def _status(cell: published.Cell, found: Recorded | None) -> Status:
    return Status(
        cell.table, cell.row, cell.column.name, cell.value, found, verdicts.judge(cell, found)
    )


def _aim_status(aim: published.Aim, found: Recorded | None) -> Status:
    return Status(
        AIMS,
        {"key": aim.key},
        aim.metric,
        aim.published,
        found,
        verdicts.judge_aim(aim, found),
        aim.aim,
    )
