"""`Results`: a folder of results, read once, that answers in tidy frames of numbers.

    results = Results.open()             the book's own folder, or $DISTILLERY_RESULTS
    results.cells                        a row for every published number and every aim
    results.runs("density", {...})       a row for every run of a study
    results.means("density", {...}, "kl_mc")     a row for every label: the mean over seeds

`runs` is wide, a column for each parameter and each metric, because studies share neither: one
frame of all of them would be holes. `cells` is long, a row for each number, because numbers of all
tables are counted and compared in one way. Texts are made of them elsewhere, at the very end.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, fields, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from distillery.support.nearest import unknown
from distillery_book.results import published, records, registry, store, verdicts
from distillery_book.results.index import Index
from distillery_book.results.published import AIMS, Aim, Cell, Place
from distillery_book.results.records import Record
from distillery_book.results.study import PROFILES, Answer, Study
from distillery_book.results.verdicts import Recorded

if TYPE_CHECKING:
    from torch import Tensor

Where = Mapping[str, Any]
RECORDED = tuple(field.name for field in fields(Recorded))
NUMBERS = ("published", "below", "above", "tolerance", "aim", "value", "spread", "error", "seconds")
ORIGIN = ("study", "profile", "data", "device", "precision", "versions", "commit", "dirty")
_opened: dict[Path, tuple[object, Results]] = {}


class Results:
    """What the records in `folder` say of these studies (default: the book's)."""

    def __init__(self, folder: Path, studies: Sequence[Study] | None = None) -> None:
        self.folder = folder
        self._given = None if studies is None else {study.name: study for study in studies}
        self._indices: dict[str, Index] = {}
        self._stored: dict[str, dict[str, Tensor]] = {}

    @classmethod
    def open(cls, folder: str | Path | None = None) -> Results:
        """The results in a folder, read anew only when one of its files has changed; the default is
        `$DISTILLERY_RESULTS`, else `book/results`.
        """
        place = records.results_folder(folder)
        state = records.repository(), _state(place)
        if place not in _opened or _opened[place][0] != state:
            _opened[place] = state, cls(place)
        return _opened[place][1]

    def index(self, study: str) -> Index:
        """The records of a study that count."""
        if study not in self._indices:
            known = self._study(study)
            self._indices[study] = Index(known, records.read(known.name, self.folder))
        return self._indices[study]

    @property
    def cells(self) -> pd.DataFrame:
        """A row for every number of every published table, in the order of the chapters, then for
        every aim: where it stands, what is published, what is recorded, and the verdict.

        `keys` holds the row's keys in the table's order, `below` and `above` the printed standard
        errors. An aim has the table "aims", its key for keys, and what is aimed at as `aim`.
        """
        return self._cells.copy()

    def table(self, name: str) -> pd.DataFrame:
        """The rows of `cells` of one published table, or of the aims."""
        if name not in (*published.names(), AIMS):
            raise ValueError(unknown("published table", name, [*published.names(), AIMS]))
        return self.cells[self.cells["table"] == name]

    @cached_property
    def answers(self) -> dict[Place, Recorded]:
        """What is recorded for each published number and aim: of several the one at the best
        profile, of these the first.
        """
        best: dict[Place, Recorded] = {}
        for study in self.studies:
            for place, answer in _places(study):
                mean = self._answering(study, answer)
                if mean is not None and _is_better(mean, best.get(place)):
                    best[place] = replace(mean, calibrates=answer.calibrates)
        return best

    @property
    def progress(self) -> pd.DataFrame:
        """How much of each study's grid is recorded at each profile; `outdated` counts records of
        other versions.
        """
        indices = {study.name: self.index(study.name) for study in self.studies}
        rows = [
            (name, profile, index.done(profile), len(index.grids[profile]), index.outdated)
            for name, index in indices.items()
            for profile in PROFILES
        ]
        return pd.DataFrame(rows, columns=["study", "profile", "recorded", "cells", "outdated"])

    def mean(self, study: str, metric: str, where: Where, *, scale: float = 1.0) -> Recorded | None:
        """The mean of `metric` times `scale` over the seeds of the runs on real data that `where`
        describes, None when there are none.
        """
        runs = self.index(study).fitting(where)
        return verdicts.recorded(runs, metric, where=where, scale=scale)

    def _answering(self, study: Study, answer: Answer) -> Recorded | None:
        own = self.mean(study.name, answer.metric, answer.where, scale=answer.scale)
        if answer.minus is None or own is None:
            return own
        index = self.index(study.name)
        ours, others = (
            verdicts.chosen(index.fitting(each), each) for each in (answer.where, answer.minus)
        )
        return verdicts.difference(ours, others, answer.metric, scale=answer.scale)

    def means(
        self, study: str, runs: Mapping[str, Where], metric: str, *, scale: float = 1.0
    ) -> pd.DataFrame:
        """A row for each label of `runs`, which says where its runs are, with what `mean` says."""
        means = [self.mean(study, metric, where, scale=scale) for where in runs.values()]
        frame = pd.DataFrame([_numbers(mean) for mean in means], columns=RECORDED)
        frame = frame.astype(dict.fromkeys(("value", "spread", "error", "n", "seconds"), float))
        return frame.set_axis(list(runs), axis="index")

    def runs(
        self, study: str, where: Where | None = None, *, all_data: bool = False
    ) -> pd.DataFrame:
        """A row for each run that `where` describes, in the order of the study's cells: parameters,
        seed, data, profile, metrics, departures and seconds.

        Runs at the smoke profile or on stand-ins are left out unless `all_data` is set.
        """
        index = self.index(study)
        chosen = [run for run in index.fitting(where or {}) if all_data or verdicts.is_real(run)]
        chosen.sort(key=lambda run: index.order[run.place])
        if chosen:
            return pd.DataFrame([_of_run(run) for run in chosen])
        params = dict.fromkeys(name for cell in index.study.cells("laptop") for name in cell.params)
        return pd.DataFrame(columns=[*params, "seed", "data", "profile", "departures", "seconds"])

    def origins(self, study: str) -> pd.DataFrame:
        """A row for each run of a study on real data: what it was run on, by what, and how long."""
        runs = [run for run in self.index(study).records if verdicts.is_real(run)]
        columns = [*ORIGIN, "seconds"]
        return pd.DataFrame(
            [[getattr(run, name) for name in columns] for run in runs], columns=columns
        )

    def arrays(self, study: str, where: Where) -> dict[str, Tensor]:
        """The pictures' data of the run that `where` describes, of several seeds the lowest that
        stored any; empty when there is none.
        """
        runs = [run for run in self.index(study).fitting(where) if run.arrays]
        chosen = verdicts.chosen(runs, where)
        return store.arrays(chosen[0], self.folder) if chosen else {}

    def stored(self, run: Record) -> dict[str, Tensor]:
        """The arrays of one run, read once; empty where it stored none."""
        if not run.arrays:
            return {}
        if run.arrays not in self._stored:
            self._stored[run.arrays] = store.arrays(run, self.folder)
        return self._stored[run.arrays]

    @cached_property
    def _cells(self) -> pd.DataFrame:
        rows = [
            _of_cell(table, cell, self.answers.get(cell.place))
            for table in published.tables()
            for cell in table.cells()
        ]
        rows += [_of_aim(aim, self.answers.get(aim.place)) for aim in published.aims().values()]
        return pd.DataFrame(rows).astype(dict.fromkeys(NUMBERS, "float64") | {"n": "Int64"})

    @cached_property
    def studies(self) -> list[Study]:
        names = registry.names() if self._given is None else list(self._given)
        return [self._study(name) for name in names]

    def _study(self, name: str) -> Study:
        if self._given is None:
            return registry.find(name)
        if name not in self._given:
            raise ValueError(unknown("study", name, self._given))
        return self._given[name]


def _state(folder: Path) -> list[tuple[str, int, int]]:
    """Names, sizes and times of the files of records: what changes whenever one of them does."""
    states = [(path, path.stat()) for path in sorted(folder.glob("*.jsonl"))]
    return [(path.name, state.st_size, state.st_mtime_ns) for path, state in states]


def _places(study: Study) -> Iterator[tuple[Place, Answer]]:
    """Each answer of a study with the place of the published number or the aim that it answers."""
    targets = published.aims()
    for answer in [*_plain_aims(study), *study.answers()]:
        if answer.table != AIMS:
            yield _answered(study, answer), answer
            continue
        key = str(answer.row.get("key"))
        if key not in targets:
            raise ValueError(f"study {study.name}: {unknown('aim', key, targets)}")
        yield targets[key].place, answer


def _plain_aims(study: Study) -> list[Answer]:
    """The study's aims; one whose metric needs a scale may stand among its answers, with table
    "aims" and row {"key": …}.
    """
    return [Answer(AIMS, {"key": key}, "aim", metric, where) for key, metric, where in study.aims]


def _answered(study: Study, answer: Answer) -> Place:
    """Where an answer belongs; one to a number that no table prints is refused."""
    try:
        return published.table(answer.table).cell(answer.row, answer.column).place
    except ValueError as error:
        raise ValueError(f"study {study.name} answers what is not published: {error}") from error


def _is_better(mean: Recorded, other: Recorded | None) -> bool:
    return other is None or verdicts.RANKS[mean.profile] < verdicts.RANKS[other.profile]


def _of_cell(table: published.Table, cell: Cell, recorded: Recorded | None) -> dict[str, Any]:
    return {
        "chapter": table.chapter,
        "table": cell.table,
        "keys": tuple(cell.row.values()),
        "column": cell.column.name,
        "unit": cell.column.unit,
        "direction": cell.column.direction,
        "format": cell.column.format,
        "printed": cell.printed,
        "published": cell.value,
        "below": cell.below,
        "above": cell.above,
        "tolerance": cell.tolerance,
        "aim": None,
        **_numbers(recorded),
        "verdict": verdicts.judge(cell, recorded),
    }


def _of_aim(aim: Aim, recorded: Recorded | None) -> dict[str, Any]:
    return {
        "chapter": aim.chapter,
        "table": AIMS,
        "keys": (aim.key,),
        "column": aim.metric,
        "unit": aim.unit,
        "direction": aim.direction,
        "format": aim.format,
        "printed": "" if aim.published is None else aim.text(aim.published),
        "published": aim.published,
        "aim": aim.aim,
        **_numbers(recorded),
        "verdict": verdicts.judge_aim(aim, recorded),
    }


def _numbers(recorded: Recorded | None) -> dict[str, Any]:
    return dict.fromkeys(RECORDED) if recorded is None else asdict(recorded)


def _of_run(run: Record) -> dict[str, Any]:
    return {
        **run.params,
        "seed": run.seed,
        "data": run.data,
        "profile": run.profile,
        **run.metrics,
        "departures": run.departures,
        "seconds": run.seconds,
    }
