"""Recorded runs beside one another, each number with two standard errors: as a table, and as the
dots of a figure.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from distillery_book.pages.texts import give_or_take
from distillery_book.results import published
from distillery_book.results.published import Place
from distillery_book.results.results import Results

Runs = Mapping[str, Mapping[str, Any]]
Number = tuple[float, float]  # a value and its standard error, not a number where there is none


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


def _published(place: Place) -> Number:
    cell = published.at(*place)
    return cell.value, math.nan if cell.above is None else cell.above


def _whole(numbers: pd.Series) -> list[str]:
    return ["" if math.isnan(number) else f"{number:.0f}" for number in numbers]
