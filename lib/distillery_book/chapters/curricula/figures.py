"""What the figures and tables of chapter 4 are made of: recorded runs, as frames of numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from distillery.metrics import Estimate
from distillery_book.chapters.curricula import claims
from distillery_book.results import published
from distillery_book.results.claims import HOLDS, Test, above, judge
from distillery_book.results.results import Results
from distillery_book.results.verdicts import NOT_RUN, REDUCED, Recorded

MARKS = (10, 100, 1000, claims.SHORT, claims.LONG)
STUDENTS = {"lenet": ("LeNet", "cnn"), "mlp": ("MLP", "mlp")}
LABELS = {
    "real": "all images, labels",
    "sample_10pct": "10 % of them, labels",
    "sample_2pct": "2 % of them, labels",
    "sample_1pct": "1 % of them, labels",
    "real_x_teacher_y": "all images",
    "compress_10x": "recollections, 168 bits",
    "compress_50x": "recollections, 62 bits",
    "compress_100x": "recollections, 38 bits",
}
# The columns of Table 3: what is drawn from, and how.
TABLE_3 = {
    "all images, labels": ("real", "real", ""),
    "all images": ("real_x_teacher_y", "real_x_teacher_y", ""),
    "168 bits, active": ("active_10x", "compress_10x", "active"),
    "38 bits, active": ("active_100x", "compress_100x", "active"),
    "168 bits, active and diverse": ("active_diverse_10x", "compress_10x", "active and diverse"),
    "38 bits, active and diverse": ("active_diverse_100x", "compress_100x", "active and diverse"),
}
# What the columns of all tables are called in words.
COLUMNS = LABELS | {column: label for label, (column, *_) in TABLE_3.items()}
# What figures call a way of choosing, and what claims call it.
CURRICULA = {"random": "", "active": "active", "active and diverse": "active and diverse"}
SIDE_BY_SIDE = {"": 8, "active": 8, "active and diverse": 3}  # students of a run, at each rate
RATES = 2
_INTERVAL = ["label", "kind", "value", "low", "high"]

Curve = tuple[np.ndarray, np.ndarray, np.ndarray]


def learned(
    column: str, after: int, *, student: str = "lenet", curriculum: str = ""
) -> Recorded | None:
    """What students of a column answer rightly, in points; None where nothing is recorded."""
    mean = claims.accuracy(column, after, student=student, curriculum=curriculum)
    return Results.open().mean(mean.study, mean.metric, mean.where, scale=mean.scale)


def percent(column: str, after: int = claims.SHORT, **who: str) -> float:
    """The same as a number, not a number where nothing is recorded."""
    mean = learned(column, after, **who)
    return math.nan if mean is None else mean.value


def misread(column: str, *, student: str = "lenet", curriculum: str = "") -> Curve:
    """Examples seen, what is answered wrongly in points, two standard errors, as far as run."""
    who = {"student": student, "curriculum": curriculum}
    means = {mark: learned(column, mark, **who) for mark in MARKS}
    there = {mark: mean for mark, mean in means.items() if mean is not None}
    wrong = np.array([100 - mean.value for mean in there.values()])
    errors = np.array([2 * (mean.error or 0.0) for mean in there.values()])
    return np.array(list(there), float), wrong, errors


def milliseconds(curriculum: str, *, student: str = "lenet") -> float:
    """What an example cost a student of runs of 10,000: the time of the fastest run, which shared
    its machine least, shared out.

    A record does not tell training from what no curriculum changes: coding the pictures, the
    teacher's answers to them, looking at the students.
    """
    mean = claims.accuracy("compress_100x", claims.SHORT, student=student, curriculum=curriculum)
    runs = Results.open().runs(mean.study, mean.where)
    if runs.empty:
        return math.nan
    return 1000 * float(runs["seconds"].min()) / (SIDE_BY_SIDE[curriculum] * RATES * claims.SHORT)


def gains(
    curriculum: str, marks: Sequence[int], *, student: str = "lenet", columns: Sequence[str] = ()
) -> pd.DataFrame:
    """What a curriculum teaches more than random examples of the same memory, seed by seed."""
    rows = []
    for column in columns or LABELS:
        for mark in marks:
            gain = difference(claims.gain(column, mark, curriculum, student=student))
            error = 2 * gain.error
            kind = f"{mark:,} examples"
            rows.append((LABELS[column], kind, gain.value, gain.value - error, gain.value + error))
    return pd.DataFrame(rows, columns=_INTERVAL)


def printed_gains(marks: Sequence[int], *, student: str = "lenet") -> pd.DataFrame:
    """The same of active sampling as published in the first version."""
    _, name = STUDENTS[student]
    rows = []
    for column, label in LABELS.items():
        for mark in marks:
            active, random = (
                published.at(f"recollections_{name}_student_{way}", mark, column).value
                for way in ("active", "random")
            )
            rows.append((label, f"{mark:,} examples", active - random, math.nan, math.nan))
    return pd.DataFrame(rows, columns=_INTERVAL)


def beside_published(after: int = claims.SHORT) -> pd.DataFrame:
    """The columns of Table 3: recorded, with two standard errors, and printed."""
    table, rows = "recollections_cnn_student_curricula", []
    for label, (printed, column, curriculum) in TABLE_3.items():
        mean = learned(column, after, curriculum=curriculum)
        value = math.nan if mean is None else mean.value
        error = math.nan if mean is None else 2 * (mean.error or 0.0)
        rows.append((label, "recorded", value, value - error, value + error))
        rows.append(
            (label, "published", published.at(table, after, printed).value, *2 * (math.nan,))
        )
    return pd.DataFrame(rows, columns=_INTERVAL)


def by_marks(beside: pd.DataFrame) -> pd.DataFrame:
    """A published table with a column for each number of examples that was run: recorded, in
    brackets published, and the verdict; that it is reduced is left to the text.
    """
    verdicts = beside["verdict"].str.replace(REDUCED, "")
    told = beside["recorded"] + " [" + beside["published"].astype(str) + "] " + verdicts
    wide = told.unstack("episodes")
    wide = wide.loc[:, [not column.str.endswith(NOT_RUN).all() for _, column in wide.items()]]
    known = [column for column in COLUMNS if column in wide.index]
    rows = [*known, *wide.index.difference(known)]
    return wide.loc[rows].rename(index=COLUMNS).rename_axis("taught by")


def costs() -> pd.DataFrame:
    """What an example costs a LeNet by each curriculum, in whole runs; also in units of one drawn
    at random.
    """
    each = pd.Series({name: milliseconds(curriculum) for name, curriculum in CURRICULA.items()})
    times = each / each["random"]
    frame = pd.DataFrame({"milliseconds an example": each, "times random": times})
    return frame.rename_axis("curriculum")


def difference(test: Test) -> Estimate:
    """The first difference of a test, not a number where it was not run."""
    return next(iter(test(Results.open())), Estimate(math.nan, math.nan, 0))


def word(test: Test) -> str:
    """Whether a difference is above zero, below it, or cannot be told."""
    found = difference(test)
    if math.isnan(found.value):
        return "not run"
    verdict = judge(found)
    return "undecided" if verdict == "undecided" else "better" if verdict == HOLDS else "worse"


def active_against(column: str, curriculum: str, *, student: str) -> str:
    """Whether the hardest of ten recollections of 38 bits teach better than examples of a column by
    another curriculum, after 10,000 of each.
    """
    ours = claims.accuracy("compress_100x", claims.SHORT, student=student, curriculum="active")
    theirs = claims.accuracy(column, claims.SHORT, student=student, curriculum=curriculum)
    return word(above(ours, theirs))


def chosen(curriculum: str, mark: int, column: str = "compress_100x") -> Tensor:
    """The examples that a LeNet chose last before a mark, blank where nothing is recorded."""
    where = {
        "student": "lenet",
        "columns": claims.GROUPS[curriculum],
        "curriculum": curriculum,
        "episodes": claims.SHORT,
    }
    kept = Results.open().arrays("curricula", where).get(f"chosen_{column}")
    return torch.zeros(16, 1, 28, 28) if kept is None else kept[MARKS.index(mark)]
