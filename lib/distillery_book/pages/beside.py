"""Recorded runs beside one another, each number with two standard errors: as a table, as dots of a
figure, and as what a paper concludes.

A conclusion is a difference. It holds where the recorded difference lies more than two standard
errors above zero, fails where it lies as far below, and is undecided between.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from distillery_book.pages.texts import NOT_RUN, give_or_take
from distillery_book.results import published
from distillery_book.results.published import Place
from distillery_book.results.results import Results
from distillery_book.results.verdicts import Recorded

Runs = Mapping[str, Mapping[str, Any]]
Number = tuple[float, float]  # a value and its standard error, not a number where there is none


@dataclass(frozen=True)
class Claim:
    """One published number, (table, key, ..., column), lies above another, or above zero where
    there is none.

    `paired` is the difference as runs measured it themselves, example by example: (study, metric,
    where, scale). Without it the errors of the two numbers are combined as if they had nothing in
    common, which overstates that of the difference.
    """

    above: Place
    below: Place | None = None
    paired: tuple[str, str, Mapping[str, Any], float] | None = None

    @property
    def sides(self) -> list[Place]:
        return [self.above] if self.below is None else [self.above, self.below]


def beside(study: str, runs: Runs, metrics: Mapping[str, tuple[str, float, str]]) -> pd.DataFrame:
    """A row for each label of `runs`, which says where its runs are; `metrics` maps a title to
    metric, scale and format.

    Numbers are means over seeds ± two standard errors; then n, the number of seeds, and the minutes
    of one run.
    """
    results, columns, means = Results.open(), {}, []
    for title, (metric, scale, form) in metrics.items():
        mean = results.means(study, runs, metric, scale=scale)
        pairs = zip(mean["value"], 2 * mean["error"], strict=True)
        columns[title] = [give_or_take(value, error, form) for value, error in pairs]
        means.append(mean[["n", "seconds"]])
    about = pd.concat(means).groupby(level=0, sort=False).first()
    minutes = about["seconds"] / about["n"] / 60
    texts = {"n": _whole(about["n"]), "minutes": _whole(minutes)}
    return pd.DataFrame(columns | texts, index=list(runs))


def dots(
    study: str,
    runs: Runs,
    metric: str,
    *,
    scale: float = 1.0,
    printed: Mapping[str, Place] | None = None,
) -> pd.DataFrame:
    """The same for one metric as `plots.intervals` takes it; `printed` places a published number
    beside a label.
    """
    means = Results.open().means(study, runs, metric, scale=scale)
    rows = [(label, "recorded", *pair) for label, *pair in means[["value", "error"]].itertuples()]
    rows += [(label, "published", *_published(place)) for label, place in (printed or {}).items()]
    frame = pd.DataFrame(rows, columns=["label", "kind", "value", "error"])
    frame["low"] = frame["value"] - 2 * frame["error"]
    frame["high"] = frame["value"] + 2 * frame["error"]
    return frame.drop(columns="error")


def concluded(claims: Mapping[str, Claim], form: str = ".2f") -> pd.DataFrame:
    """What is concluded, a line for each: the recorded difference, the published one, and whether
    the recorded one lies above zero.
    """
    lines = {}
    for text, claim in claims.items():
        ours = _recorded_gap(claim)
        theirs = _gap([_published(place) for place in claim.sides])
        lines[text] = {
            "recorded": give_or_take(ours[0], 2 * ours[1], form),
            "published": give_or_take(theirs[0], 2 * theirs[1], form),
            "holds": _holds(*ours),
        }
    return pd.DataFrame.from_dict(lines, orient="index", columns=["recorded", "published", "holds"])


def _recorded_gap(claim: Claim) -> Number:
    results = Results.open()
    if claim.paired is None:
        return _gap([_number(results.answers.get(place)) for place in claim.sides])
    study, metric, where, scale = claim.paired
    return _number(results.mean(study, metric, where, scale=scale))


def _published(place: Place) -> Number:
    cell = published.at(*place)
    return cell.value, math.nan if cell.above is None else cell.above


def _number(mean: Recorded | None) -> Number:
    if mean is None:
        return math.nan, math.nan
    return mean.value, math.nan if mean.error is None else mean.error


def _gap(sides: list[Number]) -> Number:
    """The first number less the second, or less nothing."""
    (value, error), (other, its_error) = (*sides, (0.0, 0.0))[:2]
    return value - other, math.hypot(error, its_error)


def _holds(value: float, error: float) -> str:
    if math.isnan(value):
        return NOT_RUN
    if abs(value) > 2 * error:
        return "yes" if value > 0 else "no"
    return "undecided"


def _whole(numbers: pd.Series) -> list[str]:
    return ["" if math.isnan(number) else f"{number:.0f}" for number in numbers]
