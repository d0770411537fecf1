"""The worlds of the study `densities`: teachers whose normaliser is known, exact draws from them,
students, and exact measures.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property, partial
from typing import Any

import torch
from torch import Tensor, nn

from distillery.generators import Generator
from distillery.losses import LogSquareError
from distillery.models.mixture import Mixture
from distillery.models.nade import NADE
from distillery.models.rbm import RBM
from distillery.partition.enumeration import every_state
from distillery.protocols import Batch
from distillery.teachers import Frozen

VISIBLE, HIDDEN = 12, 8
COMPONENTS = 6  # of the students in the plane
BITS = {"bits": 32, "bits_narrow": 2}  # hidden units of the students of bits
SIDE, NODES = 12.0, 193  # of the square that integrals are taken over
PICTURE, PICTURE_SIDE = 60, 8.0
LOG_Z = 3.0  # of the teachers over the plane
WEIGHTS = (0.5, 0.3, 0.2)
APART = {"touching": 1.0, "apart": 2.5}


class Unnormalised(nn.Module):
    """A density times a constant: log p(x) + log Z."""

    def __init__(self, density: Mixture, log_z: float) -> None:
        super().__init__()
        self.density, self.log_z = density, log_z

    def forward(self, x: Tensor) -> Tensor:
        return self.density.log_prob(x) + self.log_z


class Exact(Generator):
    """Independent draws from a teacher itself, so that nothing but the loss differs between
    students.
    """

    def __init__(
        self, draw: Callable[[int, torch.Generator], Tensor], *, rng: torch.Generator
    ) -> None:
        self.sample, self.rng = draw, rng

    def draw(self, n: int) -> Batch:
        return Batch(self.sample(n, self.rng))


@dataclass(frozen=True, eq=False)
class World:
    """A teacher, log Z, points with weights that make sums integrals, exact draws, students, and a
    lower bound of log Z.

    `modes` (N, M) says how much of every point belongs to each of the teacher's modes.
    """

    teacher: Frozen
    log_z: float
    points: Tensor
    weight: float
    draw: Callable[[int, torch.Generator], Tensor]
    student: Callable[[torch.Generator], Any]
    bound: float
    modes: Tensor

    @cached_property
    def log_probs(self) -> Tensor:
        """The teacher's, normalised, at the points."""
        with torch.no_grad():
            log_density: Tensor = self.teacher(Batch(self.points))
        return log_density - self.log_z

    @torch.no_grad()
    def distances(self, student: nn.Module) -> dict[str, float]:
        """Both KL divergences, total variation, the student's mass at the points, and how much of
        the first lies between the modes.

        KL(teacher || student) is, by the chain rule, `kl_modes`, that of how much mass each mode
        holds, and the rest: their shapes.
        """
        theirs, mine = self.log_probs, student(self.points)
        p, q = theirs.exp() * self.weight, mine.exp() * self.weight
        held, got = p @ self.modes, q @ self.modes
        return {
            "kl": float((p * (theirs - mine)).sum()),
            "kl_reverse": float((q * (mine - theirs)).sum()),
            "total_variation": float((p - q).abs().sum() / 2),
            "mass": float(q.sum()),
            "kl_modes": float((held * (held / got).log()).sum()),
        }

    @torch.no_grad()
    def split(self, student: nn.Module, c: float) -> dict[str, float]:
        """Both sides of equation 4.10 of the thesis: the loss as it is trained, and its three
        parts.
        """
        p, gap = self.log_probs.exp() * self.weight, self.log_z - c
        difference = student(self.points) - self.log_probs
        loss = float((p * LogSquareError(c).each(self.teacher, student, Batch(self.points))).sum())
        parts = {
            "part_square": 0.5 * float((p * difference.square()).sum()),
            "part_kl": -gap * float((p * difference).sum()),
        }
        parts["part_constant"] = 0.5 * gap**2
        return {"square_error": loss, **parts, "gap_4_10": abs(loss - sum(parts.values()))}


@cache
def world(name: str, seed: int) -> World:
    """`"bits"`: a machine of its own for every seed; `"bits_narrow"`: the same machine, and
    students that cannot be like it.

    `"touching"` and `"apart"`: three Gaussians in the plane, the same for all seeds.
    """
    return bits(seed, BITS[name]) if name in BITS else plane(name)


