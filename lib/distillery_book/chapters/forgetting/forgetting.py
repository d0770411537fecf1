"""Chapter 5: twenty tasks that never return, one pass, and a memory of 200 images' worth of bits.

A reduced ResNet-18 learns CIFAR-100's tasks one after another, each example once, with memories
that are counted to the bit (Riemer et al., 2018, section 5.2, Tables 4 and 5, and the rows on
Omniglot). Rows without a code, learning online and replay of raw pictures, decode what the papers
leave open, and judge nothing.

Chosen here, for the papers do not say: as many remembered examples a step as new ones, a head for
each task, a random order within each task, the pixels' cross entropy for the autoencoder, by Adam.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from distillery.data import Images
from distillery.data.tasks import Task
from distillery.generators.resample import as_unit
from distillery.lifelong import (
    AccuracyMatrix,
    Diary,
    Learner,
    Memory,
    Stream,
    learn,
    partial_accuracy,
)
from distillery.lifelong.learn import Look
from distillery.models.autoencoder import CategoricalAutoencoder
from distillery.models.files import Named
from distillery.models.once import quietly
from distillery.tools.compress import recipes
from distillery_book.chapters.forgetting import answers, grid, setting
from distillery_book.chapters.forgetting.album import Album, recalled
from distillery_book.chapters.forgetting.learners import METHODS, WITH_CODEC
from distillery_book.chapters.forgetting.memories import Kit
from distillery_book.results.study import Cell, Context, Outcome, Study

LOOKED_AT = 100  # test images a task, but for the accuracy at the end


def run(cell: Cell, context: Context) -> Outcome:
    """A learner's whole stream, or the training of the autoencoder that others start from."""
    images, *others = (context.load(name) for name in setting.image_sets(cell.data))
    if cell.params["method"] == "pretraining":
        return _pretrain(cell, images, context)
    kit = _kit(cell, images, others)
    codec = _codec(kit, context) if "variables" in cell.params else None
    learner = _learner(kit, codec)
    album = _album(learner, kit, codec, context)
    diary = _learn(learner, kit, codec, context)
    asked = kit.tasks[: int(cell.params["tasks"])]  # not for what was learned afterwards
    metrics = {**_measured(learner, codec, asked), **_told(diary, learner.memory)}
    if others:
        metrics["lost"] = _lost(diary, len(asked))
    arrays = {**diary.seen, **_pictures(learner, album)}
    return Outcome(metrics, departs(cell), arrays=arrays)


def departs(cell: Cell) -> Mapping[str, Sequence[Any]]:
    """In what a cell differs from what the papers say."""
    return setting.departs(cell.params)


def _kit(cell: Cell, images: Images, others: Sequence[Images]) -> Kit:
    """The stream's tasks, and behind them what is learned afterwards."""
    tasks, outputs = setting.tasks_of(cell, images), images.classes
    for other in others:
        tasks += setting.afterwards(other, int(cell.params["afterwards"]), outputs)
        outputs += other.classes
    return Kit(cell, tasks, setting.mask_of(cell, tasks, outputs))


def _learn(
    learner: Learner, kit: Kit, codec: CategoricalAutoencoder | None, context: Context
) -> Diary:
    """All of the stream; a killed run goes on where it was."""
    joint, passes = _is_joint(kit.cell), _passes(kit.cell)
    return learn(
        learner,
        Stream(kit.tasks, rng=kit.rng("order"), joint=joint, passes=passes),
        looks=_looks(learner, codec),
        dtype=context.dtype,
        checkpoint=context.scratch / "stream.safetensors",
        progress=context.report,
    )


def _learner(kit: Kit, codec: CategoricalAutoencoder | None) -> Learner:
    method = str(kit.cell.params["method"])
    if codec is None:
        return METHODS[method](kit)
    return WITH_CODEC[method](kit, codec)


def _codec(kit: Kit, context: Context) -> CategoricalAutoencoder:
    """An autoencoder that knows nothing, or the one trained on CIFAR-10."""
    params = kit.cell.params
    if params.get("start") == "cifar10":
        found: Any = context.models(setting.PRETRAINED)[setting.PRETRAINED]
        return found.to(memory_format=torch.channels_last)
    channels, size, _ = kit.shape
    made = CategoricalAutoencoder(
        int(params["variables"]),
        int(params["values"]),
        rng=kit.rng("codec"),
        channels=channels,
        size=size,
    )
    return made.to(memory_format=torch.channels_last)


def _album(
    learner: Learner, kit: Kit, codec: CategoricalAutoencoder | None, context: Context
) -> Album | None:
    """Pictures are kept, whenever the learner has learned a task, of one run of several."""
    if codec is None or kit.cell.seed != 0:
        return None
    path = context.scratch / "album.safetensors"
    album = Album(codec, kit.tasks, path, joint=_is_joint(kit.cell))
    learner.ends = _in_turn(learner.ends, album.end)
    return album


