"""Ways to learn more from the same recollections of 38 bits, each tried by itself, as a table."""

from __future__ import annotations

import math

import pandas as pd

from distillery_book.chapters.curricula import claims
from distillery_book.chapters.curricula.figures import difference, word
from distillery_book.results.claims import Answers, Mean, above
from distillery_book.results.results import Results
from distillery_book.results.verdicts import NOT_RUN, Recorded

COLUMN = "compress_100x"
# What a page calls a way, and how its runs are told from others.
WAYS = {
    "temperature 2": ("better", "temperature 2"),
    "temperature 5": ("better", "temperature 5"),
    "a rate that falls": ("better", "falling rate"),
    "pictures shifted": ("better", "shifted"),
    "the likeliest first": ("better", "likeliest first"),
    "likeliest codes": ("likeliest", "plain"),
}
DRAWN = {"at random": "", "active": "active"}
COLUMNS = [
    (drawn, what) for drawn in DRAWN for what in ("right, %", "gain, points", "seeds", "verdict")
]


def accuracy(way: str, curriculum: str) -> Mean:
    """What a LeNet answers rightly after 10,000 examples, in points, taught in that way."""
    columns, name = WAYS[way]
    where = {
        "student": "lenet",
        "columns": columns,
        "batch": claims.BATCH,
        "way": name,
        "curriculum": curriculum or "random",
        "episodes": claims.SHORT,
    }
    answers = Answers(COLUMN, claims.COMPARED.index(claims.SHORT))
    return Mean("transfer", f"accuracy_{COLUMN}_{claims.SHORT}", where, 100.0, answers=answers)


def tried() -> pd.DataFrame:
    """A row for each way: what it teaches, and what it adds to the papers' way, seed by seed."""
    lines = {
        way: [text for curriculum in DRAWN.values() for text in _told(way, curriculum)]
        for way in WAYS
    }
    frame = pd.DataFrame.from_dict(lines, orient="index")
    frame.columns = pd.MultiIndex.from_tuples(COLUMNS)
    return frame.rename_axis("changed")


def highest() -> float:
    """The best mean accuracy in points of any way, not a number where none is recorded."""
    means = [_mean(way, curriculum) for way in WAYS for curriculum in DRAWN.values()]
    return max((mean.value for mean in means if mean is not None), default=math.nan)


def _mean(way: str, curriculum: str) -> Recorded | None:
    mean = accuracy(way, curriculum)
    return Results.open().mean(mean.study, mean.metric, mean.where, scale=mean.scale)


def _told(way: str, curriculum: str) -> list[str]:
    found = _mean(way, curriculum)
    if found is None:
        return [NOT_RUN, "", "", ""]
    plain = claims.accuracy(COLUMN, claims.SHORT, curriculum=curriculum)
    test = above(accuracy(way, curriculum), plain)
    gain = difference(test)
    told = f"{gain.value:+.2f}"
    if math.isfinite(gain.error):
        told += f" ± {2 * gain.error:.2f}"
    return [f"{found.value:.2f}", told, str(found.n), word(test)]
