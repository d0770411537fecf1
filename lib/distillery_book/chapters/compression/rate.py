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
from distillery.tools.compress import priors
from distillery.tools.compress import recipes as parts
from distillery.training.schedules import one_cycle
from distillery_book.results.study import WEIGHTS, Cell, Context, Outcome, Scalar
from distillery_book.running.pieces import Make, Pieces

LEARNS_BESIDE = 32  # hidden units of the prior that is trained with the autoencoder
FINISH_RATE = 0.001  # of Adam, for the decoder alone
FOUND: dict[str, Scalar] = {
    "tried": 8,
    "finish": 5,
}  # variables that the search tries, passes of the decoder on what it found
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
    sets = parts.sets(context.load(name), context)
    student: Any = context.models(weights)[weights].to(context.device)
    rng = (
        torch.Generator(context.device).manual_seed(cell.seed)
        if cell.params["codes"] == "drawn"
        else None
    )
    return _measured(
        student,
        {key: parts.encoded(student, x, rng) for key, x in sets.items()},
        sets,
        cell,
        context,
    )


def run_rate(cell: Cell, context: Context) -> Outcome:
    """An autoencoder whose codes learn to be predictable: absolute error against bits really
    written.

    `*_unsearched` are the likeliest codes by the decoder that was tuned to the codes found: less
    than the search alone gains.
    """
    params, rng = cell.params, torch.Generator(context.device).manual_seed(cell.seed)
    images = context.load(cell.data)
    sets, (channels, size, _) = parts.sets(images, context), images.shape
    variables, values, width = int(params["c"]), int(params["l"]), int(params["width"]) or None
    student = CategoricalAutoencoder(
        variables, values, rng=rng, channels=channels, size=size, width=width
    ).to(context.device)
    beside = CodePrior(variables, values, LEARNS_BESIDE, rng=rng)
    described = AbsoluteError() + float(params["rate"]) * CodeBits(beside)
    losses = parts.trained(
        student,
        sets["train"],
        int(params["passes"]),
        _share(context, 0, 0.6),
        rng=rng,
        described=described,
    )
    pieces = Pieces(_share(context, 0.6, 1), cell.seed, total=2.0 + len(sets))
    search = partial(_searched, student, beside, params)
    tuned(
        student,
        pieces("first", search(sets["train"]))["codes"],
        sets["train"],
        int(params["finish"]),
        context,
        rng=rng,
    )
    codes = {name: pieces(name, search(x))["codes"] for name, x in sets.items()}
    likeliest = {
        f"{name}_unsearched": parts.distortion(student, parts.encoded(student, x, None), x)
        for name, x in sets.items()
    }
    found = _measured(student, codes, sets, cell, context)
    return Outcome(
        {**found.metrics, **likeliest}, arrays={**found.arrays, "losses": parts.thinned(losses)}
    )


def tuned(
    student: CategoricalAutoencoder,
    codes: Tensor,
    x: Tensor,
    passes: int,
    context: Context,
    *,
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


def _searched(
    student: CategoricalAutoencoder, prior: CodePrior, params: Mapping[str, Scalar], x: Tensor
) -> Make:
    """The codes of images, as a piece of the computation."""

    def make(_: torch.Generator, share: Callable[[float], None]) -> Sets:
        found: list[Tensor] = []
        for some in x.split(parts.AT_ONCE):
            found.append(
                searched_codes(
                    student,
                    as_float(some),
                    prior=prior,
                    rate=float(params["rate"]),
                    tried=int(params["tried"]),
                )
            )
            share(len(found) * parts.AT_ONCE / len(x))
        return {"codes": torch.cat(found)}

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
    values = student.values
    prior = priors.fitted(codes, values, cell.params, seed=cell.seed, context=context)
    metrics = {
        name: parts.distortion(student, codes[name], x) for name, x in sets.items()
    } | parts.sizes(student)
    metrics |= parts.published_bits(
        simple_bits(student.variables, values), sets["train"]
    ) | priors.known(codes["train"], values)
    metrics |= priors.written(prior, codes)
    metrics |= {
        reached(c): metrics["bits_on_disk"]
        for c, (level, _) in TARGETS.items()
        if metrics["train"] <= level
    }
    return Outcome(
        metrics,
        arrays={
            "argmax": parts.as_bytes(student.decode(parts.shown(codes["test"], student.shape[0])))
        },
    )


def reached(variables: int) -> str:
    """The metric that only runs at or below a published distortion have."""
    return f"bits_at_{TARGETS[variables][1]}"
