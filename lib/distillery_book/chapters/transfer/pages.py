"""What the pages of chapters 3 and 4 ask of the records: what students of a column have learned,
and how many bits its memory takes in full.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch

from distillery.models.autoencoder import CategoricalAutoencoder
from distillery_book.chapters.transfer.memories import RIVALS, SIZES, TABLES, TIMES
from distillery_book.chapters.transfer.students import BATCH, LONG, MARKS, SHORT
from distillery_book.results.results import Results
from distillery_book.results.verdicts import Recorded

IMAGES, PIXELS, CLASSES = 50_000, 784, 10
HALF = 16  # bits of a stored parameter

Curve = tuple[np.ndarray, np.ndarray, np.ndarray]


def group(column: str) -> str:
    """Which cells a column learns in."""
    if column in TABLES:
        return "tables"
    return "rivals" if column in RIVALS else "beyond"


def place(column: str, episodes: int, *, student: str = "lenet") -> dict[str, Any]:
    """Where the runs of a column's students are."""
    group_of = group(column)
    return {"student": student, "columns": group_of, "batch": BATCH, "episodes": episodes}


def learned(column: str, episodes: int = SHORT, *, student: str = "lenet") -> Recorded | None:
    """The accuracy in points of a column's students, None where nothing is recorded."""
    where = place(column, SHORT if episodes <= SHORT else LONG, student=student)
    return Results.open().mean("transfer", f"accuracy_{column}_{episodes}", where, scale=100)


def percent(column: str, episodes: int = SHORT, **who: str) -> float:
    """The same as a number, not a number where nothing is recorded."""
    mean = learned(column, episodes, **who)
    return math.nan if mean is None else mean.value


def margin(column: str, episodes: int = SHORT, **who: str) -> float:
    """Two standard errors of it over seeds, not a number where no two are recorded."""
    mean = learned(column, episodes, **who)
    return math.nan if mean is None or mean.error is None else 2 * mean.error


def curve(column: str, **who: str) -> Curve:
    """Episodes, mean accuracy and two standard errors, as far as recorded."""
    means = {mark: learned(column, mark, **who) for mark in MARKS}
    there = {mark: mean for mark, mean in means.items() if mean is not None}
    values = np.array([mean.value for mean in there.values()])
    errors = np.array([2 * (mean.error or 0.0) for mean in there.values()])
    return np.array(list(there), float), values, errors


def decoder_bits(size: str) -> int:
    """The decoder of chapter 2's autoencoder at 16 bits a parameter."""
    rng = torch.Generator().manual_seed(0)
    decoder = CategoricalAutoencoder(SIZES[size], 2, rng=rng).decoder
    return HALF * sum(parameter.numel() for parameter in decoder.parameters())


def full_bits(way: str, size: str) -> float:
    """All that must be kept of a way to remember, labels included where the labels answer; the
    teacher, whom every other way asks, is not counted.
    """
    raw = 8 * IMAGES * PIXELS / TIMES[size]
    if way == "recollections":
        return decoder_bits(size) + IMAGES * SIZES[size]
    if way == "images, labels":
        return raw + IMAGES / TIMES[size] * math.log2(CLASSES)
    if way == "prior":
        where = {"student": "lenet", "columns": "rivals"}
        stored = Results.open().mean("transfer", f"bits_prior_{size}", where)
        return math.nan if stored is None else decoder_bits(size) + stored.value
    return float(decoder_bits(size)) if way in ("random codes", "confident") else raw


# What each way to remember is called among the columns, by how much it compresses.
WAYS: Mapping[str, Mapping[str, str]] = {
    "recollections": {size: f"compress_{size}" for size in SIZES},
    "images": {
        "10x": "sample_10pct_teacher_y",
        "50x": "sample_2pct_teacher_y",
        "100x": "sample_1pct_teacher_y",
    },
    "images, labels": {"10x": "sample_10pct", "50x": "sample_2pct", "100x": "sample_1pct"},
    "JPEG": {size: f"jpeg_{size}" for size in SIZES},
    "WebP": {size: f"webp_{size}" for size in SIZES},
    "coreset": {size: f"centres_{size}" for size in SIZES},
    "prior": {size: f"prior_{size}" for size in SIZES},
    "random codes": {size: f"code_{size}" for size in SIZES},
    "confident": {size: f"confident_{size}" for size in SIZES},
}


def by_bits(episodes: int = SHORT) -> pd.DataFrame:
    """A row for each way and size that is recorded: bits in full, accuracy, two standard errors."""
    rows = []
    for way, columns in WAYS.items():
        for size, column in columns.items():
            mean = learned(column, episodes)
            if mean is not None:
                bits = full_bits(way, size)
                rows.append((way, size, bits, mean.value, 2 * (mean.error or 0.0)))
    return pd.DataFrame(rows, columns=["way", "size", "bits", "accuracy", "error"])
