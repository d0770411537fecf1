"""Lossless subsets: few examples kept as they are, with labels or with the teacher's answers."""

from __future__ import annotations

import torch
from torch import Tensor

from distillery.generators.resample import Resample, as_unit
from distillery.models.bits import check_size
from distillery.protocols import Batch, Teacher

_AT_ONCE = 512


def subset(x: Tensor, y: Tensor, size: int, *, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """So many different examples at random, with what belongs to each."""
    check_size("size", size)
    if size > len(x) or len(y) != len(x):
        raise ValueError(
            f"size is {size} of {len(x)} examples with {len(y)} answers: at most as many examples,"
            " and one answer each, are needed"
        )
    index = torch.randperm(len(x), generator=rng, device=rng.device)[:size].to(x.device)
    return x[index], y[index]


@torch.no_grad()
def answers(teacher: Teacher, x: Tensor, y: Tensor | None = None) -> Tensor:
    """What the teacher answers about each example; bytes are shown to it as floats in [0, 1]."""
    parts = [slice(start, start + _AT_ONCE) for start in range(0, len(x), _AT_ONCE)]
    if not parts:
        raise ValueError("x is empty: at least one example is needed")
    shown = (Batch(as_unit(x[part]), None if y is None else y[part]) for part in parts)
    return torch.cat([teacher(batch) for batch in shown])


def labels_as_logits(labels: Tensor, classes: int) -> Tensor:
    """(N, classes): 0 at the label and minus infinity elsewhere, so that `SoftTargets` is the cross
    entropy from the label.

    So students who learn from labels stand abreast of students who learn from a teacher.
    """
    if labels.is_floating_point() or labels.dim() != 1:
        raise ValueError(
            f"labels have shape {tuple(labels.shape)} and dtype {labels.dtype}: whole numbers (N,)"
            " are needed"
        )
    if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < classes:
        raise ValueError(
            f"labels reach from {int(labels.min())} to {int(labels.max())}: whole numbers from 0 to"
            f" {classes - 1} are needed"
        )
    logits = torch.full((len(labels), classes), -torch.inf, device=labels.device)
    return logits.scatter_(1, labels.long()[:, None], 0.0)


def lossless(
    x: Tensor, y: Tensor, size: int, *, rng: torch.Generator, teacher: Teacher | None = None
) -> Resample:
    """A memory of so many examples as they are, drawn from at random with replacement; y are their
    labels, or the teacher's answers.

    `rng` chooses the subset, and then what is drawn of it.
    """
    kept, labels = subset(x, y, size, rng=rng)
    recorded = labels if teacher is None else answers(teacher, kept, labels)
    return Resample(kept, recorded, rng=rng, replacement=True)
