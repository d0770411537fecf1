"""The partition function of a restricted Boltzmann machine to a given standard error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from distillery.support.lazily import lazily

if TYPE_CHECKING:
    from distillery.tools.logz.estimate import log_z

__all__ = ["log_z"]

__getattr__, __dir__ = lazily(__name__, {"log_z": "estimate"}, globals())