def _in_turn(*ends: Callable[[int, Task], None]) -> Callable[[int, Task], None]:
    def end(number: int, task: Task) -> None:
        for each in ends:
            each(number, task)

    return end


def _pictures(learner: Learner, album: Album | None) -> dict[str, Tensor]:
    """What the autoencoder made of the first task's pictures, and what the memory holds."""
    if album is None:
        return {}
    held = {} if learner.memory is None else {"recalled": recalled(learner.memory)}
    return {**album.arrays(), **held}


def _pretrain(cell: Cell, images: Images, context: Context) -> Outcome:
    channels, size, _ = images.shape
    rng = setting.stream(cell.seed, "pretraining")
    variables, values = (int(cell.params[name]) for name in ("variables", "values"))
    codec = CategoricalAutoencoder(variables, values, rng=rng, channels=channels, size=size)
    recipe = recipes.recipe_for(variables, values)
    recipes.trained(
        codec, images.x_train, int(cell.params["passes"]), context, rng=rng, recipe=recipe
    )
    metrics = {"distortion": _distortion(codec.eval(), images.x_test)}
    models = [Named(setting.PRETRAINED, codec)]
    return Outcome(metrics, departs(cell), models=models, weights_name=setting.PRETRAINED)


def _looks(learner: Learner, codec: CategoricalAutoencoder | None) -> dict[str, Look]:
    """Accuracy where something reasons, the distortion of unseen pictures where something codes."""
    looks: dict[str, Look] = {}
    if codec is None or "reasoner" in dict(learner.student.named_children()):
        looks["accuracy"] = partial_accuracy(learner, most=LOOKED_AT)
    if codec is not None:
        looks["distortion"] = lambda task, _: _distortion(codec, task.x_test[:LOOKED_AT])
    return looks


def _distortion(codec: CategoricalAutoencoder, x: Tensor) -> float:
    """Mean absolute error of pixels through the likeliest code."""
    with quietly(codec):
        parts = [as_unit(part) for part in x.split(LOOKED_AT)]
        away = [(codec.reconstruct(part) - part).abs().mean((1, 2, 3)) for part in parts]
    return float(torch.cat(away).mean())


def _measured(
    learner: Learner, codec: CategoricalAutoencoder | None, tasks: Sequence[Task]
) -> dict[str, float]:
    """At the end, on all test examples."""
    metrics: dict[str, float] = {}
    looks = _looks(learner, codec)
    if "accuracy" in looks:
        look = partial_accuracy(learner)
        shares = [look(task, number) for number, task in enumerate(tasks)]
        variances = [p * (1 - p) / len(t.x_test) for p, t in zip(shares, tasks, strict=True)]
        metrics["retained"] = sum(shares) / len(shares)
        metrics["retained_se"] = math.sqrt(sum(variances)) / len(shares)
    if codec is not None:
        away = [_distortion(codec, task.x_test) for task in tasks]
        metrics["distortion"] = sum(away) / len(away)
    return metrics


def _told(diary: Diary, memory: Memory | None) -> dict[str, float]:
    """What follows from the matrix, what learning took, and what the memory takes."""
    metrics: dict[str, float] = {
        "steps": diary.steps,
        "images": diary.images,
        "learning_seconds": diary.seconds,
    }
    if "accuracy" in diary.seen:
        metrics |= _transfers(diary.matrix())
    if memory is not None:
        bits = memory.bits
        metrics |= {"held": len(memory), "bits_incremental": bits.incremental}
        metrics |= {"bits_total": bits.total, "bits_full": bits.full.total}
    return metrics


def _lost(diary: Diary, first: int) -> float:
    """What the first so many tasks lost, on average, while other images were learned afterwards."""
    values = diary.matrix().values
    return float((values[first - 1, :first] - values[-1, :first]).mean())


def _transfers(matrix: AccuracyMatrix) -> dict[str, float]:
    """Nothing where all tasks came at once."""
    if len(matrix.values) == 1:
        return {}
    return {
        "backward_transfer": matrix.backward_transfer,
        "forward_transfer": matrix.forward_transfer,
        "forgetting": matrix.forgetting,
        "learned": float(matrix.values.diagonal().mean()),
    }


def _is_joint(cell: Cell) -> bool:
    return cell.params["method"] == "joint" or bool(cell.params.get("joint", False))


def _passes(cell: Cell) -> int:
    """Joint examples pass so often that there are as many steps as replay takes."""
    if cell.params["method"] == "joint":
        return 2 * int(cell.params["times"])
    return setting.PRETRAINING_PASSES if cell.params.get("joint", False) else 1


STUDY = Study(
    "forgetting",
    1,
    "Forgetting: tasks that never return, and memories that fit in bits",
    grid.cells,
    run,
    answers.published,
    precision="float32",
    makes=(setting.PRETRAINED,),
    departs=departs,
)
