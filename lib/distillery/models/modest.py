"""A bound on what may be allocated while a model is made from what a stranger's file says."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

_OF_A_SIZE = {torch.empty, torch.zeros, torch.ones, torch.full, torch.rand, torch.randn}
_SMALL = 10_000  # numbers that anybody may ask for
_PASSES = 32  # over all numbers: first values, what they are scaled by, masks
_CALL = 100  # numbers that a call costs, however few it asks for


class Modest(TorchFunctionMode):
    """Within it no tensor may be asked for that has many more entries than the `tensors` together,
    nor so many small ones that they add up to far more.

    It is asked beforehand: a claim of a million times a million weights costs nothing.
    """

    def __init__(self, tensors: Iterable[Tensor]) -> None:
        super().__init__()
        sizes = [tensor.numel() for tensor in tensors]
        self.numbers = sum(sizes)
        self.left = _PASSES * (self.numbers + _SMALL + _CALL * len(sizes))

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if func is torch._C._set_grad_enabled:  # what leaves `no_grad` must not be stopped
            return func(*args, **(kwargs or {}))
        asked = _asked(func, args, kwargs or {})
        self.left -= asked + _CALL
        if asked > self.numbers + _SMALL or self.left < 0:
            raise MemoryError(f"they ask for more than the {self.numbers:,} numbers that there are")
        return func(*args, **(kwargs or {}))


def _asked(func: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> int:
    """The entries of what a function will make: of its arguments together, or of the size given."""
    if func in _OF_A_SIZE:
        size = kwargs.get("size", args)
        return math.prod(size[0] if size and isinstance(size[0], Sequence) else size)
    if func is torch.arange:
        return math.ceil(max(args))
    if func is torch.eye:
        return math.prod(args) if len(args) > 1 else args[0] ** 2
    shapes = [value.shape for value in args if isinstance(value, Tensor)]
    try:
        return math.prod(torch.broadcast_shapes(*shapes))
    except RuntimeError:
        return max(map(math.prod, shapes))
