"""Where a long training runs, as the recipes of tools and studies see it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import torch


class Place(Protocol):
    """A device, the type that autocast uses there (None for float32), a folder for checkpoints, and
    an ear for progress.
    """

    @property
    def device(self) -> torch.device: ...

    @property
    def dtype(self) -> torch.dtype | None: ...

    @property
    def scratch(self) -> Path: ...

    def report(self, done: float) -> None:
        """Say that a share `done` (0 to 1) is behind us."""


@dataclass(frozen=True)
class Bench:
    """A place of one's own."""

    device: torch.device
    dtype: torch.dtype | None
    scratch: Path
    on_report: Callable[[float], None]

    def report(self, done: float) -> None:
        self.on_report(min(max(float(done), 0.0), 1.0))
