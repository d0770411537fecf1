"""Thirty networks, each of its own bootstrap: bagging (Breiman, 1996; thesis, section 2.2.1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from distillery.distillation import distill
from distillery.generators import Bootstrap, Parallel
from distillery.losses import HardLabels
from distillery.models.bank import Bank
from distillery.teachers.frozen import Average, Frozen
from distillery.teachers.recorded import Labels
from distillery.training.adadelta import Adadelta

Make = Callable[[torch.Generator], nn.Module]


def train_members(
    make: Make,
    x: Tensor,
    y: Tensor,
    *,
    streams: Sequence[torch.Generator],
    passes: int,
    batch_size: int = 20,
    stacked: bool = False,
    optimizer: Callable[..., Any] = Adadelta,
    checkpoint: str | Path | None = None,
    progress: Callable[[int, int | None], None] | None = None,
) -> list[nn.Module]:
    """One network for each stream, `make(stream)`, trained on the labels of its own bootstrap by
    cross entropy.

    A stream owns its network: weights to start from, bootstrap and order. So members trained one at
    a time, or on several machines, are those that one call trains as a bank. One at a time is
    fastest on a CPU: a network and its optimizer's state stay in its cache.
    """
    if not streams:
        raise ValueError("streams is empty: an ensemble of at least one network is needed")
    if passes < 1:
        raise ValueError(f"passes is {passes!r}: at least one is needed")
    if len(x) < batch_size:
        raise ValueError(
            f"x holds {len(x)} examples, batch_size is {batch_size}: at least one batch is needed"
        )
    networks = [make(rng).to(x.device) for rng in streams]
    bank = Bank(networks, stacked=stacked, own_streams=True)
    source = Parallel([Bootstrap(x, y, rng=rng, passes=passes) for rng in streams])
    distill(
        Labels(),
        bank,
        source,
        HardLabels(),
        optimizer=optimizer(bank.parameters()),
        batch_size=batch_size * len(networks),
        checkpoint=checkpoint,
        progress=progress,
        every=5000,
    )
    return [bank.student(index) for index in range(len(bank))]


def ensemble(networks: Sequence[nn.Module]) -> Average:
    """The teacher whose answer is the log of the networks' mean probability (thesis, equation
    2.15); its slopes are exact.
    """
    if not networks:
        raise ValueError("networks is empty: an ensemble of at least one network is needed")
    return Average([Frozen(network) for network in networks])
