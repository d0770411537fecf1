"""Streams of tasks for lifelong learning: a set of images cut by its labels, each task with
training and test images of its own.

Labels stay those of the whole set (one output a label, the others masked if the learner is told its
task), and examples keep their order.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from distillery.data.images import Images


@dataclass(frozen=True, eq=False)
class Task:
    """One task of a stream: its images, and `classes`, the labels that occur in it."""

    name: str
    x_train: Tensor
    y_train: Tensor
    x_test: Tensor
    y_test: Tensor
    classes: tuple[int, ...]


def superclasses(images: Images) -> list[Task]:
    """One task a superclass, in the order of their numbers: 20 tasks of 5 classes for CIFAR-100
    (Riemer et al., 2017).
    """
    if "fine_to_coarse" not in images.extras:
        raise ValueError(f"{images.name} has no superclasses; cifar100 and embedded:scenes have")
    coarse = images.extras["fine_to_coarse"]
    return [
        _task(images, name, torch.nonzero(coarse == group).flatten().tolist())
        for group, name in enumerate(images.group_names)
    ]


def index_blocks(images: Images, size: int = 5) -> list[Task]:
    """Blocks of labels in index order, as GEM cut CIFAR-100 (Lopez-Paz and Ranzato, 2017)."""
    return _blocks(images, range(images.classes), size)


def random_blocks(images: Images, rng: torch.Generator, size: int = 5) -> list[Task]:
    """Blocks of labels in random order."""
    order = torch.randperm(images.classes, generator=rng, device=rng.device)
    return _blocks(images, order.tolist(), size)


def alphabets(images: Images, rng: torch.Generator | None = None) -> list[Task]:
    """One task an alphabet, in the order of their numbers: 50 tasks for Omniglot.

    Without an rng the set's own split is used: two of a character's twenty drawings are for
    testing, and which two moves on from character to character. With one, two drawings are chosen
    at random for each character.
    """
    if "alphabet_train" not in images.extras:
        raise ValueError(f"{images.name} has no alphabets; omniglot and embedded:glyphs have")
    images = images if rng is None else _resplit(images, rng)
    alphabet, label = images.extras["alphabet_train"], _labels(images)[0]
    return [
        _task(images, name, label[alphabet == number].unique().tolist())
        for number, name in enumerate(images.group_names)
    ]


def _blocks(images: Images, order: Iterable[int], size: int) -> list[Task]:
    labels = list(order)
    if size < 1 or len(labels) % size or not labels:
        raise ValueError(
            f"size is {size}; it must divide the {len(labels)} classes of {images.name}"
        )
    blocks = [labels[start : start + size] for start in range(0, len(labels), size)]
    return [_task(images, _span(block), block) for block in blocks]


def _span(block: list[int]) -> str:
    """`classes 5-9` where they follow each other, else all of them."""
    follow = block == list(range(block[0], block[0] + len(block)))
    if follow and len(block) > 1:
        return f"classes {block[0]}-{block[-1]}"
    return "classes " + ", ".join(map(str, block))


def _task(images: Images, name: str, classes: list[int]) -> Task:
    y_train, y_test = _labels(images)
    wanted = torch.tensor(classes)
    train, test = torch.isin(y_train, wanted), torch.isin(y_test, wanted)
    return Task(
        name,
        images.x_train[train],
        y_train[train],
        images.x_test[test],
        y_test[test],
        tuple(sorted(classes)),
    )


def _labels(images: Images) -> tuple[Tensor, Tensor]:
    if images.y_train is None or images.y_test is None:
        raise ValueError(f"{images.name} has no labels to cut tasks by")
    for name, labels in (("y_train", images.y_train), ("y_test", images.y_test)):
        _check_labels(f"{name} of {images.name}", labels, images.classes)
    return images.y_train, images.y_test


def _check_labels(name: str, labels: Tensor, classes: int) -> None:
    if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < classes:
        raise ValueError(
            f"{name} reaches from {int(labels.min())} to {int(labels.max())}: labels from 0 to"
            f" {classes - 1}, one for each name in label_names, are needed"
        )


def _resplit(images: Images, rng: torch.Generator) -> Images:
    """The drawings of both parts together, in order of character and drawer, then as many of each
    character held out as before.
    """
    y_train, y_test = _labels(images)
    drawer, alphabet = (_both_parts(images, name) for name in ("drawer", "alphabet"))
    y = torch.cat([y_train, y_test])
    order = torch.argsort(y * 64 + drawer, stable=True)
    x, y = torch.cat([images.x_train, images.x_test])[order], y[order]
    chance = torch.rand(len(y), generator=rng, dtype=torch.float64, device=rng.device).cpu()
    rank = torch.argsort(y.double() + chance)
    start = torch.searchsorted(y, y)  # y is sorted: where each character begins
    place = torch.empty_like(y)
    place[rank] = torch.arange(len(y))
    held = place - start < torch.bincount(y_test, minlength=images.classes)[y]
    return replace(
        images,
        x_train=x[~held],
        y_train=y[~held],
        x_test=x[held],
        y_test=y[held],
        extras={"alphabet_train": alphabet[order][~held]},
    )


def _both_parts(images: Images, name: str) -> Tensor:
    return torch.cat([images.extras[f"{name}_train"], images.extras[f"{name}_test"]])
