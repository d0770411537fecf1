"""What models of bits refuse at the door."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def check_bits(x: Any, visible: int, *, name: str = "x") -> None:
    """(B, visible) of zeros and ones, of any dtype."""
    if not isinstance(x, Tensor) or x.dim() != 2 or x.shape[1] != visible:
        got = f"of shape {tuple(x.shape)}" if isinstance(x, Tensor) else f"a {type(x).__name__}"
        raise ValueError(
            f"{name} is {got}: a tensor (examples, {visible}) is needed; flatten images first"
        )
    if x.dtype != torch.bool and not bool(((x == 0) | (x == 1)).all()):
        worst = x[(x != 0) & (x != 1)][0].item()
        raise ValueError(
            f"{name} holds {worst:g}: every entry must be 0 or 1; binarise grey images first"
        )


def check_size(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"{name} is {value!r}: a whole number of at least 1 is needed")


def check_order(order: Tensor | None, visible: int) -> Tensor:
    """A permutation of the pixels, by default as they stand."""
    if order is None:
        return torch.arange(visible)
    order = torch.as_tensor(order)
    if order.shape != (visible,) or not torch.equal(
        order.sort().values.long(), torch.arange(visible, device=order.device)
    ):
        raise ValueError(
            f"order of shape {tuple(order.shape)} is no permutation: each of the pixels 0 to"
            f" {visible - 1} must come exactly once"
        )
    return order.long().clone()
