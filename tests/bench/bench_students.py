"""Many students of one example a step: one after the other, and side by side in four ways.

    OMP_NUM_THREADS=1 python tests/bench/bench_students.py [--students 1 2 5 10 20] [--batch 1]
        [--steps 4] [--repeats 7]

Every student has its own weights, its own stream and its own Adam; all is trained by `distill`, so
that what surrounds a step is counted. One thread, one process, runs in turns; times are the process'
own. The rival may take what ours takes, the fused Adam, batches ready in memory and no probes or
checkpoints, and trains its students one after the other. A column is microseconds a step of one student, and how many times as long as ours it takes.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from functools import partial
from statistics import median

import torch
from paired import Timing, note, print_memory
from torch import nn

from distillery import distill
from distillery.generators import Parallel, Resample
from distillery.losses import SoftTargets
from distillery.models.abreast import Abreast
from distillery.models.bank import Bank
from distillery.models.lenet import LeNet
from distillery.models.mlp import MLP
from distillery.teachers import Recorded

KINDS: dict[str, Callable[..., nn.Module]] = {
    "LeNet 20-50-500": LeNet,
    "MLP 784-300-300-10": partial(MLP, [784, 300, 300, 10]),
}
WAYS = ("abreast", "bank, stacked by vmap", "bank, a list", "one after the other")
TARGET = 1.5  # five LeNets against one after the other


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def training(students: Sequence[nn.Module], way: str, batch: int, steps: int) -> Callable[[], None]:
    """So many steps of all students, going on where the last call stopped."""
    x = torch.randint(256, (1000, 1, 28, 28), generator=rng(), dtype=torch.uint8)
    y = 3 * torch.randn(1000, 10, generator=rng(1))
    streams = [Resample(x, y, rng=rng(seed)) for seed in range(len(students))]
    together = {
        "abreast": Abreast,
        "bank, stacked by vmap": partial(Bank, stacked=True, own_streams=True),
        "bank, a list": partial(Bank, own_streams=True),
    }
    if way in together:
        networks, sources = [together[way](students)], [Parallel(streams)]
    else:
        networks, sources = list(students), [Parallel([stream]) for stream in streams]
    optimizers = [torch.optim.Adam(n.parameters(), lr=1e-4, fused=True) for n in networks]
    size = batch * len(students) // len(networks)

    def run() -> None:
        for network, source, optimizer in zip(networks, sources, optimizers, strict=True):
            distill(
                Recorded(), network, source, SoftTargets(),
                optimizer=optimizer, batch_size=size, steps=steps,
            )  # fmt: skip

    return run


def microseconds(runs: dict[str, Callable[[], None]], repeats: int) -> dict[str, list[float]]:
    for run in runs.values():
        run()
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(repeats):
        for name, run in runs.items():
            began = time.process_time()
            run()
            taken[name].append(1e6 * (time.process_time() - began))
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--students", type=int, nargs="+", default=[1, 2, 5, 10, 20])
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=7)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    for name, make in KINDS.items():
        print(f"{name}, batch {asked.batch}\n  students  " + "".join(f"{way:>24}" for way in WAYS))
        for count in asked.students:
            runs = {
                way: training(
                    [make(rng=rng(s)) for s in range(count)], way, asked.batch, asked.steps
                )
                for way in WAYS
            }
            taken = microseconds(runs, asked.repeats)
            ours = taken[WAYS[0]]
            cells = [
                f"{median(t) / count / asked.steps:10.0f} us"
                f" {median(b / a for a, b in zip(ours, t, strict=True)):5.2f} times"
                for t in taken.values()
            ]
            print(f"  {count:8}  " + "".join(f"{cell:>24}" for cell in cells), flush=True)
            peaks = print_memory(runs)
            if (name, count, asked.batch) == (next(iter(KINDS)), 5, 1):
                ways = (WAYS[0], WAYS[-1])
                timings = [Timing(way, [t / 1e6 for t in taken[way]], peaks[way]) for way in ways]
                note("students", *timings)
    print(f"target: five LeNets at batch 1, one after the other, {TARGET} times ours")


if __name__ == "__main__":
    main()
