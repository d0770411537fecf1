"""Two or more ways to do the same, timed in turns in one process: medians, medians of the ratios to
the first, and the memory that each needs.

A rival does without what ours does without: gradients, graphs, logging.
"""

from __future__ import annotations

import ctypes
import os
import sys
import time
import traceback
from collections.abc import Callable
from statistics import median
from typing import NoReturn

MEBI = 2**20


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
        times = median(b / a for a, b in zip(ours, taken, strict=True))
        memory = peak_memory(runs[name]) / MEBI
        print(
            f"  {name:32} {1e3 * median(taken):10.2f} ms   {times:7.2f} times {memory:9.1f} MiB more"
        )


def print_memory(runs: dict[str, Callable[[], object]]) -> None:
    """Print a line of the memory that each run needs, for benches that lay out their own times."""
    needed = [f"{name} {peak_memory(run) / MEBI:.1f} MiB" for name, run in runs.items()]
    print(f"  peak memory beyond what lies ready: {'; '.join(needed)}", flush=True)


def peak_memory(run: Callable[[], object], *, prepare: Callable[[], object] = int) -> int:
    """Bytes by which one run in a child of this process raises what is resident at most.

    What `prepare` does in that child is not counted: packages whose threads do not survive a fork
    are first imported there.
    """
    sys.stdout.flush()  # the child would write what waits there a second time
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _measure(run, prepare, writing)
    os.close(writing)
    with os.fdopen(reading) as answer:
        text = answer.read()
    os.waitpid(child, 0)
    if not text:
        raise ChildProcessError("the run whose memory was to be measured failed in its child")
    return int(text)


def _measure(run: Callable[[], object], prepare: Callable[[], object], writing: int) -> NoReturn:
    """In the child, which ends here whatever happens."""
    try:
        prepare()
        ctypes.CDLL(None).malloc_trim(0)  # what earlier runs have freed is not there for this one
        _forget_the_peak()
        before = _status("VmRSS")
        run()
        os.write(writing, str(_status("VmHWM") - before).encode())
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(0)


def _forget_the_peak() -> None:
    """What was resident at most is counted anew from here (proc(5), clear_refs)."""
    with open("/proc/self/clear_refs", "w", encoding="ascii") as report:
        report.write("5")


def _status(field: str) -> int:
    """A line of the kernel's report on this process, in bytes."""
    with open("/proc/self/status", encoding="ascii") as report:
        line = next(line for line in report if line.startswith(field + ":"))
    return 1024 * int(line.split()[1])
