"""The particulars of any part of a run, each with the names that lead to it: classes, and the
public attributes that the use of the part does not change.

A function is known by its name, its code, and the values it has closed over, with the networks and
arrays among the globals it reads. Private attributes, whose names begin with an underscore, are not
read, and of an object of an unknown class nothing but its class, because any of it may change.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from distillery.protocols import Stateful
from distillery.training.fingerprints import PLAIN, digest, fingerprint, fingerprint_of_code

Path = tuple[str, ...]
Entries = Iterator[tuple[Path, str]]

_LONG_SEQUENCE = 16


class Reader:
    """Walks through the parts of a run and writes down what does not change.

    The tensors that are `learned` are left out; what is met again is named, not read again.
    """

    def __init__(self, learned: Iterator[Tensor]) -> None:
        self.learned = {id(tensor) for tensor in learned}
        self.known: dict[int, str] = {}
        # Held, so that no other object takes the place in memory of one that was read.
        self.held: list[Any] = []

    def read(self, value: Any, path: Path) -> Entries:
        """The particulars of a value that is found where `path` leads."""
        if isinstance(value, (*PLAIN, np.generic)):
            yield path, fingerprint(value)
        elif isinstance(value, Mapping):
            yield from self._each({str(key): item for key, item in value.items()}, path)
        elif isinstance(value, (list, tuple)):
            yield from self._of_sequence(value, path)
        elif id(value) in self.known:
            yield path, f"the same as {self.known[id(value)]}"
        else:
            self.known[id(value)] = ".".join(path)
            self.held.append(value)
            yield from self._of_object(value, path)

    def read_optimizer(self, optimizer: Any, path: Path) -> Entries:
        """Its class and its groups, each with the settings that optimizers of this class are made
        with; of one around another the same, and its own attributes.
        """
        yield path, _name(type(optimizer))
        inner = getattr(optimizer, "optimizer", optimizer)
        if inner is not optimizer:
            around = {name: item for name, item in _public(optimizer).items() if item is not inner}
            yield from self._each(around, path)
            yield (*path, "optimizer"), _name(type(inner))
        for index, group in enumerate(optimizer.param_groups):
            names = sorted(getattr(inner, "defaults", {"lr": None}))
            settings = {name: fingerprint(group.get(name)) for name in names}
            settings["parameters"] = str(len(group["params"]))
            for name, text in settings.items():
                yield (*path, f"group {index}", name), text

    def _each(self, named: Mapping[str, Any], path: Path) -> Entries:
        for name, item in named.items():
            yield from self.read(item, (*path, name))

    def _of_sequence(self, values: Sequence[Any], path: Path) -> Entries:
        if len(values) > _LONG_SEQUENCE and all(isinstance(value, PLAIN) for value in values):
            yield path, f"{len(values)} entries #{digest([repr(list(values)).encode()])}"
            return
        yield path, f"{len(values)} entries"
        yield from self._each({str(index): value for index, value in enumerate(values)}, path)

    def _of_object(self, value: Any, path: Path) -> Entries:
        if isinstance(value, (Tensor, np.ndarray)):
            yield path, fingerprint(value)
        elif isinstance(value, torch.Generator):
            yield path, f"a stream of seed {value.initial_seed()}"
        elif isinstance(value, partial):
            yield path, "partial"
            yield from self.read(value.func, (*path, "func"))
            yield from self._each({"args": value.args} | value.keywords, path)
        elif isinstance(value, types.MethodType):
            yield path, _name(value.__func__)
            yield from self.read(value.__self__, (*path, "self"))
        else:
            function = _written_in_python(value)
            code = f" {fingerprint_of_code(function.__code__)}" if function else ""
            yield path, _name(value if hasattr(value, "__qualname__") else type(value)) + code
            yield from self._each(_read_by(function) if function else self._held_by(value), path)

    def _held_by(self, value: Any) -> dict[str, Any]:
        """The public attributes of an object that its use does not change."""
        if getattr(getattr(value, "__dataclass_params__", None), "frozen", False):
            return {field.name: getattr(value, field.name) for field in fields(value)}
        held: dict[str, Any] = {}
        if isinstance(value, (nn.Module, Stateful)):
            changing = {"training", "forward", *getattr(value, "remembers", ())}
            held = {name: item for name, item in _public(value).items() if name not in changing}
        if isinstance(value, nn.Module):
            held |= dict(value.named_children())
            tensors = {**value._parameters, **value._buffers}
            held |= {name: t for name, t in tensors.items() if id(t) not in self.learned}
        return held


def tensors_of(*modules: nn.Module) -> Iterator[Tensor]:
    """All parameters and buffers."""
    for module in modules:
        yield from module.parameters()
        yield from module.buffers()


def _written_in_python(value: Any) -> types.FunctionType | None:
    """The function itself, or the one that numba has compiled."""
    function = getattr(value, "py_func", value)
    return function if isinstance(function, types.FunctionType) else None


def _read_by(function: Callable[..., Any]) -> dict[str, Any]:
    """What a function reads beside its arguments: their defaults, variables of the functions around
    it, and networks and arrays among the globals.
    """
    assert isinstance(function, types.FunctionType)
    defaults = enumerate(function.__defaults__ or ())
    values = {str(position): value for position, value in defaults}
    values |= function.__kwdefaults__ or {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            values[name] = cell.cell_contents
        except ValueError:  # nothing was put there yet
            continue
    for name in function.__code__.co_names:
        if isinstance(function.__globals__.get(name), (nn.Module, Tensor, np.ndarray)):
            values[name] = function.__globals__[name]
    return values


def _public(value: Any) -> dict[str, Any]:
    return {name: item for name, item in vars(value).items() if not name.startswith("_")}


def _name(thing: Any) -> str:
    """The name of a class or function, without its module: a script's is another when imported."""
    return str(thing.__qualname__)
