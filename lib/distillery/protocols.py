"""What the parts of a distillation promise each other.

A generator draws batches, a teacher answers a batch, a student answers its inputs, a loss compares
the two answers.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor, nn

from distillery.support.shown import shown


class Exhausted(Exception):  # noqa: N818 (nothing went wrong)
    """A generator has nothing more to give: a pass over data has ended."""


@dataclass(frozen=True, eq=False)
class Batch:
    """Inputs, and whatever travels with them: answers `y`, the `task` each belongs to, a posterior
    `draw`.

    The teacher sees the whole batch; the student sees `x` alone. Every field has one entry an
    example.
    """

    x: Tensor
    y: Tensor | None = None
    task: Tensor | None = None
    draw: Tensor | None = None

    def __post_init__(self) -> None:
        if self.x is None:
            raise TypeError("Batch.x is None: a tensor with one entry an example is needed")
        for name, value in self._present():
            if not isinstance(value, Tensor) or value.dim() == 0:
                raise TypeError(
                    f"Batch.{name} is {shown(value)}: a tensor with one entry an example is needed"
                )
            if len(value) != len(self.x):
                raise ValueError(
                    f"Batch.{name} has {len(value)} entries, but x holds {len(self.x)} examples:"
                    " one entry an example is needed"
                )

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index: Tensor | slice) -> Batch:
        """The examples at `index`, with all that travels with them."""
        return replace(self, **{name: value[index] for name, value in self._present()})

    def to(self, device: torch.device | str) -> Batch:
        """The same examples on another device."""
        return replace(self, **{name: value.to(device) for name, value in self._present()})

    def _present(self) -> Iterator[tuple[str, Tensor]]:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None:
                yield field.name, value


class Stateful:
    """A part that can be stopped and continued: its random streams, its counters, and those of the
    parts inside it.

    `remembers` names the attributes (tensors, numbers, strings, None) that change as the part is
    used; `torch.Generator`s and other stateful parts held as attributes, or in lists and
    dictionaries there, are found by themselves.
    """

    remembers: tuple[str, ...] = ()

    def state_dict(self) -> dict[str, Any]:
        """What `remembers` names, and the state of every stream and part inside, by name."""
        state: dict[str, Any] = {name: _copied(getattr(self, name)) for name in self.remembers}
        for name, part in self._parts():
            is_stream = isinstance(part, torch.Generator)
            state[name] = part.get_state() if is_stream else part.state_dict()
        return state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from where `state_dict` was taken."""
        for name in self.remembers:
            setattr(self, name, _copied(state[name], like=getattr(self, name)))
        for name, part in self._parts():
            if isinstance(part, torch.Generator):
                part.set_state(state[name])
            else:
                part.load_state_dict(state[name])

    def _parts(self) -> Iterator[tuple[str, Any]]:
        for name, value in vars(self).items():
            for key, part in _entries(value):
                if isinstance(part, (torch.Generator, Stateful)):
                    yield name + key, part


class Generator(Stateful, ABC):
    """Produces inputs. `draw(n)` returns a batch of exactly n examples, or raises `Exhausted`."""

    @abstractmethod
    def draw(self, n: int) -> Batch:
        """The next n examples, exactly as many, or `Exhausted` raised."""


class Teacher(nn.Module, ABC):
    """Answers a batch.

    Calling a teacher advances nothing: what is random about it travels in the batch.
    """

    @abstractmethod
    def forward(self, batch: Batch) -> Any:
        """What the teacher answers to each example of the batch, in its order."""

    def log_slopes(self, batch: Batch) -> tuple[Tensor, Tensor] | None:
        """Log probabilities (B, K) and their slopes (B, K, …), where the teacher knows them without
        being differentiated; else None.
        """
        return None


def check_rng(rng: Any) -> torch.Generator:
    """The stream itself, if it is one of torch's; else a sentence that says how to make one."""
    if not isinstance(rng, torch.Generator):
        raise TypeError(
            f"rng is {_named(rng)}: a torch.Generator is needed, such as"
            " torch.Generator().manual_seed(0)"
        )
    return rng


def _named(rng: Any) -> str:
    """What was given for a stream, with its package: numpy's is called Generator too."""
    if rng is None or isinstance(rng, (bool, int, float, str)):
        return repr(rng)
    return f"a {type(rng).__module__.split('.')[0]} {type(rng).__name__}"


def _entries(value: Any) -> list[tuple[str, Any]]:
    """A value's members, each with what its name adds to the value's own."""
    if isinstance(value, Mapping):
        return [(f".{key}", part) for key, part in value.items()]
    if isinstance(value, (list, tuple)):
        return [(f".{i}", part) for i, part in enumerate(value)]
    return [("", value)]


def _copied(value: Any, *, like: Any = None) -> Any:
    """A copy that later changes do not reach; a tensor on the device of the one it replaces."""
    if not isinstance(value, Tensor):
        return copy.deepcopy(value)
    return value.clone() if not isinstance(like, Tensor) else value.to(like.device, copy=True)
