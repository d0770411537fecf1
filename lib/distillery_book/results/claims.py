"""What the papers conclude, sentence by sentence, and whether the recorded runs bear it out.

`book/published/claims.csv` holds the sentences in our words: key, paper, place, chapter, what is
claimed, how it is tested, in what unit. A chapter's folder holds the tests, in a file `claims.py`:
a mapping `TESTS` from keys to functions of the results that answer differences with their errors. A
claim holds where every difference lies more than two standard errors above zero, fails where one
lies as far below, and is undecided between.
"""

from __future__ import annotations

import csv
import importlib
import importlib.util
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from distillery import metrics
from distillery.metrics import Estimate
from distillery_book.results import published, registry, verdicts
from distillery_book.results.records import Record
from distillery_book.results.results import Results

HOLDS, FAILS, UNDECIDED = "holds", "fails", "undecided"
FILE = "claims.csv"

Test = Callable[[Results], Sequence[Estimate]]


@dataclass(frozen=True)
class Claim:
    """A sentence of a paper, in our words; `test` says in words what is compared, `unit` in what
    the difference is measured, where it is measured in anything.
    """

    key: str
    paper: str
    place: str
    chapter: int
    claim: str
    test: str
    unit: str


@dataclass(frozen=True)
class Mean:
    """The mean over seeds of a metric of a study's runs, times `scale`.

    `scatters` says that runs of other seeds may end far from each other: then the error that a
    single run recorded itself, over test images say, decides nothing.
    """

    study: str
    metric: str
    where: Mapping[str, Any]
    scale: float = 1.0
    scatters: bool = False

    def runs(self, results: Results) -> dict[int, Record]:
        """The runs on real data at the best profile, by seed."""
        fitting = results.index(self.study).fitting(self.where)
        having = [run for run in fitting if self.metric in run.metrics]
        return {run.seed: run for run in verdicts.chosen(having, self.where)}

    def value(self, run: Record) -> float:
        return run.metrics[self.metric] * self.scale

    def error(self, run: Record) -> float:
        """The standard error that the run recorded itself, infinite where it recorded none or where
        it says too little.
        """
        if self.scatters:
            return math.inf
        return abs(self.scale) * run.metrics.get(f"{self.metric}_se", math.inf)


def above(first: Mean, second: Mean | float = 0.0) -> Test:
    """The first mean lies above the second, or above a number: paired over the seeds that both
    have.
    """

    def test(results: Results) -> list[Estimate]:
        if isinstance(second, Mean):
            return _paired(first, second, results)
        return _less(first, second, results)

    return test


def every(*tests: Test) -> Test:
    """All of several tests."""

    def test(results: Results) -> list[Estimate]:
        found = [each(results) for each in tests]
        return [one for some in found for one in some] if all(found) else []

    return test


def claims(chapter: int | None = None) -> list[Claim]:
    """The claims of a chapter, or of all, in the order of the file."""
    with open(published.folder() / FILE, newline="", encoding="utf-8") as file:
        lines: list[dict[str, Any]] = list(csv.DictReader(file))
    every_one = [Claim(**(line | {"chapter": int(line["chapter"])})) for line in lines]
    return [claim for claim in every_one if chapter in (None, claim.chapter)]


def tests() -> dict[str, Test]:
    """The tests of all chapters, by the keys of their claims."""
    known: dict[str, Test] = {}
    for folder in registry.chapters():
        name = f"{registry.CHAPTERS}.{folder}.claims"
        if importlib.util.find_spec(name) is not None:
            known |= importlib.import_module(name).TESTS
    return known


def found(claim: Claim, results: Results) -> Estimate | None:
    """The difference that speaks least for a claim, in units of its error; None when it was not
    run, or no program can test it.
    """
    test = tests().get(claim.key)
    differences = [] if test is None else list(test(results))
    return min(differences, key=_favour, default=None)


def judge(difference: Estimate | None) -> str:
    """Whether a claim holds, by the difference that speaks least for it; two runs do not know
    their own scatter, and decide nothing.
    """
    if difference is None:
        return verdicts.NOT_RUN
    if difference.n == 2 or not abs(difference.value) > 2 * difference.error:
        return UNDECIDED
    return HOLDS if difference.value > 0 else FAILS


def _favour(difference: Estimate) -> float:
    if math.isnan(difference.error) or math.isinf(difference.error):
        return 0.0
    if difference.error == 0:
        return math.copysign(math.inf, difference.value) if difference.value else 0.0
    return difference.value / difference.error


def _paired(first: Mean, second: Mean, results: Results) -> list[Estimate]:
    pairs = verdicts.paired(first.runs(results).values(), second.runs(results).values())
    gaps = [first.value(ours) - second.value(others) for ours, others in pairs]
    if len(gaps) > 1:
        return [metrics.mean_and_error(gaps)]
    return [
        Estimate(gap, math.hypot(first.error(ours), second.error(others)), 1)
        for gap, (ours, others) in zip(gaps, pairs, strict=True)
    ]


def _less(mean: Mean, number: float, results: Results) -> list[Estimate]:
    runs = mean.runs(results)
    values = [mean.value(run) - number for run in runs.values()]
    if len(values) > 1:
        return [metrics.mean_and_error(values)]
    pairs = zip(values, runs.values(), strict=True)
    return [Estimate(value, mean.error(run), 1) for value, run in pairs]


__all__ = [
    "Claim",
    "Mean",
    "above",
    "claims",
    "every",
    "found",
    "judge",
    "tests",
]
