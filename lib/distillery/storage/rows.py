"""Codes packed one by one, so that any of them can be read or written alone: as many digits in a
byte as it holds.

`packing.pack` packs many codes as one, and tighter; it is what a file takes. A row is what a memory
that draws at random takes: whole bytes, every digit found by divisions of bytes.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from distillery.storage.packing import check_values


def row_bytes(variables: int, values: int) -> int:
    """The bytes of one code of so many variables."""
    if values > 256:
        check_values(values)
        return 2 * variables
    return math.ceil(variables / _digits(values))


def pack_rows(codes: Tensor, values: int) -> Tensor:
    """Codes (N, c), whole numbers below `values`, as bytes (N, row_bytes)."""
    if values > 256:
        return codes.to(torch.int16).contiguous().view(torch.uint8)
    digits, width = _digits(values), row_bytes(codes.shape[1], values)
    padded = codes.new_zeros((len(codes), width * digits), dtype=torch.uint8)
    padded[:, : codes.shape[1]] = codes
    return (padded.reshape(len(codes), width, digits) * _powers(values, codes)).sum(
        2, dtype=torch.uint8
    )


def unpack_rows(rows: Tensor, values: int, variables: int) -> Tensor:
    """The codes again: (N, c), uint8, or int16 above 256 values."""
    if values > 256:
        return rows.contiguous().view(torch.int16)
    if values == 2:
        digits = (rows[:, :, None] >> torch.arange(8, dtype=torch.uint8, device=rows.device)) & 1
    else:
        digits = rows[:, :, None] // _powers(values, rows)
        digits = digits if values == 256 else digits % values
    return digits.flatten(1)[:, :variables]


def _digits(values: int) -> int:
    """How many digits below `values` a byte holds."""
    check_values(values)
    digits = 1
    while values ** (digits + 1) <= 256:
        digits += 1
    return digits


def _powers(values: int, like: Tensor) -> Tensor:
    powers = [values**t for t in range(_digits(values))]
    return torch.tensor(powers, dtype=torch.uint8, device=like.device)
