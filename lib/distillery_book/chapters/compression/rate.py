"""Beyond the papers: codes that are few bits to write.

The published architectures' codes under a learned prior, and codes trained for one.

`prior`: a recorded autoencoder as it is. `rate`: an autoencoder and a prior trained together on
absolute error + rate · bits, with the likeliest codes; then each picture's code is searched for
near the likeliest, by the same sum, the decoder is tuned to what was found, the search is made
again, and a prior is fitted to what it found.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from distillery.data import as_float
from distillery.distillation import distill
from distillery.generators import Resample
from distillery.losses import AbsoluteError, CodeBits
from distillery.models.autoencoder import CategoricalAutoencoder
from distillery.protocols import Batch
from distillery.storage import CodePrior, searched_codes, simple_bits
from distillery.teachers import Recorded
from distillery.tools.compress import recipes as parts
from distillery.training.schedules import one_cycle
from distillery_book.chapters.compression import measures, predicted
from distillery_book.results.study import WEIGHTS, Cell, Context, Outcome, Scalar
from distillery_book.running.pieces import Make, Pieces

LEARNS_BESIDE = 32  # hidden units of the prior that is trained with the autoencoder
FINISH_RATE = 0.001  # of Adam, for the decoder alone
# variables that the search tries, passes of the decoder on what it found
FOUND: dict[str, Scalar] = {"tried": 8, "finish": 5}
FITTED: dict[str, Scalar] = {"sizes": "4 8 16 32 64", "prior_passes": 12}
# The published distortion of so many variables of two values, and its name in metrics.
TARGETS = {168: (0.01955, "0.0196"), 62: (0.04073, "0.0407"), 38: (0.05785, "0.0579")}
Sets = dict[str, Tensor]


def of_recorded(variables: int, values: int, codes: str) -> Cell:
    """The codes of an autoencoder that ships, the likeliest (`argmax`) or `drawn`."""
    name = parts.model_name(variables, values)
    return Cell(
        {"model": "prior", "c": variables, "l": values, "codes": codes, **FITTED},
        0,
        f"mnist+{WEIGHTS}{name}",
    )


def traded(
    variables: int, rate: float, *, passes: int, data: str = "mnist", **more: Scalar
) -> Cell:
    """Binary codes at so much absolute error a bit; `width` filters inside, 0 for as many as
    published.
    """
    how: dict[str, Scalar] = {"c": variables, "l": 2, "rate": rate, "width": 0, "passes": passes}
    return Cell({"model": "rate", **how, **FOUND, **FITTED, **more}, 0, data)


def run_prior(cell: Cell, context: Context) -> Outcome:
    """An autoencoder as it was recorded: the bytes of its codes once they are predicted."""
    name, weights = cell.data.split(f"+{WEIGHTS}")
    sets = measures.sets(context.load(name), context)
    student: Any = context.models(weights)[weights].to(context.device)
    rng = None
    if cell.params["codes"] == "drawn":
        rng = torch.Generator(context.device).manual_seed(cell.seed)
    codes = {key: parts.encoded(student, x, rng) for key, x in sets.items()}
    return _measured(student, codes, sets, cell, context)


def run_rate(cell: Cell, context: Context) -> Outcome:
    """An autoencoder whose codes learn to be predictable: absolute error against bits really
    written.

    `*_unsearched` are the likeliest codes by the decoder that was tuned to the codes found: less
    than the search alone gains.
    """
    rng = torch.Generator(context.device).manual_seed(cell.seed)
    images = context.load(cell.data)
    sets = measures.sets(images, context)
    student = _student(cell.params, images.shape, rng).to(context.device)
    beside = CodePrior(student.variables, student.values, LEARNS_BESIDE, rng=rng)
    losses = _trained(student, beside, sets["train"], cell, context, rng)
    codes = _found(student, beside, sets, cell, context, rng)
    unsearched = {
        f"{name}_unsearched": measures.distortion(student, parts.encoded(student, x, None), x)
        for name, x in sets.items()
    }
    outcome = _measured(student, codes, sets, cell, context)
    return Outcome(
        {**outcome.metrics, **unsearched},
        arrays={**outcome.arrays, "losses": measures.thinned(losses)},
    )


def tuned(
    student: CategoricalAutoencoder,
    codes: Tensor,
    x: Tensor,
    *,
    passes: int,
    context: Context,
    rng: torch.Generator,
) -> None:
    """Bring the decoder nearer to the pictures from the codes that will be stored, which the
    encoder did not choose.
    """
    steps = max(1, passes * len(x) // parts.BATCH)
    decoder = nn.Sequential(student.decoder, nn.Sigmoid())
    distill(
        Pictures(),
        decoder,
        Resample(student.places(codes), x, rng=rng),
        AbsoluteError(),
        optimizer=torch.optim.Adam(decoder.parameters(), lr=FINISH_RATE),
        schedule=one_cycle(steps, warm_up=0.1),
        batch_size=parts.BATCH,
        steps=steps,
        dtype=context.dtype,
        checkpoint=context.scratch / "decoder.safetensors",
        every=parts.EVERY,
    )
    student.half().float()


class Pictures(Recorded):
    """The pictures that belong to the codes, recorded in bytes, as numbers in [0, 1]."""

    def forward(self, batch: Batch) -> Tensor:
        return as_float(super().forward(batch))


def _student(
    params: Mapping[str, Scalar], shape: tuple[int, int, int], rng: torch.Generator
) -> CategoricalAutoencoder:
    channels, size, _ = shape
    return CategoricalAutoencoder(
        int(params["c"]),
        int(params["l"]),
        rng=rng,
        channels=channels,
        size=size,
        width=int(params["width"]) or None,
    )


def _trained(
    student: CategoricalAutoencoder,
    beside: CodePrior,
    x: Tensor,
    cell: Cell,
    context: Context,
    rng: torch.Generator,
) -> Tensor:
    """Train autoencoder and prior together; the losses."""
    described = AbsoluteError() + float(cell.params["rate"]) * CodeBits(beside)
    passes, part = int(cell.params["passes"]), _share(context, 0, 0.6)
    return parts.trained(student, x, passes, part, rng=rng, described=described)


def _found(
    student: CategoricalAutoencoder,
    beside: CodePrior,
    sets: Sets,
    cell: Cell,
    context: Context,
    rng: torch.Generator,
) -> Sets:
    """Search for the codes of what is learned, tune the decoder to them, and search for all."""
    pieces = Pieces(_share(context, 0.6, 1), cell.seed, total=2.0 + len(sets))
    search = partial(_searched, student, beside, cell.params)
    first = pieces("first", search(sets["train"]))["codes"]
    passes = int(cell.params["finish"])
    tuned(student, first, sets["train"], passes=passes, context=context, rng=rng)
    return {name: pieces(name, search(x))["codes"] for name, x in sets.items()}


def _searched(
    student: CategoricalAutoencoder, prior: CodePrior, params: Mapping[str, Scalar], x: Tensor
) -> Make:
    """The codes of images, as a piece of the computation."""
    rate, tried = float(params["rate"]), int(params["tried"])

    def make(_: torch.Generator, share: Callable[[float], None]) -> Sets:
        codes: list[Tensor] = []
        for pictures in x.split(parts.AT_ONCE):
            floats = as_float(pictures)
            codes.append(searched_codes(student, floats, prior=prior, rate=rate, tried=tried))
            share(len(codes) * parts.AT_ONCE / len(x))
        return {"codes": torch.cat(codes)}

    return make


def _share(context: Context, begin: float, end: float) -> Context:
    """The same, where all that is done is the part from `begin` to `end` of the cell."""
    return replace(context, on_report=lambda done: context.report(begin + (end - begin) * done))


def _measured(
    student: CategoricalAutoencoder, codes: Sets, sets: Sets, cell: Cell, context: Context
) -> Outcome:
    """Bits as written, and distortion; `bits_at_L` once more where the training images lose no more
    than the published L.
    """
    values, train = student.values, codes["train"]
    prior = predicted.fitted(codes, values, cell.params, seed=cell.seed, context=context)
    metrics = {
        **measures.distortions(student, {name: codes[name] for name in sets}, sets),
        **measures.sizes(student),
        **measures.published_bits(simple_bits(student.variables, values), sets["train"]),
        **predicted.known(train, values),
        **predicted.written(prior, codes),
    }
    for variables, (level, _) in TARGETS.items():
        if metrics["train"] <= level:
            metrics[reached(variables)] = metrics["bits_on_disk"]
    pictures = student.decode(measures.shown(codes["test"], student.shape[0]))
    return Outcome(metrics, arrays={"argmax": parts.as_bytes(pictures)})


def reached(variables: int) -> str:
    """The metric that only runs at or below a published distortion have."""
    return f"bits_at_{TARGETS[variables][1]}"
