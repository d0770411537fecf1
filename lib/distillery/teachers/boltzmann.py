"""A Boltzmann machine trained on the spot, small enough for its sum to be added up, and a student
that has learned from it within seconds.

They stand in where a large machine, or a student that somebody trained for hours, is not at hand.
"""

from __future__ import annotations

import torch
from torch import Tensor

from distillery.distillation import distill
from distillery.generators import Chain, Resample
from distillery.losses.contrastive import ContrastiveDivergence
from distillery.losses.densities import KL
from distillery.models.bits import check_bits
from distillery.models.nade import NADE
from distillery.models.rbm import RBM
from distillery.partition import base_rates
from distillery.teachers.frozen import Frozen
from distillery.teachers.recorded import Recorded
from distillery.training.schedules import linear_to_zero


def train_machine(
    x: Tensor,
    hidden: int,
    *,
    rng: torch.Generator,
    rate: float = 0.02,
    steps: int = 200,
    batch_size: int = 100,
    chains: int = 100,
    from_rates: bool = True,
) -> RBM:
    """A machine of `hidden` units that learns the bits x (N, D) by contrastive divergence.

    So many `chains` start at the first rows of x and persist from step to step (Tieleman, 2008);
    with none, every step starts at its batch (Hinton, 2002). `from_rates` sets the visible biases
    to how often each bit is on before the first step.
    """
    check_bits(x, x.shape[-1])
    if chains < 0:
        raise ValueError(f"chains is {chains}: 0, or a number of chains that persist, is needed")
    machine = RBM(x.shape[1], hidden, rng=rng)
    if from_rates:
        with torch.no_grad():
            machine.a.copy_(base_rates(x))
    distill(
        Recorded(),
        machine,
        Resample(x, x, rng=rng),
        ContrastiveDivergence(rng=rng, chains=x[:chains] if chains else None),
        optimizer=torch.optim.SGD(machine.parameters(), lr=rate),
        batch_size=batch_size,
        steps=steps,
    )
    return machine


def train_student(
    machine: RBM,
    hidden: int,
    *,
    rng: torch.Generator,
    order: Tensor | None = None,
    steps: int = 250,
) -> NADE:
    """A NADE of `hidden` units that learns from a hundred persistent chains of the machine, by the
    divergence of its distribution from the machine's.
    """
    student = NADE(machine.visible, hidden, rng=rng, order=order).to(rng.device)
    step = machine.gibbs()
    chain = Chain(step, step.start(100, rng), rng=rng, burn_in=100)
    distill(
        Frozen(machine),
        student,
        chain,
        KL(),
        optimizer=torch.optim.Adam(student.parameters(), lr=0.03),
        batch_size=50,
        steps=steps,
        schedule=linear_to_zero(steps),
    )
    return student
