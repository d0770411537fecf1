"""What the studies of chapters 3 and 4 have in common: the images, the teacher, the autoencoders of
chapter 2, and how far all of them depart from the papers.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from distillery.data import Images
from distillery.distillation import distill
from distillery.generators import Resample
from distillery.generators.subsets import answers
from distillery.losses import HardLabels
from distillery.models.autoencoder import CategoricalAutoencoder
from distillery.models.lenet import LeNet
from distillery.storage import WholePrior
from distillery.teachers import Frozen, Labels
from distillery.tools.compress import recipes
from distillery.training.schedules import one_cycle
from distillery_book.chapters.transfer import rivals, ways
from distillery_book.chapters.transfer.memories import COLUMNS, SIZES, Memory, Sources
from distillery_book.chapters.transfer.students import Examples, stream
from distillery_book.results.study import WEIGHTS, Cell, Context

TEACHER = "lenet-mnist"
TEACHER_PASSES, TEACHER_BATCH, TEACHER_RATE = 20, 100, 0.002
AUTOENCODER_PASSES = {"10x": 60, "50x": 20, "100x": 20}
PUBLISHED_PASSES = 500
STAND_IN = "embedded:digits"
KINDS = {"lenet": "cnn", "mlp": "mlp"}  # of students, and what the published tables call them
TINY = 16  # variables of the autoencoder that the smoke run trains


def data_of(*variables: int) -> str:
    """What a cell needs: the images, the teacher, and autoencoders of chapter 2."""
    names = [TEACHER, *(recipes.model_name(c, 2) for c in variables)]
    return "+".join(["mnist", *(f"{WEIGHTS}{name}" for name in names)])


def departs(names: Collection[str]) -> dict[str, list[Any]]:
    """What the papers say and is otherwise here: less training of teacher and autoencoders, and
    the recipes by which chapter 2 trains autoencoders.
    """
    departures: dict[str, list[Any]] = {"teacher_passes": [PUBLISHED_PASSES, TEACHER_PASSES]}
    sizes = {name.partition(" ")[2] for name in names if " " in name}
    if sizes:
        fewest = min(AUTOENCODER_PASSES[size] for size in sizes)
        departures |= departs_of_autoencoder(fewest)
    if "10x" in sizes:
        departures["autoencoder_temperature"] = [1.0, "falling to 0.1"]
    return departures


def departs_of_autoencoder(passes: int) -> dict[str, list[Any]]:
    """What the papers say of an autoencoder's training, and how chapter 2's recipes differ."""
    return {
        "autoencoder_passes": [PUBLISHED_PASSES, passes],
        "autoencoder_rates": ["constant, 1e-2 to 1e-5", "one cycle"],
        "autoencoder_losses": ["with a KL term", "cross entropy, then L1"],
    }


def recorded_models(cell: Cell, context: Context) -> dict[str, Any]:
    """The networks that a cell's data name, by their names, as they were recorded."""
    names = [part.removeprefix(WEIGHTS) for part in cell.data.split("+") if WEIGHTS in part]
    return {name: context.models(name)[name].to(context.device).eval() for name in names}


def sources(cell: Cell, images: Images, context: Context) -> Sources:
    """Teacher and autoencoders as they were recorded; of stand-ins such as are trained here."""
    (x, y), _ = parts(images, context)
    if cell.data == STAND_IN:
        return _tiny_sources(x, y, images, context)
    models = recorded_models(cell, context)
    autoencoders: dict[str, Any] = {
        size: models[name]
        for size, variables in SIZES.items()
        if (name := recipes.model_name(variables, 2)) in models
    }
    priors = _priors(cell, autoencoders, x, context)
    return Sources(x, y, models[TEACHER], autoencoders, priors)


def _priors(
    cell: Cell, autoencoders: Mapping[str, CategoricalAutoencoder], x: Tensor, context: Context
) -> dict[str, WholePrior]:
    """Those that a cell's columns draw from, trained here: the same for every seed."""
    columns = COLUMNS[str(cell.params.get("columns", "tables"))]
    asked = [name.partition(" ")[2] for name, _ in columns.values() if name.startswith("prior ")]
    return {
        size: rivals.code_prior(autoencoders[size], x, _folder(context, size), seed=0)
        for size in asked
    }


def _folder(context: Context, name: str) -> Context:
    """The same place with a folder of its own, since every prior leaves its checkpoint there."""
    folder = context.scratch / name
    folder.mkdir(exist_ok=True)
    return replace(context, scratch=folder)


def _tiny_sources(x: Tensor, y: Tensor, images: Images, context: Context) -> Sources:
    """A teacher of two passes and an autoencoder of one, which serves for every size."""
    rng = torch.Generator(context.device).manual_seed(0)
    network = LeNet(rng=rng, classes=images.classes).to(context.device)
    teach(network, x, y, context, passes=2, rng=rng)
    autoencoder = CategoricalAutoencoder(TINY, 2, rng=rng).to(context.device)
    recipes.trained(autoencoder, x, 1, context, rng=rng)
    return Sources(x, y, network.eval(), dict.fromkeys(SIZES, autoencoder.eval()))


def teach(
    network: nn.Module, x: Tensor, y: Tensor, context: Context, *, passes: int, rng: torch.Generator
) -> None:
    """By Adam on labels, in one cycle of its rate."""
    steps = max(1, passes * len(x) // TEACHER_BATCH)
    distill(
        Labels(),
        network,
        Resample(x, y, rng=rng),
        HardLabels(),
        optimizer=torch.optim.Adam(network.parameters(), lr=TEACHER_RATE, fused=True),
        schedule=one_cycle(steps),
        batch_size=TEACHER_BATCH,
        steps=steps,
        checkpoint=context.scratch / "teacher.safetensors",
        progress=lambda done, total: context.report(done / (total or 1)),
    )


def parts(images: Images, context: Context) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """The images that are learned and remembered, five sixths, and those that choose."""
    assert images.y_train is not None
    x, y = images.x_train.to(context.device), images.y_train.to(context.device)
    learned = len(x) * 5 // 6
    return (x[:learned], y[:learned]), (x[learned:], y[learned:])


def test_images(images: Images, context: Context) -> tuple[Tensor, Tensor]:
    assert images.y_test is not None
    return images.x_test.to(context.device), images.y_test.to(context.device)


def share_right(network: nn.Module, x: Tensor, y: Tensor) -> float:
    logits = answers(Frozen(network), x)
    return float((logits.argmax(-1) == y).double().mean())


def examples(cell: Cell, there: Sources, context: Context, *, count: int) -> dict[str, Examples]:
    """Pictures and answers of each of a cell's columns; of random codes there are `count`."""
    columns = {}
    for column, (name, by) in COLUMNS[str(cell.params["columns"])].items():
        rng = stream(cell.seed, f"memory {name}", context.device)
        memory: Memory = there.memory(name, count=count, rng=rng)
        columns[column] = (memory.pictures, there.answered(memory, by))
        if ways.of(cell.params).in_order:
            again = stream(cell.seed, f"memory {name}", context.device)
            codec = there.autoencoders[name.partition(" ")[2]]
            columns[column] = ways.likeliest_first(columns[column], codec, there.x, rng=again)
    return columns


def measured(images: Images, context: Context) -> dict[str, Examples]:
    """The images on which students are measured, and those that choose their rate."""
    _, held = parts(images, context)
    return {"test": test_images(images, context), "held": held}
