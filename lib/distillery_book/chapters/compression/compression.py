"""Chapter 2: how few bits a picture is remembered in: categorical codes, continuous latents, JPEG
(Riemer et al., 2018, Tables 6 and 7).

Of MNIST the training images are the first five sixths of the set (50,000, as many as the papers
store). What is decided is decided on the last sixth, `held`: rates, batches, temperatures and the
order of losses in runs of a few passes of 38 x 2 and, for long codes, of 168 x 2, the sizes of
priors in every run; no test image takes part in a choice. Of Omniglot and CIFAR-10 all training
images are learned, and decide nothing but one epsilon of Adam's. The metrics `train`, `held` and
`test` are mean absolute errors of pixels in [0, 1], by one stochastic pass where a code is drawn.

Beyond the papers: other codecs, a learned prior over the codes, and codes that are trained to be
predictable (`rate`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from distillery.tools.compress import recipes as parts
from distillery.tools.compress.recipes import PASSES
from distillery_book.chapters.compression import autoencoders, codecs, rate, variational
from distillery_book.chapters.compression.autoencoders import run_categorical, run_continuous
from distillery_book.chapters.compression.grid import (
    CODES,
    LATENTS,
    OTHERS,
    SHIPPED,
    cells,
    traded,
)
from distillery_book.results.study import Answer, Cell, Context, Outcome, Study

__all__ = ["CODES", "LATENTS", "OTHERS", "PASSES", "SHIPPED", "STUDY", "answers", "cells", "run"]

RUNS: dict[str, Callable[[Cell, Context], Outcome]] = {
    "categorical": run_categorical,
    "continuous": run_continuous,
    "prior": rate.run_prior,
    "rate": rate.run_rate,
    **dict.fromkeys(variational.MODELS, variational.run),
    **dict.fromkeys(codecs.MODELS, codecs.run),
}


def run(cell: Cell, context: Context) -> Outcome:
    """One point of the figure: bits an image, and what the picture loses."""
    return RUNS[str(cell.params["model"])](cell, context)


def departs(cell: Cell) -> Mapping[str, Sequence[Any]]:
    """Of the autoencoders that stand in for published ones; nothing else has a protocol."""
    model = cell.params["model"]
    if model in variational.MODELS:
        return variational.departs(cell)
    return autoencoders.departs(cell) if model in ("categorical", "continuous") else {}


def answers() -> Sequence[Answer]:
    """Tables 6 and 7: the distortion of one stochastic pass over the training images, and the
    compression as the papers count it.

    Of Table 1 the distortion over the test images, which it prints beside that of nearest
    neighbours. What the papers' own recipe made answers first, ours where that was not run.
    """
    codes = [{"c": variables, "l": values} for variables, values in CODES]
    latents = [{"h": latents} for latents in LATENTS]
    columns = {"distortion": "train", "compression": "compression"}
    tables = [
        ("categorical", "variational", codes),
        ("continuous", "filters", latents),
        ("categorical", "categorical", codes),
        ("continuous", "continuous", latents),
    ]
    curves = [
        Answer(
            f"recollections_distortion_{table}",
            row,
            column,
            metric,
            {"model": model, "data": "mnist", **row},
        )
        for table, model, rows in tables
        for row in rows
        for column, metric in columns.items()
    ]
    neighbours = [
        Answer(
            "recollections_nearest_neighbour",
            {"latent": f"{c}x2", "sampling": sampling},
            "reconstruction_distortion",
            "test",
            {"model": "categorical", "data": "mnist", "c": c, "l": 2},
        )
        for c in (38, 168)
        for sampling in ("code", "buffer")
    ]
    return [*curves, *neighbours]


STUDY = Study(
    "compression",
    1,
    "Compression curves of categorical autoencoders",
    cells,
    run,
    answers,
    aims=[
        (f"compression_{variables}", rate.reached(variables), cell.params)
        for variables, ladder in traded().items()
        for cell in ladder
    ],
    makes=tuple(parts.model_name(*code) for code in SHIPPED),
    departs=departs,
)
