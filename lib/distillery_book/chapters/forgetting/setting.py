"""What all runs of chapter 5 have in common: streams of tasks, how a learner steps, and how far
that departs from the papers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from distillery.data import Images
from distillery.data.tasks import Task, alphabets, index_blocks, random_blocks, superclasses
from distillery.models.output_mask import OutputMask
from distillery_book.results.study import WEIGHTS, Cell, Scalar

STAND_IN = "embedded:scenes"
PRETRAINED = "recollector-76x2"
PRETRAINING_PASSES, PUBLISHED_PRETRAINING = 20, 100
WIDTH = 20  # filters at the base of GEM's reduced ResNet-18
SPLITS = ("superclass", "index", "random")
OMNIGLOT = "alphabets"
CHUNK = 5000  # examples of another set, learned afterwards, between two looks


@dataclass(frozen=True)
class Setting:
    """What the papers leave open: the reasoner's rule and rate, new examples a step, steps each of
    them rides in, whether a learner is told the task.
    """

    rule: str = "sgd 0.1"
    new: int = 10
    times: int = 1
    head: str = "masked"

    def params(self) -> dict[str, Scalar]:
        return {"rule": self.rule, "new": self.new, "times": self.times, "head": self.head}


# In which the calibration looks for the printed rows of learning without a memory and of replay.
# GEM's own setting is the first; the papers give a rate of 0.001 and one example at a time, and a
# rate of 0.01 for ten at a time moves plain gradient descent about as far.
CANDIDATES = (
    Setting(),
    Setting("adam 0.001"),
    Setting("sgd 0.01"),
    Setting("sgd 0.001", new=1),
    Setting(times=3),
    Setting("adam 0.001", times=3),
    Setting("adam 0.001", new=1),
    Setting(head="single"),
    Setting(times=10),
    Setting("adam 0.001", times=10),
)
# With which all other rows are run. On one seed it comes nearest to two printed rows, learning
# without a memory and replay of 200 images, in the sum of the distances. It was fixed before any
# run with recollections, and must not change now.
CHOSEN = Setting()


def stream(seed: int, name: str) -> torch.Generator:
    """A source of randomness that follows from a seed and a name alone."""
    digest = hashlib.sha256(f"{seed} {name}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))


def afterwards(images: Images, chunks: int, first_label: int) -> list[Task]:
    """Another set of images in chunks, one task after another: all have its classes, whose labels
    stand behind those that there were; when it has been seen to its end it begins again.
    """
    y_train, y_test = images.y_train, images.y_test
    if y_train is None or y_test is None:
        raise ValueError(f"{images.name} has no labels to learn afterwards")
    passes = -(-chunks * CHUNK // len(images.x_train))
    x = images.x_train.repeat(passes, 1, 1, 1).split(CHUNK)
    y = (y_train.repeat(passes) + first_label).split(CHUNK)
    labels = tuple(range(first_label, first_label + images.classes))
    return [
        Task(
            f"{images.name}, {number + 1}",
            x[number],
            y[number],
            images.x_test,
            y_test + first_label,
            labels,
        )
        for number in range(chunks)
    ]


def tasks_of(cell: Cell, images: Images) -> list[Task]:
    """The first so many tasks of a split; the random one, and the drawings of Omniglot that are
    held out, follow from the seed.
    """
    split, rng = str(cell.params["split"]), stream(cell.seed, "split")
    makers = {
        "superclass": lambda: superclasses(images),
        "index": lambda: index_blocks(images),
        "random": lambda: random_blocks(images, rng),
        OMNIGLOT: lambda: alphabets(images, rng),
    }
    return makers[split]()[: int(cell.params["tasks"])]


def mask_of(cell: Cell, tasks: list[Task], outputs: int) -> OutputMask:
    """A head for each task, or one for all."""
    if cell.params["head"] == "single":
        return OutputMask.single(outputs, len(tasks))
    return OutputMask([task.classes for task in tasks], outputs)


def image_sets(data: str) -> list[str]:
    """The images among what a cell needs, those of its stream first."""
    return [part for part in data.split("+") if not part.startswith(WEIGHTS)]


def departs(params: Mapping[str, Scalar]) -> dict[str, list[Any]]:
    """What the papers say and is otherwise here."""
    if params["method"] == "pretraining":
        return _of_pretraining()
    departures: dict[str, list[Any]] = {}
    if int(params["new"]) != 1:
        departures["batch"] = [1, int(params["new"])]
    if not str(params["rule"]).endswith(" 0.001"):
        departures["optimizer"] = ["a rate of 0.001", str(params["rule"])]
    if params.get("start") == "cifar10":
        departures |= _of_pretraining()
    if "stored_bits" in params:
        departures["parameter_bits"] = [32, int(params["stored_bits"])]
    if "afterwards" in params:
        departures["examples_afterwards"] = [1_000_000, CHUNK * int(params["afterwards"])]
    return departures


def _of_pretraining() -> dict[str, list[Any]]:
    return {
        "autoencoder_passes": [PUBLISHED_PRETRAINING, PRETRAINING_PASSES],
        "autoencoder_rates": ["not given", "one cycle"],
    }