def plane(name: str) -> World:
    """Three Gaussians with `WEIGHTS`, times e^3; students have six components, so the teacher is
    one of them.
    """
    means = APART[name] * _t([[-1.5, -1.0], [1.5, -1.2], [0.2, 1.6]])
    covariances = _t(
        [[[0.8, 0.4], [0.4, 0.6]], [[0.5, -0.2], [-0.2, 0.9]], [[0.9, 0.0], [0.0, 0.4]]]
    )
    density = Mixture(_t(WEIGHTS), means, covariances)
    teacher, points = Frozen(Unnormalised(density, LOG_Z)), square(NODES)
    weight = (2 * SIDE / (NODES - 1)) ** 2
    with torch.no_grad():
        modes = density.responsibilities(points)
    return World(
        teacher,
        log_z=LOG_Z,
        points=points,
        weight=weight,
        draw=density.sample,
        student=scattered,
        bound=free_energy(teacher, density),
        modes=modes,
    )


def bits(seed: int, units: int, *, scale: float = 2.0, tilt: float = 0.3) -> World:
    """A machine of 12 visible and 8 hidden units with strong weights, nearly indifferent between
    any state and its negative.
    """
    rng = torch.Generator().manual_seed(90_000 + seed)
    W = scale * torch.randn(VISIBLE, HIDDEN, generator=rng, dtype=torch.float64)
    a = -W.sum(1) / 2 + tilt * torch.randn(VISIBLE, generator=rng, dtype=torch.float64)
    machine, states = RBM.from_arrays(W, a, -W.sum(0) / 2), every_state(VISIBLE, torch.float64)
    log_density = machine.log_density(states).detach()
    probs = log_density.softmax(0)

    def draw(n: int, rng: torch.Generator) -> Tensor:
        return states[torch.multinomial(probs, n, replacement=True, generator=rng)]

    # over bits no probability exceeds one, so no log density exceeds log Z (equation 4.13): `bound`
    return World(
        Frozen(machine),
        log_z=float(log_density.logsumexp(0)),
        points=states,
        weight=1.0,
        draw=draw,
        student=partial(autoregressive, units),
        bound=float(log_density.max()),
        modes=basins(log_density),
    )


def scattered(rng: torch.Generator) -> Mixture:
    """Six wide Gaussians around random means."""
    means = 2 * torch.randn(COMPONENTS, 2, generator=rng, dtype=torch.float64)
    return Mixture(
        torch.full((COMPONENTS,), 1 / COMPONENTS),
        means.float(),
        4 * torch.eye(2).expand(COMPONENTS, 2, 2),
    ).double()


def autoregressive(units: int, rng: torch.Generator) -> NADE:
    return NADE(VISIBLE, units, rng=rng, kernel=False).double()


def free_energy(teacher: Frozen, density: Mixture) -> float:
    """A lower bound of log Z, the mean of log p̄ - log q under q, here the Gaussian of the
    teacher's own mean and covariance.

    Over the plane a density may exceed one, so no log density bounds log Z. Equation 4.14 of the
    thesis has the bound's sign reversed.
    """
    x = density.sample(10_000, torch.Generator().manual_seed(0))
    q = Mixture(torch.ones(1, dtype=x.dtype), x.mean(0)[None], x.T.cov()[None])
    x = q.sample(10_000, torch.Generator().manual_seed(1))
    with torch.no_grad():
        return float((teacher(Batch(x)) - q.log_prob(x)).mean())


def square(nodes: int, side: float = SIDE) -> Tensor:
    """A regular grid, row by row, the first coordinate running fastest."""
    axis = torch.linspace(-side, side, nodes, dtype=torch.float64)
    return torch.cartesian_prod(axis, axis).flip(1)


def picture() -> Tensor:
    """A coarser grid of 60 by 60 over the middle of the square."""
    return square(PICTURE, PICTURE_SIDE)


def basins(log_density: Tensor) -> Tensor:
    """The peaks of a density over bits, and whose they are: each state's is where the steepest
    flips lead (states, peaks), 0 or 1.
    """
    states = torch.arange(len(log_density))
    reach = torch.stack([states, *(states ^ (1 << i) for i in range(VISIBLE))])
    leads = reach.gather(0, log_density[reach].argmax(0)[None])[0]
    while not torch.equal(leads, leads[leads]):
        leads = leads[leads]
    return (leads[:, None] == leads.unique()).double()


def _t(values: Any) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)
