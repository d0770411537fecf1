"""Contrastive divergence: how an unnormalised density learns from data without knowing its
normaliser.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from distillery.losses.loss import RandomLoss
from distillery.protocols import Batch
from distillery.samplers.gibbs import check_chains


class ContrastiveDivergence(RandomLoss):
    """The mean log density of the student's own samples minus that of the data: its gradient is
    that of -log p (Hinton, 2002).

    CD-k: the samples lie `sweeps` = k Gibbs sweeps away from the batch. Persistent (Tieleman,
    2008): `chains`, states of bits (C, D), go on from step to step instead. The value means
    nothing, only its gradient does; the teacher is not asked. The student has `gibbs()`.
    """

    chains: Tensor | None

    def __init__(
        self, *, sweeps: int = 1, rng: torch.Generator, chains: Tensor | None = None
    ) -> None:
        super().__init__(rng)
        if isinstance(sweeps, bool) or not isinstance(sweeps, int) or sweeps < 1:
            raise ValueError(f"sweeps is {sweeps!r}: a whole number of at least 1 is needed")
        if chains is not None:
            check_chains(chains)
        self.sweeps = sweeps
        self.register_buffer("chains", None if chains is None else chains.clone())

    def each(self, teacher: nn.Module, student: Any, batch: Batch) -> Tensor:
        states = batch.x if self.chains is None else self.chains
        step = student.gibbs()
        for _ in range(self.sweeps):
            states = step(states, self.rng)
        if self.chains is not None:
            self.chains = states
        of_samples, of_data = student(states), student(batch.x)
        # Chains are as many as they are; where they are not the batch's size their mean serves all.
        if len(of_samples) != len(of_data):
            of_samples = of_samples.mean()
        difference: Tensor = of_samples - of_data
        return difference
