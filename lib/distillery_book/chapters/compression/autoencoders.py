"""The published autoencoders: of categorical codes, and of continuous latents that rival them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from distillery.models.autoencoder import CategoricalAutoencoder, ContinuousAutoencoder
from distillery.models.files import Named
from distillery.storage import simple_bits
from distillery.tools.compress import recipes
from distillery.tools.compress.recipes import USUAL, Recipe, as_bytes, encoded, model_name
from distillery_book.chapters.compression import measures, predicted
from distillery_book.chapters.compression.grid import SHIPPED, published
from distillery_book.results.study import Cell, Context, Outcome

CONVOLUTIONS = "convolutions"  # the published layers of the continuous rival

Sets = Mapping[str, Tensor]


def run_categorical(cell: Cell, context: Context) -> Outcome:
    """A categorical code: its bits by several counts, and what pictures lose, by codes that are
    drawn and by the likeliest.
    """
    rng = torch.Generator(context.device).manual_seed(cell.seed)
    images = context.load(cell.data)
    student = _student(cell, images.shape, rng).to(context.device)
    sets = measures.sets(images, context)
    passes, recipe = int(cell.params["passes"]), recipe_of(cell)
    losses = recipes.trained(student, sets["train"], passes, context, rng=rng, recipe=recipe)
    drawn = {name: encoded(student, x, rng) for name, x in sets.items()}
    likeliest = {name: encoded(student, x, None) for name, x in sets.items()}
    return Outcome(
        {
            **_measured(student, sets, drawn, likeliest),
            **_predicted(likeliest, student.values, cell, context),
        },
        departs(cell),
        {
            "drawn": _pictures(student, drawn["test"]),
            "argmax": _pictures(student, likeliest["test"]),
            "losses": measures.thinned(losses),
        },
        models=_shipped(student, cell),
        weights_name=model_name(student.variables, student.values),
    )


def run_continuous(cell: Cell, context: Context) -> Outcome:
    """A code of real numbers, each counted as 32 bits, as the papers count it."""
    rng = torch.Generator(context.device).manual_seed(cell.seed)
    latents, passes = int(cell.params["h"]), int(cell.params["passes"])
    images = context.load(cell.data)
    student = ContinuousAutoencoder(latents, rng=rng, **_layers(cell)).to(context.device)
    sets = measures.sets(images, context)
    losses = recipes.trained(
        student, sets["train"], passes, context, rng=rng, recipe=recipe_of(cell)
    )
    codes = {name: encoded(student, x) for name, x in sets.items()}
    metrics = {
        **measures.distortions(student, codes, sets),
        **measures.sizes(student),
        **measures.published_bits(32 * latents, sets["train"]),
    }
    drawn = as_bytes(student.decode(measures.shown(codes["test"], 1)))
    return Outcome(metrics, departs(cell), {"drawn": drawn, "losses": measures.thinned(losses)})


def departs(cell: Cell) -> dict[str, list[Any]]:
    """In what the training of a published autoencoder differs from what the papers say.

    Their continuous rival has h filters at 2 x 2 places, 128 h bits; ours with "dense" in its
    parameters, or with `filters` of its own, has h numbers, 32 h bits.
    """
    departures = measures.departures(int(cell.params["passes"]), cell.data, recipe_of(cell))
    if cell.params["model"] == "continuous":
        latents = int(cell.params["h"])
        departures["bits"] = [128 * latents, 32 * latents]
        if "dense" in cell.params:
            departures["layers"] = [CONVOLUTIONS, "dense"]
    return departures


def recipe_of(cell: Cell) -> Recipe:
    """The recipe that a cell's parameters name, the usual one where they say nothing."""
    params = cell.params
    return Recipe(
        batch=int(params.get("batch", USUAL.batch)),
        rate=float(params.get("adam_rate", USUAL.rate)),
        epsilon=float(params.get("adam_epsilon", USUAL.epsilon)),
        temperature=float(params.get("temperature", USUAL.temperature)),
    )


def _student(
    cell: Cell, shape: tuple[int, int, int], rng: torch.Generator
) -> CategoricalAutoencoder:
    variables, values = int(cell.params["c"]), int(cell.params["l"])
    channels, size, _ = shape
    return CategoricalAutoencoder(variables, values, rng=rng, channels=channels, size=size)


def _layers(cell: Cell) -> dict[str, Any]:
    """What a continuous rival is made of."""
    if "dense" in cell.params:
        return {"dense": [int(width) for width in str(cell.params["dense"]).split()]}
    return {"filters": int(cell.params["filters"])}


def _measured(
    student: CategoricalAutoencoder, sets: Sets, drawn: Sets, likeliest: Sets
) -> dict[str, float]:
    values = student.values
    by_likeliest = measures.distortions(student, likeliest, sets)
    return {
        **measures.distortions(student, drawn, sets),
        **{f"{name}_argmax": value for name, value in by_likeliest.items()},
        **measures.published_bits(simple_bits(student.variables, values), sets["train"]),
        **measures.bits(drawn["train"], values),
        **measures.sizes(student),
        "bits_entropy_argmax": measures.entropy(likeliest["train"], values),
        "bits_coded_argmax": measures.coded(likeliest["train"], values),
    }


def _predicted(codes: Sets, values: int, cell: Cell, context: Context) -> dict[str, float]:
    """The bits of the likeliest codes under a prior, where the cell asks for one."""
    if "sizes" not in cell.params:
        return {}
    prior = predicted.fitted(codes, values, cell.params, seed=cell.seed, context=context)
    return predicted.written(prior, codes)


def _pictures(student: CategoricalAutoencoder, codes: Tensor) -> Tensor:
    return as_bytes(student.decode(measures.shown(codes, student.shape[0])))


def _shipped(student: CategoricalAutoencoder, cell: Cell) -> list[Named]:
    """The autoencoder itself, of a code that ships."""
    if cell not in [published(*code) for code in SHIPPED]:
        return []
    return [Named(model_name(student.variables, student.values), student)]
