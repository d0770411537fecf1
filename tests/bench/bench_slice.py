"""Effective samples a second on the two posteriors of the thesis' chapter 3, beside sbi, zeus and
blackjax, in one process.

    OMP_NUM_THREADS=1 python tests/bench/bench_slice.py [--repeats 5] [--seconds 0.5]

Every sampler gets the posterior as one fused call in its own best language, in double precision,
with the same width, chains and start, on one thread; burn-in and compilation are outside the clock.
Paired runs take turns. Effective sizes are the least over dimensions, by one estimator for all. A
peer that is not installed is reported as missing. First comes the memory that each sampler needs
beyond its package, its compilation and its start, on the largest posterior.
"""

from __future__ import annotations

import os

os.environ.setdefault(
    "XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
)
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import argparse
import importlib
import importlib.util
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
import torch
from paired import MEBI, Timing, note, note_missing, peak_memory

from distillery.generators.chain import Chain
from distillery.models.bayes import LogisticPosterior, MixturePosterior
from distillery.models.bayes_kernels import logistic_step, mixture_step
from distillery.samplers.compiled import CompiledSlice
from distillery.samplers.diagnostics import effective_sample_size, split_rhat
from distillery.samplers.slice import Slice

Run = Callable[
    [int], np.ndarray
]  # sweeps -> draws (sweeps, chains, dimensions), continuing where the last call stopped
MEANS, VARIANCES = np.array([-3.0, 0.0, 2.0]), np.array([2.0, 5.0, 1.0])
PROBE = 20


@dataclass(frozen=True)
class Posterior:
    """One log density in four languages: torch and numpy over states (C, D), numba and jax over one
    state.
    """

    name: str
    start: np.ndarray
    width: float
    step: CompiledSlice
    numpy: Callable[[np.ndarray], np.ndarray]
    torch: Callable[[torch.Tensor], torch.Tensor]
    jax: Callable[[Any], Any]


def logistic(seed: int = 0) -> Posterior:
    """Section 3.3.4: 24 separable points, 12 a class, in two dimensions; prior N(0, 100 I)."""
    rng = np.random.default_rng(seed)
    y = np.repeat([-1.0, 1.0], 12)
    signed = np.ascontiguousarray(
        (y[:, None] * (rng.normal(size=(24, 2)) + np.stack([4 * y, 0 * y], 1))).T
    )
    there = torch.from_numpy(signed)

    def jax_density(w: Any) -> Any:
        import jax

        return jax.nn.log_sigmoid(w @ signed).sum() - (w * w).sum() / 200

    step = logistic_step(
        LogisticPosterior(there.T * torch.from_numpy(y)[:, None], torch.from_numpy(y > 0)),
        width=10.0,
    )
    return Posterior(
        "logistic, 24 points", np.array([1.0, 0.0]), 10.0, step,
        lambda w: -np.logaddexp(0, -(w @ signed)).sum(1) - (w * w).sum(1) / 200,
        lambda w: torch.nn.functional.logsigmoid(w @ there).sum(1) - w.square().sum(1) / 200,
        jax_density,
    )  # fmt: skip


def mixture(points: int, seed: int = 0) -> Posterior:
    """Section 3.2.3: the means of three components, variances known; prior N(0, 100 I)."""
    rng = np.random.default_rng(seed)
    which = rng.integers(3, size=points)
    x = MEANS[which] + np.sqrt(VARIANCES[which]) * rng.normal(size=points)
    constant, scale = -np.log(3 * np.sqrt(2 * math.pi * VARIANCES)), 0.5 / VARIANCES
    x_t, constant_t, scale_t = (torch.from_numpy(a) for a in (x, constant, scale))

    def numpy_density(w: np.ndarray) -> np.ndarray:
        terms = constant[:, None] - (x - w[:, :, None]) ** 2 * scale[:, None]
        return np.logaddexp.reduce(terms, axis=1).sum(1) - (w * w).sum(1) / 200

    def torch_density(w: torch.Tensor) -> torch.Tensor:
        terms = constant_t[:, None] - (x_t - w[:, :, None]).square() * scale_t[:, None]
        return torch.logsumexp(terms, 1).sum(1) - w.square().sum(1) / 200

    def jax_density(w: Any) -> Any:
        import jax

        return (
            jax.nn.logsumexp(
                constant[:, None] - (x - w[:, None]) ** 2 * scale[:, None], axis=0
            ).sum()
            - (w * w).sum() / 200
        )

    width = 5.0 if points < 100 else 0.5
    step = mixture_step(MixturePosterior(x_t), width=width)
    return Posterior(
        f"mixture, N = {points}", MEANS, width, step, numpy_density, torch_density, jax_density
    )


