"""A prior that learns the codes of an autoencoder."""

from __future__ import annotations

import torch
from torch import Tensor

from distillery.distillation import distill
from distillery.generators import Resample
from distillery.losses import KL
from distillery.storage import CodePrior, WholePrior
from distillery.support.place import Place
from distillery.teachers import Recorded
from distillery.tools.compress import recipes as parts
from distillery.training.schedules import one_cycle

BATCH, RATE = 250, 0.02


def learned(
    codes: Tensor, values: int, hidden: int, *, passes: int, seed: int, context: Place
) -> WholePrior:
    """A prior of that many hidden units after that many passes; one that an earlier attempt has
    trained is read again.
    """
    rng = torch.Generator(codes.device).manual_seed(seed)
    prior = CodePrior(codes.shape[1], values, hidden, rng=rng)
    steps = max(1, passes * len(codes) // BATCH)
    distill(
        Recorded(),
        prior,
        Resample(codes.short(), rng=rng),  # bytes would leave as pixels in [0, 1]
        KL(),
        optimizer=torch.optim.Adam(prior.parameters(), lr=RATE),
        schedule=one_cycle(steps, warm_up=0.1),
        batch_size=BATCH,
        steps=steps,
        checkpoint=context.scratch / f"prior-{hidden}-{passes}.safetensors",
        every=parts.EVERY,
    )
    return prior.whole()
