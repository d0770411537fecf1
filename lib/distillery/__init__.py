"""Distillery: put the knowledge of something cumbersome into something convenient.

from distillery import distill
from distillery.generators import Resample
from distillery.losses import SoftTargets
from distillery.teachers import Frozen
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from distillery.support.lazily import lazily

if TYPE_CHECKING:
    from distillery.distillation import distill
    from distillery.protocols import Batch, Exhausted
    from distillery.tools.compress import compress
    from distillery.tools.logz import log_z
    from distillery.tools.trained import load
    from distillery.training.run import Diverged, History

__version__ = "0.1.0"
__all__ = [
    "Batch",
    "Diverged",
    "Exhausted",
    "History",
    "__version__",
    "compress",
    "distill",
    "load",
    "log_z",
]

# torch takes a second to import: `distillery --help` and a notebook's first line should not wait
_HOMES = {
    "distill": "distillation",
    "load": "tools.trained",
    "compress": "tools.compress",
    "log_z": "tools.logz",
    "Batch": "protocols",
    "Exhausted": "protocols",
    "History": "training.run",
    "Diverged": "training.run",
}
__getattr__, __dir__ = lazily(__name__, _HOMES, globals())
