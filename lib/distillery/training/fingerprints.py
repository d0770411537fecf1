"""Values as short texts that are equal where the values are: numbers as they are, arrays and the
code of functions by a hash.
"""

from __future__ import annotations

import hashlib
import types
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

PLAIN = (type(None), bool, int, float, complex, str, bytes, torch.dtype, torch.device)

# An array is hashed whole up to so many bytes, which takes a second at most, and beyond in samples.
WHOLE_BYTES = 2**28
SAMPLES, SAMPLE_BYTES = 4096, 2**14

_MOST_CHARACTERS = 60  # of a text that is shown as it is
_MOST_NUMBERS = 8  # of a tensor that is


def fingerprint(value: Any) -> str:
    """A number, a name or an array as a text; anything else as Python writes it.

    A tuple is written as a list, which it becomes in a checkpoint.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, (Tensor, np.ndarray)):
        return _of_array(value)
    text = repr(list(value) if isinstance(value, tuple) else value)
    return text if len(text) <= _MOST_CHARACTERS else f"{text[:20]}… #{digest([text.encode()])}"


def fingerprint_of_code(code: types.CodeType) -> str:
    """What a function does, without its name and the lines where it stands."""
    return f"#{digest(_instructions(code))}"


def digest(blocks: Iterable[Any]) -> str:
    """Twelve characters that change with any of the bytes."""
    hashed = hashlib.blake2b(digest_size=6)
    for block in blocks:
        hashed.update(block)
    return hashed.hexdigest()


def _of_array(array: Tensor | np.ndarray[Any, Any]) -> str:
    """The numbers of a small one; of a larger one type, shape, hash, and whether all was read."""
    kind = f"{str(array.dtype).removeprefix('torch.')} {tuple(array.shape)}"
    if isinstance(array, np.ndarray):
        if array.dtype.kind not in "biufc":
            return kind
        array = torch.from_numpy(np.array(array, order="C"))
    if array.layout is not torch.strided or array.device.type == "meta":
        return kind
    if array.numel() <= _MOST_NUMBERS:
        return str(array.tolist())
    flat = array.detach().contiguous().reshape(-1).view(torch.uint8)
    if len(flat) <= WHOLE_BYTES:
        return f"{kind} #{digest([_bytes(flat)])}"
    return f"{kind}, in samples, #{digest(map(_bytes, _samples(flat)))}"


def _samples(flat: Tensor) -> Iterator[Tensor]:
    """Stretches at even distances from the beginning on, and the end."""
    stride = (len(flat) - SAMPLE_BYTES) // (SAMPLES - 1)
    yield flat.unfold(0, SAMPLE_BYTES, stride).contiguous()
    yield flat[-SAMPLE_BYTES:]


def _bytes(flat: Tensor) -> Any:
    return flat.cpu().numpy().data


def _instructions(code: types.CodeType) -> Iterator[bytes]:
    yield code.co_code
    yield repr(code.co_names).encode()
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _instructions(constant)
        elif isinstance(constant, (*PLAIN, tuple)):
            yield repr(constant).encode()
