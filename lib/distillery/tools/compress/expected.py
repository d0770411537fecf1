"""How long a training will take, from a few steps of one like it."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from torch import Tensor

from distillery.distillation import distill
from distillery.generators import Resample
from distillery.losses import PixelCrossEntropy
from distillery.models.autoencoder import CategoricalAutoencoder
from distillery.teachers import Inputs
from distillery.tools.compress import recipes as parts

_TRIED = 5  # steps
_SECONDS = 2.0  # after which no further step is tried


def seconds_a_step(
    student: CategoricalAutoencoder,
    x: Tensor,
    recipe: parts.Recipe,
    *,
    dtype: torch.dtype | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> float:
    """Of the shortest of a few steps of training the student, which is of no use afterwards.

    A step with one picture comes first: what is made ready once is not counted. A step that takes
    long is tried once.
    """
    rng = torch.Generator(x.device).manual_seed(0)
    student.to(memory_format=torch.channels_last)  # as the recipes have it
    optimizer = torch.optim.Adam(student.parameters(), lr=recipe.rate, fused=True)
    generator = Resample(x, rng=rng)

    def step(pictures: int) -> float:
        before = clock()
        distill(
            Inputs(),
            student,
            generator,
            PixelCrossEntropy(),
            optimizer=optimizer,
            batch_size=pictures,
            steps=1,
            dtype=dtype,
        )
        return clock() - before

    step(1)
    taken = [step(recipe.batch)]
    while len(taken) < _TRIED and sum(taken) < _SECONDS:
        taken.append(step(recipe.batch))
    return min(taken)
