"""What models of pictures refuse at the door."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def check_pictures(x: Any, shape: tuple[int, int, int], *, model: str) -> Tensor:
    """(B, channels, height, width) in [0, 1]; bytes become so."""
    if not isinstance(x, Tensor) or x.dim() != 4 or x.shape[1:] != shape:
        got = f"has shape {tuple(x.shape)}" if isinstance(x, Tensor) else f"is a {type(x).__name__}"
        raise ValueError(f"x {got}: this {model} takes a tensor (B, {', '.join(map(str, shape))})")
    if x.dtype == torch.uint8:
        return x.float() / 255
    if not x.is_floating_point():
        raise ValueError(
            f"x has dtype {x.dtype}: pixels are uint8 from 0 to 255, or floats from 0 to 1"
        )
    if len(x):
        low, high = (value.item() for value in x.detach().aminmax())
        if not (low >= 0 and high <= 1):  # NaN is refused as well
            raise ValueError(
                f"x holds pixels from {low:g} to {high:g}: floats from 0 to 1 are needed, or uint8"
                " from 0 to 255"
            )
    return x
