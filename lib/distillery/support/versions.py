"""What computes: python, torch, numpy, distillery, and the kind of processor."""

from __future__ import annotations

import platform
from functools import lru_cache
from importlib import metadata
from pathlib import Path

from distillery import __version__


@lru_cache(maxsize=1)
def versions() -> dict[str, str]:
    """What decides the last digits of a number: packages, and the kind of processor, which chooses
    among their kernels.
    """
    return {
        "python": platform.python_version(),
        **{name: _version(name) for name in ("torch", "numpy")},
        "distillery": __version__,
        "processor": _processor(),
    }


def _processor() -> str:
    """Its model where Linux names it, else its family."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, "") or platform.processor() or platform.machine()


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "absent"
