"""Annealed importance sampling of a 784 x 500 machine, 100 chains through 1,000 temperatures,
beside rbms 0.5.

    OMP_NUM_THREADS=1 python tests/bench/bench_ais.py [--repeats 5] [--steps 1000]

The machine is the published CD25(500) where $DISTILLERY_DATA has it, else a random one of that
size. Both run on one thread in float32 in one process, taking turns; the base is rbms' own (the
machine without weights) and, in a row beside it, the data's rates. rbms may take the machine's
own tensors, without a copy, and neither side keeps gradients or logs. Spread is the deviation of log Z
between runs.
"""

from __future__ import annotations

import argparse
import importlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median, stdev
from typing import Any

import numpy as np
import torch
from paired import Timing, note, note_missing, print_memory

from distillery.models.rbm import RBM
from distillery.partition import base_rates, forward, importance, uniform

CHAINS = 100


def machine_and_rates() -> tuple[RBM, torch.Tensor]:
    folder = Path(os.environ.get("DISTILLERY_DATA", "data"))
    if (folder / "rbm_cd25_500.npz").exists() and (folder / "mnist_binarized.npz").exists():
        arrays = np.load(folder / "rbm_cd25_500.npz")
        pixels = torch.from_numpy(np.load(folder / "mnist_binarized.npz")["x_train"]).flatten(1)
        return RBM.from_arrays(
            arrays["W"], arrays["a"], arrays["b"], dtype=torch.float32
        ), base_rates(pixels)
    print("the published machine is not there: a random one instead")
    rng = torch.Generator().manual_seed(0)
    return RBM(784, 500, rng=rng, scale=0.1), torch.zeros(784)


def ours(machine: RBM, base: torch.Tensor, steps: int) -> Callable[[], float]:
    rng = torch.Generator().manual_seed(1)
    return lambda: (
        importance(
            forward(machine, uniform(steps), chains=CHAINS, rng=rng, base=base).log_ratios
        ).value
    )


def theirs(machine: RBM, steps: int) -> Callable[[], float]:
    ais = importlib.import_module("rbms.partition_function.ais")
    bernoulli: Any = importlib.import_module("rbms.bernoulli_bernoulli.classes")
    params = bernoulli.BBRBM(
        weight_matrix=machine.W.detach(), vbias=machine.a.detach(), hbias=machine.b.detach()
    )
    return lambda: ais.compute_partition_function_ais(CHAINS, steps + 1, params)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--steps", type=int, default=1000, help="temperatures")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    machine, rates = machine_and_rates()
    runs = {
        "distillery": ours(machine, machine.a.detach(), asked.steps),
        "distillery, data's rates": ours(machine, rates, asked.steps),
    }
    try:
        runs["rbms"] = theirs(machine, asked.steps)
    except ImportError as missing:
        print(f"rbms missing ({missing.name} is not installed: pip install rbms==0.5)")
        note_missing("ais", "rbms")
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    for _ in range(asked.repeats):
        for name, run in runs.items():
            began = time.perf_counter()
            value = run()
            found[name].append((time.perf_counter() - began, value))
    for name, pairs in found.items():
        ratio = median(b / a for (a, _), (b, _) in zip(found["distillery"], pairs, strict=True))
        seconds, values = zip(*pairs, strict=True)
        print(
            f"  {name:26} {median(seconds):7.2f} s  {ratio:6.2f} times   log Z"
            f" {np.mean(values):.2f}, spread {stdev(values):.2f}"
        )
    peaks = print_memory(runs)
    timings = {
        name: Timing(name, [taken for taken, _ in pairs], peaks[name])
        for name, pairs in found.items()
    }
    if "rbms" in timings:
        case = f"{asked.steps:,} temperatures"
        note("ais", timings["distillery"], timings["rbms"], case=case)


if __name__ == "__main__":
    main()
