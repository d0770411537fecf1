"""Trained models by name: packages offer them by the entry-point group `distillery.models`."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

GROUP = "distillery.models"


def load(name: str, results: str | Path | None = None) -> nn.Module:
    """The trained model called `name`, in eval mode and float32 on the CPU."""
    for point in entry_points(group=GROUP):
        model: nn.Module = point.load()(name, results)
        return model
    raise ValueError(f"model {name!r} is not known: no package with trained models is installed")
