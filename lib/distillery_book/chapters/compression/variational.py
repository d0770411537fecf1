"""The papers' own recipe: a variational autoencoder at a constant rate, of four the one that leaves
the least distortion on the training images (Riemer et al., 2018, appendix).

Given are the rates, that the autoencoder is a variational one, codes drawn by the Gumbel-softmax at
temperature 1, and the measure, one stochastic pass. Chosen by us, for the papers do not say: Adam,
fifty images a step, pixels by cross entropy, the divergence of a code weighted as in the evidence
bound. The continuous rival has h filters in every layer and at its 2x2 places, 4 h numbers of 32
bits, and no noise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from distillery.distillation import distill
from distillery.generators import Resample
from distillery.losses import CodeKL, Loss, PixelCrossEntropy
from distillery.models.autoencoder import CategoricalAutoencoder, ContinuousAutoencoder
from distillery.teachers import Inputs
from distillery.tools.compress.recipes import EVERY, Autoencoder, encoded
from distillery_book.chapters.compression import measures
from distillery_book.results.study import Cell, Context, Outcome, Scalar

RATES = (1e-2, 1e-3, 1e-4, 1e-5)
BATCH = 50
PASSES = 20
FLOAT_BITS = 32
MODELS = ("variational", "filters")


@dataclass(frozen=True, eq=False)
class Trained:
    """An autoencoder with its distortions, by name of the set."""

    student: Autoencoder
    distortions: dict[str, float]


def code(
    variables: int, values: int, seed: int = 0, *, passes: int = PASSES, data: str = "mnist"
) -> Cell:
    """A code of Table 6 by the papers' recipe."""
    return Cell(
        {"model": "variational", "c": variables, "l": values, "passes": passes, "batch": BATCH},
        seed,
        data,
    )


def rival(filters: int, seed: int = 0, *, passes: int = PASSES, data: str = "mnist") -> Cell:
    """A continuous rival of Table 7 with so many filters."""
    params: dict[str, Scalar] = {"model": "filters", "h": filters, "passes": passes, "batch": BATCH}
    return Cell(params, seed, data)


def run(cell: Cell, context: Context) -> Outcome:
    """Train at each of the four rates, keep the one with the least distortion of training images;
    that of every rate is recorded beside it.
    """
    images = context.load(cell.data)
    sets = measures.sets(images, context)
    tried = {
        rate: _trained(cell, images.shape, sets, _part(context, index), rate)
        for index, rate in enumerate(RATES)
    }
    best = min(tried, key=lambda rate: tried[rate].distortions["train"])
    student = tried[best].student
    metrics = {
        **tried[best].distortions,
        "rate": best,
        **{f"train_{rate:g}": one.distortions["train"] for rate, one in tried.items()},
        **measures.sizes(student),
        **measures.published_bits(bits(student), sets["train"]),
    }
    return Outcome(metrics, departs(cell))


def departs(cell: Cell) -> dict[str, list[Any]]:
    """In what a training differs from what the papers say: its passes alone."""
    return {"passes": [measures.PUBLISHED_PASSES["mnist"], cell.params["passes"]]}


def bits(student: Autoencoder) -> float:
    """Bits of an image's code, as the papers count."""
    if isinstance(student, CategoricalAutoencoder):
        return student.variables * (student.values - 1).bit_length()
    return FLOAT_BITS * student.latents


def loss_of(student: Autoencoder) -> Loss:
    """Cross entropy of the pixels; of a categorical code with the divergence, a pixel, added."""
    if isinstance(student, CategoricalAutoencoder):
        channels, height, width = student.shape
        return PixelCrossEntropy() + (1 / (channels * height * width)) * CodeKL()
    return PixelCrossEntropy()


def _trained(
    cell: Cell, shape: Sequence[int], sets: Mapping[str, Tensor], context: Context, rate: float
) -> Trained:
    """First weights and the order of images are the same at every rate."""
    rng = torch.Generator(context.device).manual_seed(cell.seed)
    student = _student(cell, shape, rng).to(context.device)
    student.to(memory_format=torch.channels_last)
    steps = max(1, int(cell.params["passes"]) * len(sets["train"]) // int(cell.params["batch"]))
    distill(
        Inputs(),
        student,
        Resample(sets["train"], rng=rng),
        loss_of(student),
        optimizer=torch.optim.Adam(student.parameters(), lr=rate, fused=True),
        batch_size=int(cell.params["batch"]),
        steps=steps,
        dtype=context.dtype,
        checkpoint=context.scratch / f"rate-{rate:g}.safetensors",
        every=EVERY,
        progress=lambda done, total: context.report(done / (total or 1)),
    )
    codes = {name: _codes(student, x, context, cell.seed) for name, x in sets.items()}
    return Trained(student, measures.distortions(student, codes, sets))


def _student(cell: Cell, shape: Sequence[int], rng: torch.Generator) -> Autoencoder:
    channels, size, _ = shape
    if cell.params["model"] == "variational":
        variables, values = int(cell.params["c"]), int(cell.params["l"])
        return CategoricalAutoencoder(variables, values, rng=rng, channels=channels, size=size)
    filters = int(cell.params["h"])
    return ContinuousAutoencoder(
        4 * filters, rng=rng, channels=channels, size=size, filters=filters, linear=False
    )


def _codes(student: Autoencoder, x: Tensor, context: Context, seed: int) -> Tensor:
    """Codes of images in bytes, drawn where they can be."""
    if not isinstance(student, CategoricalAutoencoder):
        return encoded(student, x)
    return encoded(student, x, torch.Generator(context.device).manual_seed(seed))


def _part(context: Context, index: int) -> Context:
    """The same place, whose progress is a quarter of the whole."""
    return replace(context, on_report=lambda done: context.report((index + done) / len(RATES)))
