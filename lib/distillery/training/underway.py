"""What is watched while a distillation runs: what was drawn, what the loss gave, what the schedule
said, and in which type products are made.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from numbers import Real
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from distillery.models.bank import Bank
from distillery.protocols import Batch, Generator
from distillery.support.shown import shown

# How torch complains of tensors that do not go together.
_MISMATCH = re.compile(r"dtype|(same|expected) device|scalar type|Input type|not implemented for '")


class Parts(Protocol):
    """The networks that answer, and the loss between them."""

    teacher: nn.Module
    student: nn.Module
    loss: nn.Module


def precision(dtype: torch.dtype | None, device: torch.device) -> AbstractContextManager[Any]:
    """Products in `dtype` (bfloat16, say); None and float32 leave every number as it is."""
    if dtype in (None, torch.float32):
        return nullcontext()
    return torch.autocast(device.type, dtype=dtype)


@contextmanager
def explained(parts: Parts, batch: Batch) -> Iterator[None]:
    """torch's complaint of types or devices that do not go together, with whose they are.

    Nothing is asked before torch complains: a student may well take inputs in another type than its
    own, and convert them.
    """
    try:
        yield
    except RuntimeError as error:
        homes = {"batch.x": _home(batch.x)} | _homes(parts)
        if len(set(homes.values())) == 1 or not _MISMATCH.search(str(error)):
            raise
        listed = ", ".join(f"{name} is {home}" for name, home in homes.items())
        reason = str(error).splitlines()[0]
        raise ValueError(f"{listed}: one type and one device are needed ({reason})") from error


def check_batch(batch: Any, n: int, generator: Generator) -> None:
    """A generator that was asked for n examples has drawn a batch of n."""
    name = type(generator).__name__
    if not isinstance(batch, Batch):
        raise TypeError(f"{name}.draw({n}) returned {shown(batch)}: a Batch is needed")
    if len(batch) != n:
        raise ValueError(
            f"{name}.draw({n}) returned {len(batch)} examples: exactly {n} are needed, or Exhausted"
            " raised"
        )


def check_value(value: Any, student: nn.Module, loss: nn.Module) -> None:
    """A loss has given one number, or one for every student of a bank."""
    name = type(loss).__name__
    if not isinstance(value, Tensor):
        raise TypeError(f"{name} returned {shown(value)}: a tensor is needed")
    shape = (len(student),) if isinstance(student, Bank) else ()
    if tuple(value.shape) != shape:
        allowed = f"{shape}, one value a student," if shape else "one value, shape (),"
        raise ValueError(
            f"{name} returned shape {tuple(value.shape)}: {allowed} is needed (only a Bank of S"
            " students has S losses)"
        )


def check_factor(factor: Any, step: int) -> None:
    """A schedule has given a number that a rate can be multiplied by."""
    is_number = isinstance(factor, Real) or (isinstance(factor, Tensor) and factor.numel() == 1)
    if not is_number:
        raise TypeError(f"schedule({step}) is {shown(factor)}: a number is needed, a rate's factor")
    if not (math.isfinite(factor) and factor >= 0):
        raise ValueError(f"schedule({step}) is {factor!r}: a finite number from 0 is needed")


def _homes(parts: Parts) -> dict[str, str]:
    """Type and device of the teacher, the student and the loss, of each that has any parameters."""
    modules = {"the teacher": parts.teacher, "the student": parts.student, "the loss": parts.loss}
    first = {name: _first(module) for name, module in modules.items()}
    return {name: _home(tensor) for name, tensor in first.items() if tensor is not None}


def _first(module: nn.Module) -> Tensor | None:
    """A parameter or buffer that stands for the module: the first that holds fractions."""
    tensors = [*module.parameters(), *module.buffers()]
    return next((tensor for tensor in tensors if tensor.is_floating_point()), None)


def _home(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} on {tensor.device}"
