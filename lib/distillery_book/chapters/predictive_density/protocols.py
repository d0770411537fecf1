"""How a posterior over the means of a mixture is distilled into one mixture: the thesis' protocol
and ours, batch and online, and how near the outcome is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from distillery.generators import Ancestral, Chain, Generator
from distillery.inference import em
from distillery.inference.chain_average import ChainAverage, order_shares
from distillery.inference.mixture_truth import MixtureTruth
from distillery.inference.quadrature import divergence
from distillery.inference.restarts import gathered, likeliest, varied_starts
from distillery.inference.sequential import arrived
from distillery.inference.stepwise_em import distil_by_em
from distillery.models.bayes import MixturePosterior, mixture_data
from distillery.models.bayes_kernels import mixture_step
from distillery.models.mixture import Mixture
from distillery.protocols import Batch
from distillery.samplers.compiled import CompiledSlice

DATA_SEED = 300_000_000  # the recipes were chosen on other data
NODES = 2001  # of every integral over x: a twentieth of the narrowest component, or less


@dataclass(frozen=True)
class Recipe:
    """How a posterior is distilled.

    One chain starts at zero and burns in; several start where `arrived` puts them.
    """

    chains: int = 1
    sweeps: int = 10_000
    burn_in: int = 1000
    width: float = 5.0  # the thesis gives none
    draws: int = 1000  # x for batch distillation
    restarts: int = 1
    first: int = 1  # batches that choose the start of online EM
    online_chains: int = 1
    iterations: int = 100
    minibatch: int = 100
    thin: int = 1


def recipe(protocol: str, points: int, size: str = "full") -> Recipe:
    """The thesis' protocol, or ours: many chains, more draws, restarts chosen by likelihood, more
    and larger batches.
    """
    few = 10 if size == "small" else 1
    if protocol == "thesis":
        return Recipe(sweeps=10_000 // few, burn_in=1000 // few, iterations=100 // few)
    return Recipe(
        chains=min(10_000, 1_000_000 // points) // few,
        sweeps=20,
        burn_in=0,
        width=30 / points**0.5,
        draws=200_000 // few,
        restarts=24 // few + 2,
        first=20,
        online_chains=min(2000, 100_000 // points) // few,
        iterations=400 // few,
        minibatch=10_000 // few,
    )


def posterior(points: int, seed: int) -> MixturePosterior:
    """The posterior of the means given `points` data of the true mixture; every seed has data of
    its own.
    """
    return MixturePosterior(
        mixture_data(points, torch.Generator().manual_seed(DATA_SEED + 100_000 * seed + points))
    )


def slicer(width: float = 0.0) -> Callable[[MixturePosterior], CompiledSlice]:
    """A slice sampler for any part of the data; a width of 0 is the posterior's, 30 / sqrt(N)."""
    return lambda posterior: mixture_step(posterior, width or 30 / len(posterior.x) ** 0.5)


def chain(
    posterior: MixturePosterior, recipe: Recipe, *, chains: int, rng: torch.Generator
) -> Chain:
    """One chain that starts at zero, or several that start as the data arrive."""
    step = slicer(recipe.width)(posterior)
    if chains == 1:
        return Chain(
            step,
            torch.zeros(1, 3, dtype=torch.float64),
            rng=rng,
            burn_in=recipe.burn_in,
            thin=recipe.thin,
        )
    return Chain(step, arrived(posterior, chains, step=slicer(), rng=rng), rng=rng)


class Repeated(Generator):
    """Each draw of a generator several times over, so that several x are made from one state of a
    chain.
    """

    def __init__(self, generator: Generator, times: int) -> None:
        self.generator, self.times = generator, times

    def draw(self, n: int) -> Batch:
        if n % self.times:
            raise ValueError(f"n is {n}: a multiple of {self.times} is needed")
        return Batch(self.generator.draw(n // self.times).x.repeat_interleave(self.times, 0))


def batch(average: ChainAverage, recipe: Recipe, rng: torch.Generator) -> Mixture:
    """Batch distillation: draws from p_MC, then EM to convergence (thesis, section 3.2.1)."""
    x = average.sample(recipe.draws, rng)
    if recipe.restarts == 1:
        return likeliest(x, [em.spread_start(x, 3, rng=rng)]).mixture
    return restarted(*gathered(x), recipe.restarts, rng=rng)


def online(posterior: MixturePosterior, recipe: Recipe, rng: torch.Generator) -> Mixture:
    """Online distillation: stepwise EM on batches of the running chain, its start chosen on the
    first batches (thesis, section 3.2.2).
    """
    running = chain(posterior, recipe, chains=recipe.online_chains, rng=rng)
    times = recipe.minibatch // recipe.online_chains if recipe.online_chains > 1 else 1
    generator = Ancestral(Repeated(running, times), posterior.simulate, rng=rng)
    if recipe.restarts == 1:
        student = em.spread_start(generator.draw(recipe.minibatch).x, 3, rng=rng)
    else:
        heaps = gathered(generator.draw(recipe.minibatch).x)
        for _ in range(recipe.first - 1):
            heaps = gathered(generator.draw(recipe.minibatch).x, heaps)
        student = restarted(*heaps, recipe.restarts, rng=rng)
    distil_by_em(generator, student, iterations=recipe.iterations, batch_size=recipe.minibatch)
    return student


def restarted(
    x: Tensor, counts: Tensor, restarts: int, *, rng: torch.Generator, also: Sequence[Mixture] = ()
) -> Mixture:
    """EM on weighted points, from starts that differ in means and widths: the likeliest after some
    steps goes on.
    """
    some = x[torch.multinomial(counts, 1000, replacement=True, generator=rng)]
    return likeliest(x, [*also, *varied_starts(some, 3, restarts, rng=rng)], counts=counts).mixture


def projection(
    truth: MixtureTruth, starts: Sequence[Mixture], rng: torch.Generator, *, restarts: int = 24
) -> Mixture:
    """The best three components can do: EM on the exact predictive density, from all starts given
    and more of its own.
    """
    return restarted(*truth.grid(NODES), restarts, rng=rng, also=starts)


def nats(truth: MixtureTruth, density: Mixture | ChainAverage) -> float:
    """KL(p(x | D) || density), in nats (thesis, equation 3.5)."""
    return float(divergence(truth.log_prob, density.log_prob, truth.interval, points=NODES))


def hidden_mass(states: Tensor, truth: MixtureTruth) -> float:
    """The total variation between how often chains show each order of the means and how probable it
    is.
    """
    shown = order_shares(states)
    return sum(abs(shown[order] - prob) for order, prob in truth.orders.items()) / 2
