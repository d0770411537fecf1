"""Packing and unpacking codes, in bytes beside c · log2 l / 8, in time beside numpy's packbits
path.

    python tests/bench/bench_packing.py [--codes 50000] [--repeats 9]

The path for l values is numpy's alone: for l = 2 packbits and unpackbits of the codes as they are,
for more values unpackbits to the bits of each variable and packbits of those, and back. For l = 2
`pack` looks in the same pass for a code that is no bit, which packbits takes for a 1. Paired runs
take turns in one process, on one thread; ratios are medians over pairs.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from statistics import median

import numpy as np
from paired import Timing, note, print_memory

from distillery.storage import pack, packed_bits, unpack

COMPARED = (2, 3, 4, 256, 4096)  # powers of two, and 3
SIZES = ((38, 2), (168, 2), (392, 3), (48, 4), (12, 37), (48, 10), (24, 256), (8, 4096))


def path_pack(codes: np.ndarray, values: int) -> np.ndarray:
    if values == 2:
        return np.packbits(codes)
    planes = (
        codes.astype("<u2").view(np.uint8).reshape(-1, 2) if values > 256 else codes.reshape(-1, 1)
    )
    return np.packbits(
        np.unpackbits(planes, axis=1, bitorder="little", count=(values - 1).bit_length())
    )


def path_unpack(packed: np.ndarray, values: int, shape: tuple[int, int]) -> np.ndarray:
    bits, count = (values - 1).bit_length(), math.prod(shape)
    found = np.unpackbits(packed, count=count * bits)
    if values == 2:
        return found.reshape(shape)
    planes = np.packbits(found.reshape(count, bits), axis=1, bitorder="little")
    return (planes.view("<u2") if values > 256 else planes).reshape(shape)


def times(
    ours: Callable[[], object], theirs: Callable[[], object], repeats: int
) -> list[tuple[float, float]]:
    """Pairs of our seconds and those of numpy's path."""
    ours(), theirs()
    return [(_seconds(ours), _seconds(theirs)) for _ in range(repeats)]


def _seconds(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--codes", type=int, default=50_000)
    parser.add_argument("--repeats", type=int, default=9)
    asked = parser.parse_args()
    rng = np.random.default_rng(0)
    print(
        f"{asked.codes} codes      waste    pack              unpack            (ns a variable, and"
        " times faster than numpy's path)"
    )
    for variables, values in SIZES:
        codes = rng.integers(0, values, (asked.codes, variables)).astype(
            np.uint8 if values <= 256 else np.int16
        )
        packed, theirs = pack(codes, values), path_pack(codes, values)
        assert np.array_equal(unpack(packed, values, codes.shape), codes)
        assert np.array_equal(path_unpack(theirs, values, codes.shape), codes)
        waste = packed_bits(codes.size, values) / (codes.size * math.log2(values)) - 1
        runs: dict[str, Callable[[], object]] = {
            "pack": lambda: pack(codes, values),
            "numpy's pack": lambda: path_pack(codes, values),
            "unpack": lambda: unpack(packed, values, codes.shape),
            "numpy's unpack": lambda: path_unpack(theirs, values, codes.shape),
        }
        pairs = {
            name: times(runs[name], runs[f"numpy's {name}"], asked.repeats)
            for name in ("pack", "unpack")
        }
        spent = "".join(
            f"{1e9 * median(mine for mine, _ in taken) / codes.size:8.2f}"
            f" {median(other / mine for mine, other in taken):6.2f}x  "
            for taken in pairs.values()
        )
        print(f"{variables:6} x {values:<5} {waste:9.4%} {spent}")
        peaks = print_memory(runs)
        case = f"{variables} x {values}"
        least = codes.size * math.log2(values) / 8
        counted = Timing("ours", [least * (1 + waste)]), Timing("c log2 l / 8", [least])
        note("packing_bytes", *counted, case=case)
        for name, taken in pairs.items() if values in COMPARED else ():
            mine, theirs = (
                Timing(who, seconds, peaks[who])
                for who, seconds in zip(
                    (name, f"numpy's {name}"), zip(*taken, strict=True), strict=True
                )
            )
            note("packing", mine, theirs, case=f"{name}, {case}")


if __name__ == "__main__":
    main()
