"""A recollection file of 60,000 pictures: loading it, its first batch, which decodes them all, and
every batch of 256 after that.

    OMP_NUM_THREADS=1 python tests/bench/bench_recollections.py [--count 60000] [--repeats 9]

One thread, one process, medians. The last columns are what keeping the decoded pictures as bytes
costs in memory, and a batch decoded anew.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

import torch
from paired import Timing, note, print_memory

from distillery.models.autoencoder import CategoricalAutoencoder
from distillery.storage import Recollections
from distillery.storage.recollections import save

SIZES = ((38, 2, 1, 28), (62, 2, 1, 28), (76, 2, 3, 32))
BATCH, TARGET = 256, 5.0


def written(folder: str, size: tuple[int, int, int, int], count: int) -> Path:
    (variables, values, channels, pixels), rng = size, torch.Generator().manual_seed(0)
    student = CategoricalAutoencoder(variables, values, rng=rng, channels=channels, size=pixels)
    codes = torch.randint(values, (count, variables), generator=rng, dtype=torch.uint8)
    save(Path(folder) / "some.rec", student, codes, labels=torch.arange(count) % 10)
    return Path(folder) / "some.rec"


def milliseconds(run: Callable[[], object]) -> float:
    begin = time.perf_counter()
    run()
    return 1000 * (time.perf_counter() - begin)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=60_000)
    parser.add_argument("--repeats", type=int, default=9)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    print(
        f"{asked.count} pictures         load   first batch   a batch of {BATCH}        kept  "
        " decoded anew"
    )
    for size in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            path = written(folder, size, asked.count)
            load = partial(Recollections.load, path)
            loads = [milliseconds(load) for _ in range(asked.repeats)]
            unread = Recollections.load(path, rng=torch.Generator().manual_seed(0))
            needs: dict[str, Callable[[], object]] = {
                "loading": load,
                "the first batch": partial(unread.draw, BATCH),
            }
            loading, _ = print_memory(needs).values()
            read = Recollections.load(path, rng=torch.Generator().manual_seed(0))
        first = milliseconds(lambda: read.draw(BATCH))
        drawn = [milliseconds(lambda: read.draw(BATCH)) for _ in range(10 * asked.repeats)]
        later = median(drawn)
        anew = median(
            milliseconds(lambda: read.student.decode(read.codes[:BATCH]))
            for _ in range(asked.repeats)
        )
        name = f"{size[0]}x{size[1]}, {size[2]}x{size[3]}x{size[3]}"
        megabytes = read.pictures.numel() / 1e6
        print(
            f"{name:18} {median(loads):6.1f} ms {first / 1000:8.2f} s {later:13.2f} ms"
            f" {megabytes:10.0f} MB {anew:8.1f} ms"
        )
        batch, _ = print_memory(
            {
                "a later batch": partial(read.draw, BATCH),
                "decoded anew": lambda: read.student.decode(read.codes[:BATCH]),
            }
        ).values()
        for what, times, peak in (("loading", loads, loading), ("a batch", drawn, batch)):
            timing = Timing("distillery", [time / 1000 for time in times], peak)
            if size == SIZES[0]:
                note("recollections", timing, case=f"{what}, {name}")
    print(f"target at 38x2: loading, and a batch after the first, under {TARGET:g} ms each")


if __name__ == "__main__":
    main()
