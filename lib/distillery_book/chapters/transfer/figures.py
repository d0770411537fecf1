"""What the figures and tables of chapter 3 are made of: recorded runs, as frames of numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from torch import Tensor, zeros

from distillery import plots
from distillery.metrics import Estimate
from distillery_book.chapters.transfer import claims, pages
from distillery_book.chapters.transfer.memories import SIZES, TABLES
from distillery_book.chapters.transfer.setting import KINDS
from distillery_book.results import published
from distillery_book.results.claims import FAILS, HOLDS, UNDECIDED, Test, above, judge
from distillery_book.results.results import Results
from distillery_book.results.verdicts import NOT_RUN, Recorded

LABELS = {
    "real": "all images, labels",
    "real_x_teacher_y": "all images",
    "sample_10pct": "10 % of them, labels",
    "sample_2pct": "2 % of them, labels",
    "sample_1pct": "1 % of them, labels",
    "compress_10x": "recollections, 168 bits",
    "compress_50x": "recollections, 62 bits",
    "compress_100x": "recollections, 38 bits",
}
GAINS = {
    "real": "all images",
    "sample_10pct": "10 % of them",
    "sample_2pct": "2 % of them",
    "sample_1pct": "1 % of them",
    "compress_10x": "recollections, 168 bits",
    "compress_50x": "recollections, 62 bits",
    "compress_100x": "recollections, 38 bits",
}
DISTANCES = {
    "reconstruction_distortion": "a picture from itself, coded and decoded",
    "nearest_neighbour_distortion": "a decoded picture from the nearest image",
}
STUDENTS = {"lenet": "LeNet", "mlp": "MLP"}
WORDS = {HOLDS: "better", FAILS: "worse", UNDECIDED: "undecided"}  # beside recollections
FEWEST = 3  # seeds by which students are told apart
_INTERVAL = ["label", "kind", "value", "low", "high"]


def gallery(rows: Mapping[str, Tensor]) -> None:
    """Rows of pictures, each pixel as it is."""
    _, axis = plt.subplots(figsize=(6.4, 0.52 * len(rows)))
    plots.images(list(rows.values()), rows=list(rows), ax=axis)
    axis.images[0].set_interpolation("nearest")
    plt.show()


def kept_pictures(memory: str) -> Tensor:
    """Pictures that a memory gave in the recorded runs, blank where there are none."""
    stored = Results.open().arrays("transfer", {"student": "none", "memory": memory})
    return stored.get("pictures", zeros(32, 1, 28, 28))[:10]


def right(column: str) -> str:
    """What students of a column answer rightly after 10,000 episodes, in words."""
    value = pages.percent(column)
    return NOT_RUN if math.isnan(value) else f"{value:.1f} %"


def beside_published(student: str, episodes: int = pages.SHORT) -> pd.DataFrame:
    """Each column of the published table: recorded, with two standard errors, and printed."""
    table = f"recollections_{KINDS[student]}_student_random"
    rows = []
    for column in TABLES:
        label = LABELS[column]
        mean = pages.learned(column, episodes, student=student)
        value, error = (math.nan, math.nan) if mean is None else (mean.value, _twice(mean.error))
        rows.append((label, "recorded", value, value - error, value + error))
        printed = published.at(table, episodes, column).value
        rows.append((label, "published", printed, math.nan, math.nan))
    return pd.DataFrame(rows, columns=_INTERVAL)


def gains_told(student: str, verdict: str) -> list[str]:
    """The memories on which the teacher's answers are told to teach more than labels (HOLDS), or
    less (FAILS), of the same pictures, seed by seed.
    """
    tests = {
        label: claims.gain_by_teacher(column, student=student) for column, label in GAINS.items()
    }
    return [label for label, test in tests.items() if judge(difference(test)) == verdict]


def difference(test: Test) -> Estimate:
    """The first difference of a test, not a number where it was not run."""
    return next(iter(test(Results.open())), Estimate(math.nan, math.nan, 0))


def by_capacity(way: str, episodes: int = pages.SHORT) -> pages.Curve:
    """Bits of a code, what it teaches in points, two standard errors: as far as recorded."""
    means = {size: pages.learned(pages.WAYS[way][size], episodes) for size in SIZES}
    there = {size: mean for size, mean in means.items() if mean is not None}
    bits = np.array([SIZES[size] for size in there], float)
    values = np.array([mean.value for mean in there.values()])
    errors = np.array([_twice(mean.error) for mean in there.values()])
    order = bits.argsort()
    return bits[order], values[order], errors[order]


def distances(way: str) -> pages.Curve:
    """Bits of a code, and how far from the nearest training image its pictures lie; `way` is
    "buffer" or "code".
    """
    results = Results.open()
    rows = []
    for size, bits in SIZES.items():
        where = {"student": "none", "memory": f"{way} {size}"}
        mean = results.mean("transfer", "nearest", where)
        if mean is not None:
            rows.append((bits, mean.value, _twice(mean.error)))
    bits_of, values, errors = np.array(sorted(rows), float).reshape(-1, 3).T
    return bits_of, values, errors


def printed_distances(way: str) -> tuple[list[int], list[float]]:
    """The same as published, at two sizes."""
    table, bits = "recollections_nearest_neighbour", [SIZES["100x"], SIZES["10x"]]
    column = "nearest_neighbour_distortion"
    return bits, [published.at(table, f"{c}x2", way, column).value for c in bits]


def against_recollections(way: str, size: str, *, student: str = "lenet") -> Estimate:
    """What a way teaches more than recollections of the same size after 10,000 episodes, in points,
    seed by seed.
    """
    ours, theirs = (
        claims.accuracy(pages.WAYS[name][size], student=student) for name in (way, "recollections")
    )
    return difference(above(ours, theirs))


def judged(way: str, size: str, *, student: str = "lenet") -> str:
    """Whether a way teaches better or worse than recollections of the same size, if enough seeds
    have both.
    """
    found = against_recollections(way, size, student=student)
    if math.isnan(found.value):
        return NOT_RUN
    return WORDS[judge(found)] if found.n >= FEWEST else "too few seeds"


def beside_printed(student: str) -> dict[str, list[str]]:
    """The rows of a student's published table that recorded runs lie above, below and around, by
    two standard errors.
    """
    frame = beside_published(student)
    ours = frame[frame["kind"] == "recorded"].set_index("label").dropna()
    theirs = frame[frame["kind"] == "published"].set_index("label")["value"].loc[ours.index]
    is_above, is_below = ours["low"] > theirs, ours["high"] < theirs
    sides = {"above": is_above, "below": is_below, "around": ~(is_above | is_below)}
    return {side: [str(label) for label in ours.index[held]] for side, held in sides.items()}


def ordered(columns: Mapping[str, str], episodes: int, student: str) -> str:
    """The labels of columns from the best teacher to the worst: `>` where the difference of two
    neighbours can be told, `~` where it cannot.
    """
    whole = pages.SHORT if episodes <= pages.SHORT else pages.LONG
    means = {
        label: claims.accuracy(column, student=student, after=episodes, of=whole)
        for label, column in columns.items()
    }
    values = {
        label: pages.percent(column, episodes, student=student) for label, column in columns.items()
    }
    known = [label for label in means if not math.isnan(values[label])]
    known.sort(key=values.__getitem__, reverse=True)
    text = known[0] if known else NOT_RUN
    for better, worse in pairwise(known):
        is_told = judge(difference(above(means[better], means[worse]))) == HOLDS
        text += f" {'>' if is_told else '~'} {worse}"
    return text


def ways(size: str) -> pd.DataFrame:
    """A row for each way to remember at a size: megabits in full, pictures, accuracy and the number
    of its seeds, the same less that of recollections.
    """
    lines = {}
    for way, columns in pages.WAYS.items():
        mean = pages.learned(columns[size])
        gap = against_recollections(way, size)
        bits = pages.full_bits(way, size) / 1e6
        lines[way] = {
            "megabits": NOT_RUN if math.isnan(bits) else f"{bits:.2f}",
            "pictures": _held(way, size),
            "right, %": NOT_RUN if mean is None else _with_error(mean),
            "seeds": "" if mean is None else str(mean.n),
            "beside recollections": ""
            if way == "recollections"
            else _text(gap.value, 2 * gap.error),
            "": "" if way == "recollections" else judged(way, size),
        }
    return pd.DataFrame.from_dict(lines, orient="index").rename_axis("kept")


def _held(way: str, size: str) -> str:
    if way in ("prior", "random codes", "confident"):
        return "none"
    if way == "recollections":
        return f"{pages.IMAGES:,}"
    if way.startswith("images"):
        return f"{pages.IMAGES / pages.TIMES[size]:,.0f}"
    column = pages.WAYS[way][size]
    where = {"student": "lenet", "columns": pages.group(column)}
    mean = Results.open().mean("transfer", f"pictures_{column}", where)
    return NOT_RUN if mean is None else f"{mean.value:,.0f}"


def _with_error(mean: Recorded) -> str:
    return _text(mean.value, math.inf if mean.error is None else 2 * mean.error)


def _text(value: float, error: float) -> str:
    """A number with its error, which one run alone may leave open."""
    if math.isnan(value):
        return NOT_RUN
    return f"{value:.2f}" + (f" ± {error:.2f}" if math.isfinite(error) else "")


def _twice(error: float | None) -> float:
    return 0.0 if error is None else 2 * error