def ours_compiled(posterior: Posterior, chains: int) -> Run:
    return _chain(posterior.step, posterior, chains)


def ours_torch(posterior: Posterior, chains: int) -> Run:
    return _chain(Slice(posterior.torch, width=posterior.width), posterior, chains)


def sbi(posterior: Posterior, chains: int) -> Run:
    module = importlib.import_module("sbi.samplers.mcmc.slice_numpy")
    state = {"x": _start(posterior, chains)}

    def run(sweeps: int) -> np.ndarray:
        sampler = module.SliceSamplerVectorized(
            posterior.numpy,
            state["x"],
            num_chains=chains,
            tuning=0,
            verbose=False,
            init_width=posterior.width,
        )
        draws = sampler.run(sweeps)
        state["x"] = draws[:, -1]
        return draws.swapaxes(0, 1)

    return run


def zeus(posterior: Posterior, chains: int) -> Run:
    module = importlib.import_module("zeus")
    walkers = max(chains, 2 * len(posterior.start))
    state = {
        "x": (
            _start(posterior, walkers)
            + 0.1 * np.random.default_rng(0).normal(size=(walkers, len(posterior.start)))
        )
    }

    def run(sweeps: int) -> np.ndarray:
        sampler = module.EnsembleSampler(
            walkers, len(posterior.start), posterior.numpy, vectorize=True, verbose=False
        )
        sampler.run_mcmc(state["x"], sweeps, progress=False)
        draws = sampler.get_chain()
        state["x"] = draws[-1]
        return draws

    return run


def blackjax_slice(posterior: Posterior, chains: int) -> Run:
    blackjax, module = (
        importlib.import_module("blackjax"),
        importlib.import_module("blackjax.mcmc.slice"),
    )
    settings = {
        "interval": module.stepping_out,
        "coordinate_order": module.fixed_order,
        "max_expansions": 100,
    }
    return _blackjax(
        lambda: blackjax.coordinate_slice(
            posterior.jax, initial_widths=posterior.width, **settings
        ),
        posterior,
        chains,
    )


def blackjax_nuts(posterior: Posterior, chains: int) -> Run:
    """No slice sampler, and no rival of the table: what gradients and window adaptation would give."""
    blackjax, jax = importlib.import_module("blackjax"), importlib.import_module("jax")
    jax.config.update("jax_enable_x64", True)
    adapted, _ = blackjax.window_adaptation(blackjax.nuts, posterior.jax).run(
        jax.random.key(0), jax.numpy.asarray(posterior.start), 1000
    )
    return _blackjax(lambda: blackjax.nuts(posterior.jax, **adapted.parameters), posterior, chains)


