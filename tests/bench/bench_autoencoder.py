"""A training step of the categorical autoencoder, all of it, against its bare convolutions forwards
and backwards.

    python tests/bench/bench_autoencoder.py [--batch 32] [--steps 20] [--repeats 5] [--float32]

Ours draws a batch, draws codes, computes the loss, goes backwards and updates; the other only runs
the six convolutions and ReLUs on pictures that lie ready. Paired runs take turns in one process, in
the same precision and memory format.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial

import torch
from paired import Timing, note, print_memory

from distillery import distill
from distillery.generators import Resample
from distillery.losses import PixelCrossEntropy
from distillery.models.autoencoder import CategoricalAutoencoder
from distillery.support.settings import resolve
from distillery.teachers import Inputs
from distillery.training.underway import precision

SIZES = ((168, 2, 1, 28), (62, 2, 1, 28), (38, 2, 1, 28), (76, 2, 3, 32))
Run = Callable[[int], None]


def made(size: tuple[int, int, int, int]) -> CategoricalAutoencoder:
    variables, values, channels, pixels = size
    network = CategoricalAutoencoder(
        variables, values, rng=torch.Generator().manual_seed(0), channels=channels, size=pixels
    )
    return network.to(memory_format=torch.channels_last)


def ours(size: tuple[int, int, int, int], batch: int, dtype: torch.dtype | None) -> Run:
    rng, student = torch.Generator().manual_seed(1), made(size)
    data = Resample(
        torch.randint(256, (2000, *student.shape), generator=rng, dtype=torch.uint8), rng=rng
    )
    optimizer = torch.optim.Adam(student.parameters(), lr=1e-3, fused=True)

    def run(steps: int) -> None:
        distill(
            Inputs(),
            student,
            data,
            PixelCrossEntropy(),
            optimizer=optimizer,
            batch_size=batch,
            steps=steps,
            dtype=dtype,
        )

    return run


def bare(size: tuple[int, int, int, int], batch: int, dtype: torch.dtype | None) -> Run:
    network = made(size)
    x = torch.rand(batch, *network.shape)
    down = torch.nn.Sequential(network.encoder, torch.nn.ReLU(), network.decoder)

    def run(steps: int) -> None:
        for _ in range(steps):
            down.zero_grad()
            with precision(dtype, x.device):
                y = down(x)
            y.sum().backward()

    return run


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--float32", action="store_true")
    options = parser.parse_args()
    dtype = None if options.float32 else resolve("cpu", "auto").dtype
    for size in SIZES:
        runs = [make(size, options.batch, dtype) for make in (ours, bare)]
        pairs = [[seconds(run, options.steps) for run in runs] for _ in range(options.repeats + 1)][
            1:
        ]  # the first warms up
        mine, theirs = (1000 * statistics.median(times) for times in zip(*pairs, strict=True))
        ratio = statistics.median(a / b for a, b in pairs)
        name = f"{size[0]}x{size[1]}, {size[2]}x{size[3]}x{size[3]}"
        print(
            f"{name:20} ours {mine:6.2f} ms a step   bare convolutions {theirs:6.2f} ms  "
            f" {ratio:5.2f} times as long"
        )
        names = ("ours", "bare convolutions")
        peaks = print_memory({n: partial(run, 1) for n, run in zip(names, runs, strict=True)})
        taken = zip(*pairs, strict=True)
        timings = [Timing(n, each, peaks[n]) for n, each in zip(names, taken, strict=True)]
        note("autoencoder", *timings, case=name)
    print(
        f"products in {dtype or torch.float32}, batches of {options.batch}; target: at most 1.5"
        " times"
    )


def seconds(run: Run, steps: int) -> float:
    begin = time.perf_counter()
    run(steps)
    return (time.perf_counter() - begin) / steps


if __name__ == "__main__":
    main()
