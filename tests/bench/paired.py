"""Two or more ways to do the same, timed in turns in one process: medians, and medians of the
ratios to the first.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median


def compare(
    title: str,
    runs: dict[str, Callable[[], object]],
    repeats: int,
    *,
    clock: Callable[[], float] = time.perf_counter,
) -> None:
    """Print a line for each run; `clock` may be the process' own time, which other work disturbs
    less than the clock on the wall.
    """
    for run in runs.values():
        run()
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(repeats):
        for name, run in runs.items():
            began = clock()
            run()
            seconds[name].append(clock() - began)
    print(f"\n{title}")
    ours = next(iter(seconds.values()))
    for name, taken in seconds.items():
        print(
            f"  {name:32} {1e3 * median(taken):10.2f} ms  "
            f" {median(b / a for a, b in zip(ours, taken, strict=True)):7.2f} times"
        )
