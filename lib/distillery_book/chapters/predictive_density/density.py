"""Chapter 7: a Markov chain over the means of a mixture, distilled into one mixture of nine
numbers, beside the exact answer.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
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
from distillery.models.bayes import MEANS, MixturePosterior, mixture_data
from distillery.models.bayes_kernels import mixture_step
from distillery.models.mixture import Mixture
from distillery.protocols import Batch
from distillery.samplers.compiled import CompiledSlice
from distillery.samplers.diagnostics import effective_sample_size, split_rhat
from distillery.samplers.hmc import HMC, tuned
from distillery_book.results.study import Cell, Context, Outcome, Profile, Scalar, Study

POINTS = (2, 5, 10, 20, 50, 100, 200, 500, 1000)
MINIBATCHES = (10, 30, 100, 300)
CHAINS = ("single", "thinned", "parallel")
DATA_SEED = 300_000_000  # the recipes were chosen on other data
NODES = 2001  # of every integral over x: a twentieth of the narrowest component, or less
X = torch.linspace(-15, 15, 241, dtype=torch.float64)
EDGES = torch.linspace(-15, 15, 121, dtype=torch.float64)


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
    chains, online = min(10_000, 1_000_000 // points), min(2000, 100_000 // points)
    return Recipe(
        chains // few,
        20,
        0,
        30 / points**0.5,
        200_000 // few,
        24 // few + 2,
        20,
        online // few,
        400 // few,
        10_000 // few,
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


def cells(profile: Profile) -> Sequence[Cell]:
    """Both protocols at every N, on the same data; then sizes of minibatch and two samplers at N =
    20. Ten seeds but for the smoke run.
    """
    small = profile == "smoke"
    numbers, size = ((2, 20), "small") if small else (POINTS, "full")
    params: list[dict[str, Scalar]] = [
        {"experiment": "distil", "points": n, "protocol": protocol, "size": size}
        for n in numbers
        for protocol in ("thesis", "ours")
    ]
    if not small:
        params += [
            {"experiment": "minibatch", "points": 20, "minibatch": b, "chains": c}
            for b in MINIBATCHES
            for c in CHAINS
        ]
        params += [
            {"experiment": "sampler", "points": 20, "sampler": name} for name in ("slice", "hmc")
        ]
    return [Cell(each, seed) for seed in range(1 if small else 10) for each in params]


def run(cell: Cell, context: Context) -> Outcome:
    """One posterior: distilled by a protocol, or by one size of minibatch, or sampled by one
    sampler.
    """
    experiments: Mapping[str, Callable[[Cell, MixturePosterior], Outcome]] = {
        "distil": _distil,
        "minibatch": _minibatch,
        "sampler": _sampler,
    }
    target = posterior(int(cell.params["points"]), cell.seed)
    slicer()(target)(
        torch.zeros(1, 3, dtype=torch.float64), torch.Generator()
    )  # compiled before any clock starts
    return experiments[str(cell.params["experiment"])](cell, target)


def _distil(cell: Cell, target: MixturePosterior) -> Outcome:
    how, rng, clock = (
        recipe(str(cell.params["protocol"]), len(target.x), str(cell.params["size"])),
        _rng(cell),
        Clock(),
    )
    with clock("truth"):
        truth = MixtureTruth(target)
    with clock("chain"):
        states = chain(target, how, chains=how.chains, rng=rng).trace(how.sweeps)
    average = ChainAverage(target, states)
    with clock("batch"):
        by_batch = batch(average, how, rng)
    with clock("online"):
        by_stream = online(target, how, rng)
    best = projection(
        truth, [by_batch, by_stream], rng, restarts=24 if cell.params["size"] == "full" else 4
    )
    densities: dict[str, Mixture | ChainAverage] = {
        "mc": average,
        "batch": by_batch,
        "online": by_stream,
        "best": best,
    }
    found = {f"kl_{name}": nats(truth, density) for name, density in densities.items()}
    metrics = {
        **found,
        **_mixing(states, truth),
        **_dispersed(target, truth, rng),
        **_memory(how),
        **clock.seconds,
    }
    return Outcome(
        metrics, arrays=_pictures(target, truth, states, densities) if cell.seed == 0 else {}
    )


def _minibatch(cell: Cell, target: MixturePosterior) -> Outcome:
    """10,000 draws in minibatches of one size, from one chain, from one thinned tenfold, or from as
    many chains as the minibatch holds.
    """
    size, how = int(cell.params["minibatch"]), str(cell.params["chains"])
    truth, rng, clock = MixtureTruth(target), _rng(cell), Clock()
    plan = Recipe(minibatch=size, iterations=10_000 // size, thin=10 if how == "thinned" else 1)
    chains = size if how == "parallel" else 1
    running = Chain(
        slicer(plan.width)(target),
        torch.zeros(chains, 3, dtype=torch.float64),
        rng=rng,
        burn_in=plan.burn_in,
        thin=plan.thin,
    )
    with clock("online"):
        generator = Ancestral(running, target.simulate, rng=rng)
        student = em.spread_start(generator.draw(size).x, 3, rng=rng)
        distil_by_em(generator, student, iterations=plan.iterations, batch_size=size)
    return Outcome(
        {"kl_online": nats(truth, student), "memory_online": 4 * size + 9, **clock.seconds}
    )


def _sampler(cell: Cell, target: MixturePosterior) -> Outcome:
    """Twenty chains from the posterior: effective samples a sweep and a second, the least over the
    three means.
    """
    rng, clock, sweeps = _rng(cell), Clock(), 2000
    starts = arrived(target, 20, step=slicer(), rng=rng)
    step, start = (
        (slicer()(target), starts)
        if cell.params["sampler"] == "slice"
        else tuned(HMC(target, 0.3, 10), starts, rng)
    )
    with clock("chain"):
        states = Chain(step, start, rng=rng).trace(sweeps)
    size = float(effective_sample_size(states).min())
    mixing = {
        "ess": size,
        "ess_a_sweep": size / (sweeps * 20),
        "ess_a_second": size / clock.seconds["seconds_chain"],
    }
    return Outcome(
        {
            **mixing,
            "rhat": float(split_rhat(states).max()),
            "hidden_mass": hidden_mass(states, MixtureTruth(target)),
            **clock.seconds,
        }
    )


class Clock:
    """Wall-clock seconds of named stretches."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.seconds[f"seconds_{name}"] = time.perf_counter() - began


