"""Rao-Blackwellised tempered sampling (Carlson, Stinson, Pakman and Paninski, 2016): chains that
wander over the temperatures between independent bits and a restricted Boltzmann machine.

How often a temperature is visited says how its log Z stands to the guess that the chains go by.
Instead of counting visits, every state says with what probability it would be met at each
temperature; the mean of that is smoother than the count.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn import functional as F

from distillery.models.rbm import RBM
from distillery.partition.annealed import Path
from distillery.partition.estimate import Estimate
from distillery.partition.temperatures import check_temperatures
from distillery.samplers.density import check_count
from distillery.samplers.gibbs import sample_bits

ROUNDS = 5  # in which the guess is mended before anything is counted
_RARE = 0.1  # of its even share: a temperature met less often leaves the two ends hardly joined
_ROUGH = 0.3  # a relative error beyond which an interval of three errors means little


@torch.no_grad()
def tempered(
    machine: RBM,
    temperatures: Tensor,
    *,
    chains: int,
    sweeps: int,
    rng: torch.Generator,
    base: Tensor | None = None,
    dtype: torch.dtype = torch.float32,
) -> Estimate:
    """log Z from so many chains, each of so many sweeps; as many again are spent on the guess.

    A short annealing run makes the first guess of log Z at every temperature. The error is read
    from the chains, which are independent once the guess stands.
    """
    check_count("chains", chains, least=2)
    check_count("sweeps", sweeps, least=ROUNDS)
    walk = _Walk(machine, temperatures, base, dtype, rng)
    states, guess = walk.annealed(chains)
    for _ in range(ROUNDS):
        shares, states = walk.wander(states, guess, sweeps // ROUNDS)
        guess = guess + _correction(shares.mean(0))
    shares, _ = walk.wander(states, guess, sweeps)
    return _read(shares, walk.path.log_z_base + guess[-1].item())


class _Walk:
    """The temperatures, and chains over them."""

    def __init__(
        self,
        machine: RBM,
        temperatures: Tensor,
        base: Tensor | None,
        dtype: torch.dtype,
        rng: torch.Generator,
    ) -> None:
        self.path, self.rng = Path(machine, base, dtype), rng
        self.betas = check_temperatures(temperatures).to(self.path.W)

    def annealed(self, chains: int) -> tuple[Tensor, Tensor]:
        """States of the machine, and log Z of every temperature less that of the base."""
        states = sample_bits(self.path.base.expand(chains, -1).clone(), self.rng)
        totals = [torch.zeros(chains, dtype=torch.float64, device=states.device)]
        betas = self.betas.tolist()
        for low, high in pairwise(betas):
            inputs = self.path.inputs(states)
            totals.append(totals[-1] + self.path.log_ratio(states, inputs, low, high))
            states = self.path.move(inputs, high, self.rng)
        return states, torch.stack(totals).logsumexp(1) - math.log(chains)

    def wander(self, states: Tensor, guess: Tensor, sweeps: int) -> tuple[Tensor, Tensor]:
        """(C, K): the mean over sweeps of the probabilities of each temperature; and the states."""
        total = torch.zeros(len(states), len(self.betas), dtype=torch.float64, device=states.device)
        for _ in range(sweeps):
            inputs = self.path.inputs(states)
            shares = (self._log_weights(states, inputs) - guess).softmax(1)
            total += shares
            beta = self.betas[torch.multinomial(shares, 1, generator=self.rng)]
            hidden = sample_bits(beta * inputs, self.rng)
            biases = (1 - beta) * self.path.base + beta * self.path.a
            states = sample_bits(biases + beta * (hidden @ self.path.W_transposed), self.rng)
        return total / sweeps, states

    def _log_weights(self, states: Tensor, inputs: Tensor) -> Tensor:
        """(C, K): log p_beta(x) - log p_0(x), float64."""
        linear = (states.double() @ self.path.difference)[:, None] * self.betas.double()
        gains = [F.softplus(beta * inputs).sum(1, dtype=torch.float64) for beta in self.betas]
        flat = inputs.shape[1] * math.log(2)
        return linear + torch.stack(gains, 1) - flat


def _correction(shares: Tensor) -> Tensor:
    """What the guess lacks, by how often each temperature was met beside the base."""
    logs = shares.clamp(min=1e-300).log()
    return logs - logs[0]


def _read(shares: Tensor, guessed: float) -> Estimate:
    """log Z, from how often each chain met the two ends."""
    chains, count = shares.shape
    means = shares.mean(0)
    first, last = (shares[:, place] / means[place].clamp(min=1e-300) for place in (0, -1))
    value = guessed + _correction(means)[-1].item()
    error = (last - first).std().item() / math.sqrt(chains)
    interval = (value - 3 * error, value + 3 * error)
    effective = min(1 / error**2, math.inf) if error else math.inf
    return Estimate(value, error, effective, interval, tuple(_doubts(means * count, error)))


def _doubts(evenness: Tensor, error: float) -> list[str]:
    doubts = []
    if evenness.min() < _RARE:
        doubts.append(
            f"a temperature was met {evenness.min().item():.2g} times its even share: the guess has"
            " not settled, or the chains do not pass it"
        )
    if error > _ROUGH:
        doubts.append(f"the relative error is {error:.2g}: chains that go longer are needed")
    return doubts
