"""What a compression refuses before anything is computed."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from distillery.storage.packing import MOST_VALUES
from distillery.support.nearest import chosen
from distillery.tools.compress.report import CODES


def check_input(x: Any, y: Any, codes: str) -> None:
    """Pictures, labels or None, and how codes are taken."""
    chosen("codes", codes, tuple(CODES))
    _check_pictures(x)
    if y is not None:
        _check_labels(y, len(x))


def check_passes(passes: Any) -> None:
    if isinstance(passes, bool) or not isinstance(passes, int) or passes < 1:
        said = repr(passes) if isinstance(passes, int | float | str) else type(passes).__name__
        raise ValueError(f"passes is {said}: a whole number of at least 1 is needed")


def _check_pictures(x: Any) -> None:
    if not isinstance(x, Tensor) or x.dim() != 4 or x.dtype != torch.uint8:
        got = (
            f"is {x.dtype} of shape {tuple(x.shape)}"
            if isinstance(x, Tensor)
            else f"is a {type(x).__name__}"
        )
        raise ValueError(
            f"x {got}: a tensor of bytes (N, C, H, W) is needed;"
            " distillery.tools.compress.read_pictures makes it of others"
        )
    if len(x) == 0:
        raise ValueError("x is empty: at least one picture is needed")
    if x.shape[1] not in (1, 3) or tuple(x.shape[2:]) not in ((28, 28), (32, 32)):
        raise ValueError(
            f"x has shape {tuple(x.shape)}: 28x28 or 32x32 pixels in 1 or 3 channels are supported"
        )


def _check_labels(y: Any, count: int) -> None:
    if not isinstance(y, Tensor) or y.shape != (count,) or y.dtype != torch.int64:
        raise ValueError(f"y does not fit: {count} labels, int64, one a picture, are needed")
    if not 0 <= int(y.min()) <= int(y.max()) < MOST_VALUES:
        raise ValueError(
            f"y reaches from {int(y.min())} to {int(y.max())}: labels from 0 to {MOST_VALUES - 1}"
            " are supported"
        )
