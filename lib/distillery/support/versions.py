"""Which versions compute: python, torch, numpy, distillery."""

from __future__ import annotations

import platform
from functools import lru_cache
from importlib import metadata

from distillery import __version__


@lru_cache(maxsize=1)
def versions() -> dict[str, str]:
    """What computed: python, torch, numpy, distillery."""
    return {
        "python": platform.python_version(),
        **{name: _version(name) for name in ("torch", "numpy")},
        "distillery": __version__,
    }


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "absent"