def _mixing(states: Tensor, truth: MixtureTruth) -> dict[str, float]:
    size, rhat = effective_sample_size(states).min(), split_rhat(states).max()
    return {
        "ess": float(size),
        "rhat": float(rhat),
        "hidden_mass": hidden_mass(states, truth),
        "top_order": max(truth.orders.values()),
    }


def _dispersed(
    target: MixturePosterior, truth: MixtureTruth, rng: torch.Generator
) -> dict[str, float]:
    """What a hundred chains from starts all over the place would have said."""
    starts = 4 * torch.randn(100, 3, generator=rng, dtype=torch.float64)
    states = Chain(slicer()(target), starts, rng=rng, burn_in=100).trace(20)
    return {
        "rhat_dispersed": float(split_rhat(states).max()),
        "hidden_mass_dispersed": hidden_mass(states, truth),
    }


def _memory(how: Recipe) -> dict[str, float]:
    """Numbers held besides the data: states and draws; online the statistics, and the 2,000 heaps
    where a start is chosen on them.
    """
    bag, heaps = 3 * how.chains * how.sweeps, 4000 if how.restarts > 1 else 0
    running = 3 * (how.online_chains if how.online_chains > 1 else how.minibatch)
    return {
        "memory_mc": bag,
        "memory_batch": bag + how.draws,
        "memory_online": running + how.minibatch + 9 + heaps,
    }


def _pictures(
    target: MixturePosterior,
    truth: MixtureTruth,
    states: Tensor,
    densities: Mapping[str, Mixture | ChainAverage],
) -> dict[str, Tensor]:
    """Densities at X, the shares of every mean between EDGES by the chain and exactly, the
    probabilities of the six orders.
    """
    true = target.given(torch.tensor(MEANS, dtype=torch.float64))
    lines = {"exact": truth, "true": true, **densities}
    shares = [
        torch.histogram(column, EDGES).hist / column.numel()
        for column in states.reshape(-1, 3).T.contiguous()
    ]
    exact = [_share(*truth.marginal(k)) for k in range(3)]
    orders = [list(order_shares(states).values()), list(truth.orders.values())]
    return {
        **{
            f"density_{name}": line.log_prob(X).detach().exp().half()
            for name, line in lines.items()
        },
        "means_chain": torch.stack(shares).half(),
        "means_exact": torch.stack(exact).half(),
        "orders": torch.tensor(orders),
        "data": target.x[:50].half(),
    }


def _share(nodes: Tensor, masses: Tensor) -> Tensor:
    """The masses of evenly spaced nodes as shares between EDGES, the density being a straight line
    from node to node.
    """
    middles, width = (EDGES[1:] + EDGES[:-1]) / 2, EDGES[1] - EDGES[0]
    found = np.interp(
        middles.numpy(),
        nodes.numpy(),
        (masses / (nodes[1] - nodes[0])).numpy(),
        left=0.0,
        right=0.0,
    )
    return torch.from_numpy(found) * width


def _rng(cell: Cell) -> torch.Generator:
    """A stream apart from that of the data."""
    return torch.Generator().manual_seed(7_000_000 + cell.seed)


STUDY = Study(
    "density",
    1,
    "A Markov chain distilled into nine numbers",
    cells,
    run,
    precision="float64",
    aims=[
        (
            "density_kl",
            "kl_batch",
            {"experiment": "distil", "protocol": "ours", "size": "full", "points": 1000},
        )
    ],
)
