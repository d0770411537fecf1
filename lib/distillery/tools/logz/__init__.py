"""log Z of any restricted Boltzmann machine, with its error and its doubts.

from distillery.tools.logz import figure, log_z, read_machine
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from distillery.support.lazily import lazily

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

# found when first used: the command line's doors need no torch
__getattr__, __dir__ = lazily(__name__, _HOMES, globals())
