"""What the figures and tables of chapter 11 are made of: recorded runs, as frames of numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from torch import Tensor

from distillery_book.chapters.information import grid, information
from distillery_book.chapters.information.claims import STUDY, accuracy
from distillery_book.results import published
from distillery_book.results.results import Results

TABLE_1 = "vid_cifar10_small_data"
TABLE_2 = "vid_cifar100_student_size"
TABLE_4 = "vid_cnn_to_mlp"
LABELS = {
    "student": "labels alone",
    "kd": "KD",
    "fitnet": "FitNet",
    "at": "AT",
    "nst": "NST",
    "vid_i": "VID-I",
    "kd+at": "KD and AT",
    "kd+vid_i": "KD and VID-I",
}
LAYERS = ("first convolution", "first group", "second group", "third group")
_FRAME = ["label", "kind", "value", "low", "high"]

Lines = dict[str, tuple[np.ndarray, ...]]


def by_images(methods: Sequence[str]) -> Lines:
    """Accuracy in percent against the images of each class, with a band of two standard errors, as
    `plots.lines` takes them; of one run alone the band has no width.
    """
    drawn: Lines = {}
    for method in methods:
        points = [(images, _mean(method, images=images)) for images in sorted(grid.SEEDS_OF)]
        known = [(images, *pair) for images, pair in points if not math.isnan(pair[0])]
        if known:
            x, y, error = (np.array(column, dtype=float) for column in zip(*known, strict=True))
            drawn[LABELS[method]] = (x, y, 2 * np.nan_to_num(error))
    return drawn


def printed(methods: Sequence[str]) -> Lines:
    """The published numbers of the same figure."""
    columns = sorted(grid.SEEDS_OF)
    return {
        LABELS[method]: (
            np.array(columns, dtype=float),
            np.array([published.at(TABLE_1, method, f"M{m}").value for m in columns]),
        )
        for method in methods
    }


def dots(table: str, column: str, **where: Any) -> pd.DataFrame:
    """A column of a printed table as `plots.intervals` takes it: recorded beside published."""
    rows = [row for row in LABELS if _stands(table, row, column)]
    lines = []
    for row in rows:
        value, error = _mean(row, **where)
        lines.append((LABELS[row], "recorded", value, value - 2 * error, value + 2 * error))
        cell = published.at(table, row, column)
        lines.append((LABELS[row], "published", cell.value, math.nan, math.nan))
    return pd.DataFrame(lines, columns=_FRAME)


def maps() -> dict[str, Tensor]:
    """Figure 2: pictures, and log q of every place of the second group of blocks, (3, K, 6, H, W):
    at three stages, for a student taught by labels that is only watched and for one of VID-I; empty
    where nothing is recorded.
    """
    kept = Results.open().arrays(STUDY, {"role": "maps"})
    return {name: kept[name] for name in ("pictures", "maps") if name in kept}


def variances(images: int) -> dict[str, Tensor]:
    """The learned variances of VID-I, sorted, by layer; empty where nothing is recorded."""
    kept = Results.open().arrays(STUDY, information.place(images=images))
    found = {name: kept.get(f"variance_vid_i_{place}") for place, name in enumerate(LAYERS)}
    return {name: values.sort().values for name, values in found.items() if values is not None}


def gained(images: int) -> pd.DataFrame:
    """The nats that each layer of a student of VID-I tells of the teacher's, an image, at the end;
    not numbers where nothing is recorded.
    """
    names = [f"gained_vid_i_{layer}" for layer in ("first", "groups.0", "groups.1", "groups.2")]
    results, where = Results.open(), information.place(images=images)
    means = [results.mean(STUDY, name, where) for name in names]
    values = [math.nan if mean is None else mean.value for mean in means]
    return pd.DataFrame({"nats": values}, index=list(LAYERS))


def recorded(method: str, **place: Any) -> float:
    """Accuracy in percent, not a number where it was not run."""
    return _mean(method, **place)[0]


def taught(task: str = "cifar10") -> tuple[int, float]:
    """After how many of its courses the teacher was measured last, and its accuracy in percent."""
    results = Results.open()
    for number, course in reversed(list(enumerate(grid.COURSES, 1))):
        where = {"role": "teacher", "task": task, "network": grid.TEACHER, "course": course}
        mean = results.mean(STUDY, "test", where, scale=100.0)
        if mean is not None:
            return number, mean.value
    return 0, math.nan


def _mean(method: str, **place: Any) -> tuple[float, float]:
    own = accuracy(method, **place)
    mean = Results.open().mean(own.study, own.metric, own.where, scale=own.scale)
    if mean is None:
        return math.nan, math.nan
    return mean.value, math.nan if mean.error is None else mean.error


def _stands(table: str, row: str, column: str) -> bool:
    try:
        published.at(table, row, column)
    except ValueError:
        return False
    return True


__all__ = [
    "LABELS",
    "by_images",
    "dots",
    "gained",
    "maps",
    "printed",
    "recorded",
    "taught",
    "variances",
]
