"""Annealed importance sampling between independent bits and a restricted Boltzmann machine (Neal,
2001; Salakhutdinov and Murray, 2008).

log p_beta(x) = (1 - beta) a0 x + beta a x + sum over j of softplus(beta (x W + b)_j): the base at
0, the machine at 1. A path of states from one end to the other is a draw from a larger world in
which the two ends are proposal and target; the log ratios that `forward` and `reverse` return are
ratios there, and `importance`, `reverse_importance`, `bridge` and the bounds read them as they read
any others.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from distillery.models.rbm import RBM
from distillery.partition.temperatures import check_temperatures, even_in_difficulty, uniform
from distillery.samplers.density import check_count
from distillery.samplers.diagnostics import effective_sample_size
from distillery.samplers.gibbs import check_chains, sample_bits

Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Annealed:
    """Where the paths ended, (C, D), and their log ratios (C,), the base's log Z included."""

    log_ratios: Tensor
    states: Tensor


def base_rates(x: Tensor) -> Tensor:
    """The biases a0 of independent bits that are on as often as in the data, one count added to
    either side: the base that fits best.
    """
    on, n = x.double().sum(0), len(x)
    return ((on + 1) / (n - on + 1)).log()


@torch.no_grad()
def forward(
    machine: RBM,
    temperatures: Tensor,
    *,
    chains: int,
    rng: torch.Generator,
    base: Tensor | None = None,
    dtype: torch.dtype = torch.float32,
    progress: Progress | None = None,
) -> Annealed:
    """Paths from exact draws of the base to the machine; exp(log ratio) averages to Z.

    Two matrix products a temperature.

    x W + b serves both temperatures of a weight and the hidden units' next draw: the temperature
    only scales it.
    """
    if isinstance(chains, bool) or not isinstance(chains, int) or chains < 1:
        raise ValueError(f"chains is {chains!r}: a whole number of at least 1 is needed")
    betas = check_temperatures(temperatures).tolist()
    path = Path(machine, base, dtype)
    states = sample_bits(path.base.expand(chains, -1).clone(), rng)
    total = torch.full((chains,), path.log_z_base, dtype=torch.float64, device=states.device)
    for k in range(1, len(betas)):
        inputs = path.inputs(states)
        total += path.log_ratio(states, inputs, betas[k - 1], betas[k])
        states = path.move(inputs, betas[k], rng)
        if progress is not None:
            progress(k, len(betas) - 1)
    return Annealed(total, states)


@torch.no_grad()
def reverse(
    machine: RBM,
    temperatures: Tensor,
    *,
    start: Tensor,
    rng: torch.Generator,
    base: Tensor | None = None,
    dtype: torch.dtype = torch.float32,
    progress: Progress | None = None,
) -> Annealed:
    """Paths from draws of the machine, `start` (C, D), back to the base; exp(-log ratio) averages
    to 1 / Z.

    Forward paths, time turned round: block Gibbs sweeps are reversible. It is as good as the draws
    it starts from.
    """
    check_chains(start)
    betas = check_temperatures(temperatures).tolist()
    path = Path(machine, base, dtype)
    states = start.to(path.W.device, dtype)
    inputs = path.inputs(states)
    total = torch.full((len(start),), path.log_z_base, dtype=torch.float64, device=states.device)
    for k in range(len(betas) - 1, 0, -1):
        states = path.move(inputs, betas[k], rng)
        inputs = path.inputs(states)
        total += path.log_ratio(states, inputs, betas[k - 1], betas[k])
        if progress is not None:
            progress(len(betas) - k, len(betas) - 1)
    return Annealed(total, states)


@torch.no_grad()
def adapted(
    machine: RBM,
    steps: int,
    *,
    rng: torch.Generator,
    base: Tensor | None = None,
    chains: int = 100,
    pilot: int = 200,
    sweeps: int = 1,
) -> Tensor:
    """Temperatures fitted to this machine: a pilot run of few steps measures where the log density
    changes most.

    With several `sweeps` at each of its temperatures it measures friction, the variance of the
    slope times how long it remembers, so that steps are short where chains are slow as well (Sivak
    and Crooks, 2012).
    """
    check_count("sweeps", sweeps)
    betas = uniform(pilot)
    slopes = _slopes(
        Path(machine, base, torch.float32), betas.tolist(), chains=chains, sweeps=sweeps, rng=rng
    )
    return even_in_difficulty(
        betas, torch.stack([sweeps * slope.var() for slope in slopes]).cpu(), steps
    )


