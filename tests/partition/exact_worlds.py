"""Small exact worlds: a machine whose states can all be listed, and a proposal beside it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from distillery.models.rbm import RBM
from distillery.partition.enumeration import every_state, exact_log_z
from distillery.partition.estimate import Estimate


@dataclass(frozen=True, eq=False)
class World:
    machine: RBM
    log_z: float
    target: Tensor  # log probabilities of all states
    proposal: Tensor

    def draws(self, log_probs: Tensor, shape: tuple[int, ...], rng: torch.Generator) -> Tensor:
        """log p̄ - log q at states drawn from either."""
        index = torch.multinomial(
            log_probs.exp(), shape[0] * shape[1], replacement=True, generator=rng
        )
        return (self.target + self.log_z - self.proposal)[index].view(shape)


def world(
    rng: torch.Generator,
    *,
    visible: int = 7,
    hidden: int = 5,
    scale: float = 1.0,
    tempered: float = 0.8,
) -> World:
    """A machine with normal weights."""
    shapes = ((visible, hidden), (visible,), (hidden,))
    return around(
        RBM.from_arrays(
            *(scale * torch.randn(shape, generator=rng, dtype=torch.float64) for shape in shapes)
        ),
        rng,
        tempered,
    )


def around(machine: RBM, rng: torch.Generator, tempered: float = 0.8) -> World:
    """All states of a machine, and as its proposal the machine itself, flattened and shaken."""
    log_density = machine.log_density(every_state(machine.visible)).detach()
    shaken = tempered * log_density + 0.3 * torch.randn(
        log_density.shape, generator=rng, dtype=torch.float64
    )
    return World(
        machine, log_density.logsumexp(0).item(), log_density.log_softmax(0), shaken.log_softmax(0)
    )


def bars(rng: torch.Generator, *, flipped: float = 0.05) -> Tensor:
    """140 pictures of 3 x 4 pixels, one row or column of each on, and one pixel in twenty turned
    over.
    """
    rows, columns = (
        torch.eye(3)[:, :, None].expand(3, 3, 4),
        torch.eye(4)[:, None, :].expand(4, 3, 4),
    )
    clean = torch.cat([rows, columns]).reshape(7, 12).repeat(20, 1)
    return (clean - (torch.rand(clean.shape, generator=rng) < flipped).float()).abs()


def trained(data: Tensor, hidden: int, rng: torch.Generator, *, steps: int = 150) -> RBM:
    """A machine of maximum likelihood, or well on the way there: its gradient is exact, all states
    being listed.
    """
    machine = RBM(data.shape[1], hidden, rng=rng, scale=0.1)
    states, optimizer = (
        every_state(machine.visible),
        torch.optim.Adam(machine.parameters(), lr=0.05),
    )
    for _ in range(steps):
        optimizer.zero_grad()
        (machine.log_density(states).logsumexp(0) - machine.log_density(data).mean()).backward()
        optimizer.step()
    return RBM.from_arrays(
        *(value.detach().double() for value in (machine.W, machine.a, machine.b))
    )


def check_coverage(estimates: list[Estimate], truth: float) -> None:
    """Standardised errors have deviation one, no bias beyond noise, and 3 errors cover."""
    scores = torch.tensor([(e.value - truth) / e.error for e in estimates])
    n = len(scores)
    assert abs(scores.mean().item()) < 4 / n**0.5 + 0.15  # a logarithm's bias is second order
    assert 0.8 < scores.std().item() < 1.25
    assert sum(e.interval[0] <= truth <= e.interval[1] for e in estimates) >= 0.97 * n


def needles(
    rng: torch.Generator, *, visible: int = 40, count: int, share: float, sharp: float
) -> RBM:
    """A broad machine of four hidden units, and so many narrow ones that hold this share of Z
    together.

    A needle is a hidden unit that is on near one pattern alone: its probability falls by e^sharp
    with each pixel that differs. Few paths or chains find it where that is steep.
    """
    W, a, b = (
        0.5 * torch.randn(shape, generator=rng, dtype=torch.float64)
        for shape in ((visible, 4), (visible,), (4,))
    )
    broad = exact_log_z(RBM.from_arrays(W, a, b))
    patterns = torch.randint(2, (visible, count), generator=rng).double()
    pull = sharp * (2 * patterns - 1)
    each = broad + math.log(share / (1 - share) / count)
    biases = [each - exact_log_z(RBM.from_arrays(W, a + pull[:, k], b)) for k in range(count)]
    return RBM.from_arrays(
        torch.cat([W, pull], dim=1), a, torch.cat([b, torch.tensor(biases, dtype=torch.float64)])
    )
