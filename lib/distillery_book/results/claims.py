"""What the papers conclude, sentence by sentence, and whether the recorded runs bear it out.

`book/published/claims.csv` holds the sentences in our words: key, paper, place, chapter, what is
claimed, how it is tested, in what unit. A chapter's folder holds the tests, in a file `claims.py`:
a mapping `TESTS` from keys to functions of the results that answer differences with their errors. A
claim holds where every difference lies more than two standard errors above zero, fails where one
lies as far below, and is undecided between.

The error of a difference is that over seeds. Where all its runs stored which test images were
answered rightly, it is that over the images if this is larger: few seeds may lie close by chance,
and would then tell what other images would not repeat.
"""

from __future__ import annotations

import importlib
import importlib.util
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from distillery import metrics
from distillery.metrics import Estimate
from distillery_book.results import published, registry, verdicts
from distillery_book.results.book_files import reading, rows
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
class Answers:
    """Where a run keeps which test images were answered rightly: in a row of a stored array, a bit
    an image, in whole bytes (uint8).
    """

    array: str
    row: int


@dataclass(frozen=True)
class Mean:
    """The mean over seeds of a metric of a study's runs, times `scale`.

    `scatters` says that runs of other seeds may end far from each other: then the error that a
    single run recorded itself, over test images say, decides nothing. `answers` is where the runs
    keep the answers that the metric is the share of, if they do.
    """

    study: str
    metric: str
    where: Mapping[str, Any]
    scale: float = 1.0
    scatters: bool = False
    answers: Answers | None = None

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

    def right(self, run: Record, results: Results) -> Tensor | None:
        """One for each test image that a run answered rightly and zero for the others, None where
        it stored no answers.
        """
        if self.answers is None:
            return None
        stored = results.stored(run).get(self.answers.array)
        if stored is None:
            return None
        return torch.from_numpy(np.unpackbits(stored[self.answers.row].numpy()))


Term = tuple[float, Mean]


def above(first: Mean, second: Mean | float = 0.0) -> Test:
    """The first mean lies above the second, or above a number: paired over the seeds that both
    have.
    """
    if isinstance(second, Mean):
        return combined((1.0, first), (-1.0, second))
    return combined((1.0, first), plus=-second)


def combined(*terms: Term, plus: float = 0.0) -> Test:
    """A sum of means, each with its weight, and a number lies above zero: paired over the seeds
    that all means have.
    """

    def test(results: Results) -> list[Estimate]:
        runs = [mean.runs(results) for _, mean in terms]
        shared = sorted(set.intersection(*(set(of_mean) for of_mean in runs)))
        paired = [[of_mean[seed] for of_mean in runs] for seed in shared]
        sums = [plus + _sum(terms, of_seed) for of_seed in paired]
        if len(sums) > 1:
            over_seeds = metrics.mean_and_error(sums)
            over_images = _error_over_images(terms, paired, results)
            return [replace(over_seeds, error=max(over_seeds.error, over_images))]
        return [
            Estimate(value, _own_error(terms, of_seed), 1)
            for value, of_seed in zip(sums, paired, strict=True)
        ]

    return test


def every(*tests: Test) -> Test:
    """All of several tests."""

    def test(results: Results) -> list[Estimate]:
        found = [each(results) for each in tests]
        return [one for some in found for one in some] if all(found) else []

    return test


def claims(chapter: int | None = None) -> list[Claim]:
    """The claims of a chapter, or of all, in the order of the file."""
    path = published.folder() / FILE
    with reading(path):
        lines: list[dict[str, Any]] = list(rows(path))
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


def _sum(terms: Sequence[Term], runs: Sequence[Record]) -> float:
    """The weighted sum of what the runs of one seed recorded, one run for each mean."""
    return sum(weight * mean.value(run) for (weight, mean), run in zip(terms, runs, strict=True))


def _own_error(terms: Sequence[Term], runs: Sequence[Record]) -> float:
    """The standard error of this sum by what its runs recorded of their own errors."""
    errors = [weight * mean.error(run) for (weight, mean), run in zip(terms, runs, strict=True)]
    return math.hypot(*errors)


def _error_over_images(
    terms: Sequence[Term], paired: Sequence[Sequence[Record]], results: Results
) -> float:
    """The standard error over test images of the mean over seeds of the weighted sum, zero where a
    run stored no answers.
    """
    over_seeds = [_image_by_image(terms, runs, results) for runs in paired]
    known = [of_seed for of_seed in over_seeds if of_seed is not None]
    if len(known) < len(paired):
        return 0.0
    return metrics.mean_and_error(torch.stack(known).mean(0)).error


def _image_by_image(
    terms: Sequence[Term], runs: Sequence[Record], results: Results
) -> Tensor | None:
    """What each test image gives to the weighted sum of one seed."""
    rights = [mean.right(run, results) for (_, mean), run in zip(terms, runs, strict=True)]
    known = [right.double() for right in rights if right is not None]
    if len(known) < len(terms):
        return None
    weights = torch.tensor([weight * mean.scale for weight, mean in terms], dtype=torch.float64)
    return weights @ torch.stack(known)


__all__ = [
    "Answers",
    "Claim",
    "Mean",
    "above",
    "claims",
    "combined",
    "every",
    "found",
    "judge",
    "tests",
]
