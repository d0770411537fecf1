"""Where a number comes from: versions, commit, device, threads, seconds and peak memory.

Never the name of the machine or its user.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

LIBRARY = Path(__file__).resolve().parents[2]
PACKAGES = ("distillery", "distillery_book")


@lru_cache(maxsize=1)
def commit() -> tuple[str | None, bool | None]:
    """The commit of the two packages' code and whether their files differ from it; (None, None)
    where git does not hold them.
    """
    if _git("ls-files", "--error-unmatch", "distillery/__init__.py") is None:
        return None, None
    head = _git("rev-parse", "HEAD")
    if head is None:
        return None, None
    return head, bool(_git("status", "--porcelain", "--", *PACKAGES))


class Meter:
    """Seconds and peak memory from here on; on a GPU the memory is the device's, elsewhere the
    process's.
    """

    def __init__(self, device: str = "cpu") -> None:
        self._peak = _device_peak() if device.startswith("cuda") else _process_peak()
        self._start = time.perf_counter()

    def seconds(self) -> float:
        return time.perf_counter() - self._start

    def peak_memory_mb(self) -> float:
        return self._peak() / 1e6


def _process_peak() -> Callable[[], float]:
    """Linux forgets earlier peaks on request, so that each cell of a worker has its own; elsewhere
    the peak is the process's so far.
    """
    try:
        Path("/proc/self/clear_refs").write_text("5")
        _high_water()
        return _high_water
    except (OSError, StopIteration):
        unit = 1 if sys.platform == "darwin" else 1024
        return lambda: float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)


def _high_water() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return float(next(line for line in lines if line.startswith("VmHWM")).split()[1]) * 1024


def _device_peak() -> Callable[[], float]:
    import torch

    torch.cuda.reset_peak_memory_stats()
    return lambda: float(torch.cuda.max_memory_allocated())


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(LIBRARY), *arguments],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