@torch.no_grad()
def sweeps_a_draw(
    machine: RBM,
    temperatures: Sequence[float],
    *,
    rng: torch.Generator,
    base: Tensor | None = None,
    chains: int = 100,
    sweeps: int = 200,
) -> Tensor:
    """How many sweeps are worth one independent draw of the slope d log p_beta / d beta, at each
    temperature: its autocorrelation time.

    The chains go through the temperatures as they are listed, and settle at each for half as long
    as they are watched there.
    """
    check_count("sweeps", sweeps, least=20)
    path, found = Path(machine, base, torch.float32), []
    states = sample_bits(path.base.expand(chains, -1).clone(), rng)
    for beta in temperatures:
        slopes = []
        for _ in range(sweeps + sweeps // 2):
            inputs = path.inputs(states)
            slopes.append(path.slope(states, inputs, beta))
            states = path.move(inputs, beta, rng)
        watched = torch.stack(slopes[sweeps // 2 :])
        found.append(watched.numel() / effective_sample_size(watched.double()).item())
    return torch.tensor(found)


def _slopes(
    path: Path, betas: list[float], *, chains: int, sweeps: int, rng: torch.Generator
) -> Iterator[Tensor]:
    """d log p_beta / d beta of every chain, the mean over some sweeps at each temperature of an
    annealing run.
    """
    states = sample_bits(path.base.expand(chains, -1).clone(), rng)
    for beta in betas:
        total = torch.zeros_like(states[:, 0])
        for _ in range(sweeps):
            inputs = path.inputs(states)
            total += path.slope(states, inputs, beta)
            states = path.move(inputs, beta, rng)
        yield total / sweeps


class Path:
    """The distributions between base and machine, in one dtype."""

    def __init__(self, machine: RBM, base: Tensor | None, dtype: torch.dtype) -> None:
        self.W, self.a, self.b = (
            value.detach().to(dtype) for value in (machine.W, machine.a, machine.b)
        )
        self.W_transposed = self.W.t().contiguous()
        self.base = torch.zeros_like(self.a) if base is None else base.to(self.a)
        if self.base.shape != self.a.shape or not bool(self.base.isfinite().all()):
            raise ValueError(
                f"base has shape {tuple(self.base.shape)}: one finite bias a visible unit,"
                f" {len(self.a)}, is needed"
            )
        self.difference = (self.a - self.base).double()
        self.log_z_base = F.softplus(self.base.double()).sum().item() + len(self.b) * math.log(2)

    def inputs(self, states: Tensor) -> Tensor:
        return torch.addmm(self.b, states, self.W)

    def log_ratio(self, states: Tensor, inputs: Tensor, low: float, high: float) -> Tensor:
        """log p_high(x) - log p_low(x), summed in float64."""
        return (high - low) * (states.double() @ self.difference) + _softplus_gain(
            inputs, low, high
        ).sum(1, dtype=torch.float64)

    def slope(self, states: Tensor, inputs: Tensor, beta: float) -> Tensor:
        """d log p_beta / d beta, given x W + b."""
        return states @ (self.a - self.base) + (inputs * (beta * inputs).sigmoid()).sum(1)

    def move(self, inputs: Tensor, beta: float, rng: torch.Generator) -> Tensor:
        """One sweep of block Gibbs sampling at this temperature, given x W + b."""
        hidden = sample_bits(beta * inputs, rng)
        return sample_bits(
            torch.addmm(
                (1 - beta) * self.base + beta * self.a, hidden, self.W_transposed, alpha=beta
            ),
            rng,
        )


def _softplus_gain(u: Tensor, low: float, high: float) -> Tensor:
    """softplus(high u) - softplus(low u) = log(1 + sigmoid(low u) (exp((high - low) u) - 1)): no
    difference of two large numbers.
    """
    more = (high - low) * u
    if more.max() > 80:  # beyond it single precision overflows
        return F.softplus(high * u) - F.softplus(low * u)
    return (low * u).sigmoid_().mul_(more.expm1_()).log1p_()