RIVALS: dict[str, Callable[[Posterior, int], Run]] = {
    "distillery, compiled": ours_compiled,
    "distillery, torch": ours_torch,
    "sbi": sbi,
    "zeus": zeus,
    "blackjax slice": blackjax_slice,
    "(blackjax NUTS)": blackjax_nuts,
}
COMPARED = ("sbi", "zeus", "blackjax slice")
NEEDS = {"sbi": "sbi", "zeus": "zeus", "blackjax slice": "blackjax", "(blackjax NUTS)": "blackjax"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--repeats", type=int, default=5, help="paired runs")
    parser.add_argument("--seconds", type=float, default=0.5, help="aimed length of a run")
    parser.add_argument("--chains", type=int, nargs="+", default=[1, 100])
    options = parser.parse_args()
    torch.set_num_threads(1)
    memory(mixture(1000), max(options.chains))  # before JAX has threads, which no fork survives
    for posterior in (logistic(), mixture(10), mixture(100), mixture(1000)):
        for chains in options.chains:
            compare(posterior, chains, options.repeats, options.seconds)


def memory(posterior: Posterior, chains: int) -> None:
    """Prints what so many sweeps need in a child that has imported and compiled beforehand."""
    print(f"peak memory of {PROBE} sweeps, {posterior.name}, {chains} chains")
    for name, rival in RIVALS.items():
        if importlib.util.find_spec(NEEDS.get(name, "torch")) is None:
            continue
        made: list[Run] = []

        def prepare() -> None:
            made.append(rival(posterior, chains))
            made[0](PROBE)

        needed = peak_memory(lambda: made[0](PROBE), prepare=prepare)
        print(f"  {name:22} {needed / MEBI:9.1f} MiB")


def compare(posterior: Posterior, chains: int, repeats: int, seconds: float) -> None:
    """Prints a row a sampler: effective samples a second, and how many times more the compiled one
    gives, medians of paired runs.
    """
    print(f"\n{posterior.name}, {chains} chain{'s' * (chains > 1)}")
    runs, sweeps = {}, {}
    for name, rival in RIVALS.items():
        try:
            runs[name] = rival(posterior, chains)
        except ImportError as missing:
            print(
                f"  {name:22} missing ({missing.name} is not installed: pip install"
                " 'distillery[bench]')"
            )
            if name in COMPARED:
                note_missing("slice", name)
            continue
        sweeps[name] = _calibrated(runs[name], seconds)
    results: dict[str, list[tuple[float, float, float]]] = {name: [] for name in runs}
    for _ in range(repeats):
        for name, run in runs.items():
            results[name].append(_measured(run, sweeps[name]))
    ours = [rate for rate, _, _ in results["distillery, compiled"]]
    for name in COMPARED:
        if name in results:
            case = f"{posterior.name}, {chains} chain{'s' * (chains > 1)}"
            peer = [rate for rate, _, _ in results[name]]
            note("slice", _a_sample("compiled", ours), _a_sample(name, peer), case=case)
    for name, rows in results.items():
        rates, per_draw, rhats = zip(*rows, strict=True)
        ratio = median(a / b for a, b in zip(ours, rates, strict=True))
        print(
            f"  {name:22} {median(rates):12,.0f} a second   {ratio:9.2f} times  "
            f" {median(per_draw):.3f} a draw   R-hat {median(rhats):.3f}"
        )


def _a_sample(name: str, rates: list[float]) -> Timing:
    """Seconds an effective sample, of samples a second."""
    return Timing(name, [1 / rate for rate in rates])


def _measured(run: Run, sweeps: int) -> tuple[float, float, float]:
    began = time.perf_counter()
    draws = run(sweeps)
    took = time.perf_counter() - began
    tensor = torch.from_numpy(np.array(draws, dtype=np.float64))
    size = float(effective_sample_size(tensor).min())
    return size / took, size / (tensor.shape[0] * tensor.shape[1]), float(split_rhat(tensor).max())


def _calibrated(run: Run, seconds: float) -> int:
    """Burns in, compiles, and answers how many sweeps take about so long."""
    run(PROBE)
    began = time.perf_counter()
    run(PROBE)
    sweeps = min(50_000, max(2 * PROBE, int(PROBE * seconds / (time.perf_counter() - began))))
    run(sweeps)
    return sweeps


def _chain(step: Any, posterior: Posterior, chains: int) -> Run:
    chain = Chain(
        step, torch.from_numpy(_start(posterior, chains)), rng=torch.Generator().manual_seed(0)
    )
    return lambda sweeps: chain.trace(sweeps).numpy()


def _blackjax(make: Callable[[], Any], posterior: Posterior, chains: int) -> Run:
    jax = importlib.import_module("jax")
    jax.config.update("jax_enable_x64", True)
    sampler = make()
    state = {
        "key": jax.random.key(0),
        "chains": jax.vmap(sampler.init)(jax.numpy.asarray(_start(posterior, chains))),
    }

    def one(carried: Any, key: Any) -> Any:
        moved, _ = jax.vmap(sampler.step)(jax.random.split(key, chains), carried)
        return moved, moved.position

    @jax.jit
    def many(carried: Any, keys: Any) -> Any:
        return jax.lax.scan(one, carried, keys)

    def run(sweeps: int) -> np.ndarray:
        state["key"], key = jax.random.split(state["key"])
        state["chains"], draws = many(state["chains"], jax.random.split(key, sweeps))
        return np.asarray(draws)

    return run


def _start(posterior: Posterior, chains: int) -> np.ndarray:
    return np.tile(posterior.start, (chains, 1))


if __name__ == "__main__":
    main()
