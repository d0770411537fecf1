"""Distillery: put the knowledge of something cumbersome into something convenient.

from distillery import distill
from distillery.generators import Resample
from distillery.losses import SoftTargets
from distillery.teachers import Frozen
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from distillery.distillation import distill
    from distillery.protocols import Batch, Exhausted
    from distillery.tools.trained import load
    from distillery.training.run import Diverged, History

__version__ = "0.1.0"
__all__ = ["Batch", "Diverged", "Exhausted", "History", "__version__", "distill", "load"]

_HOMES = {
    "distill": "distillation",
    "load": "tools.trained",
    "Batch": "protocols",
    "Exhausted": "protocols",
    "History": "training.run",
    "Diverged": "training.run",
}


def __getattr__(name: str) -> Any:
    # torch takes a second to import: `distillery --help` and a notebook's first line should not
    # wait for it
    if name not in _HOMES:
        raise AttributeError(
            f"module 'distillery' has no attribute {name!r}: it has {', '.join(__all__)}"
        )
    import importlib

    return getattr(importlib.import_module(f"distillery.{_HOMES[name]}"), name)
