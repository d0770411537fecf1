"""Two or more ways to do the same, timed in turns in one process: medians, medians of the ratios to
the first, and the memory that each needs.

A rival does without what ours does without: gradients, graphs, logging. Where $DISTILLERY_BENCH
names a file, as in `make bench`, what `note` is told also becomes a row of that table.
"""

from __future__ import annotations

import ctypes
import os
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import NoReturn

from distillery.support.versions import versions
from distillery_book.results import benches
from distillery_book.results.benches import Timing

MEBI = 2**20


def compare(
    title: str,
    runs: dict[str, Callable[[], object]],
    repeats: int,
    *,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, Timing]:
    """Print a line for each run, and answer what it took; `clock` may be the process' own time,
    which other work disturbs less than the clock on the wall.
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
    timings = {}
    for name, taken in seconds.items():
        times = median(b / a for a, b in zip(ours, taken, strict=True))
        memory = peak_memory(runs[name])
        print(
            f"  {name:32} {1e3 * median(taken):10.2f} ms   {times:7.2f} times"
            f" {memory / MEBI:9.1f} MiB more"
        )
        timings[name] = Timing(name, taken, memory)
    return timings


def print_memory(runs: Mapping[str, Callable[[], object]]) -> dict[str, int]:
    """Print a line of the memory that each run needs, for benches that lay out their own times, and
    answer the bytes.
    """
    needed = {name: peak_memory(run) for name, run in runs.items()}
    told = [f"{name} {size / MEBI:.1f} MiB" for name, size in needed.items()]
    print(f"  peak memory beyond what lies ready: {'; '.join(told)}", flush=True)
    return needed


def note(key: str, ours: Timing, *peers: Timing, case: str = "") -> None:
    """Write what was measured of a benchmark into the table, against the best of the peers, or
    against nobody.
    """
    table = os.environ.get("DISTILLERY_BENCH")
    if not table:
        return
    benchmark, name = benches.find(key), " or ".join(peer.name for peer in peers)
    rows = [
        benches.row(benchmark, case, ours, peer and replace(peer, name=name), made_by=versions())
        for peer in peers or (None,)
    ]
    benches.write(min(rows, key=lambda row: benchmark.slack(row.ratio or 0.0)), Path(table))


def note_missing(key: str, peer: str) -> None:
    """Write into the table that a peer is not installed."""
    if table := os.environ.get("DISTILLERY_BENCH"):
        benches.write(benches.missing(benches.find(key), peer, made_by=versions()), Path(table))


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
