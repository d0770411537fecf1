"""Choosing unlike examples, an episode of every curriculum, and recollections a second.

    OMP_NUM_THREADS=1 python tests/bench/bench_curricula.py [--repeats 9] [--steps 3]

1. Of 100 pictures 10: ours beside dppy's exact k-DPP, beside Algorithm 1 as it is written, which
   adds up all similarities anew at each step, and beside our own k-DPPs; microseconds an item taken.
2. Episodes at k = n = 10, random, active, active and diverse, of students side by side and of a batch
   of episodes; at most 4 times a random one is wanted.
3. Recollections drawn: decoded as they are drawn, and decoded once and kept as bytes.

One thread, one process, runs in turns; times are the process' own. A peer that is not installed is
reported as missing.
"""

from __future__ import annotations

import argparse
import math
import resource
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from paired import compare, note, note_missing
from torch import Tensor, nn

from distillery import distill
from distillery.generators import Diverse, Generator, Hardest, Parallel, RecollectionBuffer
from distillery.generators.kdpp import greedy_k_dpp, k_dpp
from distillery.generators.msss import FRACTION, msss
from distillery.losses import SoftTargets
from distillery.models.abreast import Abreast
from distillery.models.autoencoder import CategoricalAutoencoder
from distillery.models.lenet import LeNet
from distillery.models.mlp import MLP
from distillery.teachers import Frozen, Recorded

GROUPS, CANDIDATES, KEPT = 20, 100, 10
DPPY = "dppy's exact k-DPP"
SIZES = ((38, 2), (62, 2), (168, 2))
clock = time.process_time


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def as_written(x: np.ndarray, random: np.random.Generator) -> list[int]:
    """Algorithm 1: at every step the similarities of the rest looked at to all that are taken."""
    taken = list(random.choice(len(x), 2, replace=False))
    while len(taken) < KEPT:
        rest = np.setdiff1d(np.arange(len(x)), taken)
        look = random.choice(rest, math.ceil(FRACTION * len(rest)), replace=False)
        taken.append(look[((x[look] @ x[taken].T) ** 2).sum(1).argmin()])
    return taken


def peer() -> Callable[[Tensor], object] | None:
    try:
        from dppy.finite_dpps import FiniteDPP
    except ImportError as missing:
        print(f"dppy missing ({missing.name} is not installed: pip install dppy)")
        note_missing("dppy", DPPY)
        return None
    random = np.random.RandomState(0)

    def draw(x: Tensor) -> object:
        kernel = x.double().numpy() @ x.double().numpy().T
        return FiniteDPP("likelihood", L=kernel).sample_exact_k_dpp(KEPT, random_state=random)

    return draw


def selection(repeats: int) -> None:
    x = torch.rand(GROUPS, CANDIDATES, 784, generator=rng())
    chances = partial(torch.rand, generator=rng(1), dtype=torch.float64)
    random = np.random.default_rng(0)

    def kernels() -> Tensor:
        return torch.bmm(x.double(), x.double().transpose(1, 2))

    runs: dict[str, Callable[[], object]] = {
        "least sum of squares": lambda: msss(x, KEPT, chances=chances(GROUPS, KEPT)),
        "Algorithm 1 as written": lambda: [as_written(group, random) for group in x.numpy()],
        "our exact k-DPP": lambda: k_dpp(kernels(), KEPT, chances=chances(GROUPS, 2 * KEPT)),
        "our greedy k-DPP": lambda: greedy_k_dpp(kernels(), KEPT),
    }
    if draw := peer():
        runs[DPPY] = lambda: [draw(group) for group in x]
    timings = compare(
        f"{CANDIDATES} to {KEPT}, {GROUPS} groups, {GROUPS * KEPT} items (targets: Algorithm 1 3"
        " times, dppy 20 times)",
        runs,
        repeats,
        clock=clock,
    )
    ours, written, *_ = timings.values()
    note("algorithm_1", ours, written)
    if DPPY in timings:
        note("dppy", ours, timings[DPPY])


def memory(variables: int, values: int, *, keep: bool, count: int = 5000) -> RecollectionBuffer:
    codec = CategoricalAutoencoder(variables, values, rng=rng())
    codes = torch.randint(values, (count, variables), generator=rng(), dtype=torch.uint8)
    return RecollectionBuffer.full(codec, codes, rng=rng(), keep=keep)


def curriculum(name: str, streams: list[Generator], student: nn.Module) -> Generator:
    if name == "random":
        return Parallel(streams)
    source: Generator = Parallel(streams)
    if name == "active and diverse":
        source = Diverse(source, of=10, rng=[rng(100 + s) for s in range(len(streams))])
    return Hardest(source, partial(SoftTargets().each, Recorded(), student), of=10)


def episodes(repeats: int, steps: int) -> None:
    recollections = memory(38, 2, keep=True).ask(Frozen(LeNet(rng=rng(5))))
    mlp = partial(MLP, [784, 300, 300, 10])
    for kind, make, students, batch in (
        ("LeNet", LeNet, 20, 1), ("MLP", mlp, 20, 1), ("LeNet", LeNet, 1, 20), ("MLP", mlp, 1, 20),
    ):  # fmt: skip
        runs = {
            name: learning(
                name, recollections, [make(rng=rng(s)) for s in range(students)], batch, steps
            )
            for name in ("random", "active", "active and diverse")
        }
        random, _, chosen = compare(
            f"{kind}: {students} students, {batch} episodes a step, {steps} steps (target: 4 times)",
            runs,
            repeats,
            clock=clock,
        ).values()
        note("episodes", chosen, random, case=f"{kind}, {students} students, {batch} at once")


def learning(
    name: str, recollections: RecollectionBuffer, students: list[nn.Module], batch: int, steps: int
) -> Callable[[], object]:
    bank = Abreast(students)
    streams: list[Generator] = [recollections.stream(rng(s)) for s in range(len(students))]
    source = curriculum(name, streams, bank)
    optimizer = torch.optim.Adam(bank.parameters(), lr=1e-4, fused=True)
    return lambda: distill(
        Recorded(), bank, source, SoftTargets(),
        optimizer=optimizer, batch_size=batch * len(students), steps=steps,
    )  # fmt: skip


def decoding(repeats: int) -> None:
    for size in SIZES:
        kept, anew = memory(*size, keep=True), memory(*size, keep=False)
        compare(
            f"1,000 recollections of {size[0]}x{size[1]} drawn",
            {
                "decoded once, kept as bytes": lambda: kept.draw(1000),
                "decoded as drawn": lambda: anew.draw(1000),
            },
            repeats,
            clock=clock,
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--steps", type=int, default=3)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    selection(asked.repeats)
    episodes(asked.repeats, asked.steps)
    decoding(asked.repeats)
    print(f"\npeak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


if __name__ == "__main__":
    main()
