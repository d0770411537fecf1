"""log Z of any restricted Boltzmann machine, with its error and its doubts.

from distillery.tools.logz import figure, log_z, read_machine
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from distillery.tools.logz.estimate import log_z
    from distillery.tools.logz.machine_files import Found, read_bits, read_machine
    from distillery.tools.logz.report import METHODS, Report, figure

__all__ = ["METHODS", "Found", "Report", "figure", "log_z", "read_bits", "read_machine"]

_HOMES = {
    "METHODS": "report",
    "Found": "machine_files",
    "Report": "report",
    "figure": "report",
    "log_z": "estimate",
    "read_bits": "machine_files",
    "read_machine": "machine_files",
}


def __getattr__(name: str) -> Any:
    # found when first used: the command line's doors need no torch
    if name not in _HOMES:
        raise AttributeError(
            f"module {__name__!r} has no attribute {name!r}: it has {', '.join(__all__)}"
        )
    import importlib

    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
