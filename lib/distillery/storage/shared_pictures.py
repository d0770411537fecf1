"""Pictures as bytes, decoded when they are first asked for, and once for all processes that look at
them.
"""

from __future__ import annotations

import math
import mmap
import time
from collections.abc import Callable, Iterable
from multiprocessing.context import get_spawning_popen
from typing import Any

import torch
from torch import Tensor

BLOCK = 512  # pictures decoded together
_UNKNOWN, _BEGUN, _READY = 0, 1, 2  # what is known of a block
_PATIENCE = 5.0  # seconds that another process may take over a block; it may have been ended
_PAUSE = 0.001


class SharedPictures:
    """Room for `count` pictures of a `shape`, and what has been decoded into it so far.

    The room is memory that forked processes share with their parent, and that takes no space before
    it is written to. A process that is started anew gets the same memory when it is handed the
    pictures at its start; a copy made otherwise begins with nothing.
    """

    def __init__(self, count: int, shape: tuple[int, ...]) -> None:
        self._count, self._shape = count, shape
        self._lay_out(_new_memory(self._size))

    @property
    def pictures(self) -> Tensor:
        """uint8 (count, …); what is not decoded yet is black."""
        return self._pictures

    @property
    def complete(self) -> bool:
        return bool((self._states == _READY).all())

    def fill(self, indices: Iterable[int] | None, decode: Callable[[slice], Tensor]) -> None:
        """Decode what is missing of the pictures at these places, all by default.

        What another process has begun is waited for, not done again.
        """
        every = list(range(len(self._states)))
        asked = every if indices is None else sorted({index // BLOCK for index in indices})
        for block in asked:
            if self._states[block] != _READY and not self._comes(block):
                self._decode(block, decode)

    def _decode(self, block: int, decode: Callable[[slice], Tensor]) -> None:
        place = slice(block * BLOCK, min((block + 1) * BLOCK, self._count))
        self._states[block] = _BEGUN
        try:
            self._pictures[place] = decode(place)
            self._states[block] = _READY
        finally:
            if self._states[block] != _READY:
                self._states[block] = _UNKNOWN

    def _comes(self, block: int) -> bool:
        """Whether another process has begun this block, and ends it in time."""
        until = time.monotonic() + _PATIENCE
        while self._states[block] == _BEGUN and time.monotonic() < until:
            time.sleep(_PAUSE)
        return bool(self._states[block] == _READY)

    @property
    def _size(self) -> int:
        """Bytes: the pictures, and one for each block."""
        return self._count * math.prod(self._shape) + math.ceil(self._count / BLOCK)

    def _lay_out(self, memory: Tensor) -> None:
        pixels = self._count * math.prod(self._shape)
        self._memory = memory
        self._pictures = memory[:pixels].view(self._count, *self._shape)
        self._states = memory[pixels : self._size].numpy()

    def __getstate__(self) -> dict[str, Any]:
        """On its way to a process that is being started the memory is moved to where that can see
        it, unless there is no room for it.
        """
        memory = None
        if get_spawning_popen() is not None:
            try:
                self._share()
                memory = self._memory
            except (OSError, RuntimeError):
                memory = None
        return {"count": self._count, "shape": self._shape, "memory": memory}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._count, self._shape = state["count"], state["shape"]
        memory = state["memory"]
        self._lay_out(_new_memory(self._size) if memory is None else memory)

    def _share(self) -> None:
        """Whoever holds the pictures from before keeps them: this is a copy."""
        if not self._memory.is_shared():
            self._lay_out(self._memory.clone().share_memory_())


def _new_memory(size: int) -> Tensor:
    """Zeros that forked processes share."""
    return torch.frombuffer(mmap.mmap(-1, max(1, size)), dtype=torch.uint8)
