"""In which order a model of bits takes the pixels, and how that is written in json."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor


def columns(height: int, width: int) -> Tensor:
    """The thesis' raster order: pixels of an image, stored row by row, taken column by column."""
    return torch.arange(height * width).view(height, width).t().flatten()


def order_as_json(order: Tensor) -> dict[str, Any]:
    """The argument `order` for a file: nothing for pixels as they stand, the square picture whose
    columns they are, or else every number.
    """
    side = math.isqrt(len(order))
    here = order.cpu()
    if torch.equal(here, torch.arange(len(here))):
        return {}
    if side**2 == len(here) and torch.equal(here, columns(side, side)):
        return {"order": {"columns": [side, side]}}
    return {"order": here.tolist()}


def order_from_json(written: Any) -> Tensor | None:
    """The order that `order_as_json` wrote; None for pixels as they stand."""
    if written is None:
        return None
    if isinstance(written, dict) and list(written) == ["columns"]:
        height, width = written["columns"]
        return columns(height, width)
    if isinstance(written, list) and all(type(pixel) is int for pixel in written):
        return torch.tensor(written)
    raise ValueError(
        f"order is {written!r}: a list of pixels, or {{'columns': [height, width]}}, is needed"
    )
