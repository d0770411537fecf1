"""What decides a run, as a few lines of text: a checkpoint carries them, so that a call that would
have made another run is refused instead of being handed that run's student.

The particulars of a run are the classes of its parts, their hyper-parameters (the public attributes
of teacher, student, generator, loss and of what they hold), the numbers that do not change (those
of the teacher and the data, as hashes), seeds of streams, batch size, clipping and type of the
products, and the optimizer's class with its rates. Left out is what the checkpoint itself brings
back: parameters of student and loss, what a generator remembers, the states of streams. A function
is known by its name, its code, and the values it has closed over, with the networks and arrays
among the globals it reads. Private attributes, whose names begin with an underscore, are not read,
and of an object of an unknown class nothing but its class.

Steps and probes are free: a run may be made longer. A schedule is compared at the steps already
taken, so that a continued run is always the one that this call would have made from the start.
"""

from __future__ import annotations

import hashlib
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from distillery.protocols import Generator, Stateful

Entries = Iterator[tuple[tuple[str, ...], str]]

# Up to so many bytes an array is hashed whole (a second at most), beyond it in samples.
WHOLE_BYTES = 2**28
SAMPLES, SAMPLE_BYTES = 4096, 2**14

# An entry is told by at most so many names, as `loss.terms.0.temperature`; what lies deeper is
# hashed together.
DEPTH = 4
_PLAIN = (type(None), bool, int, float, complex, str, bytes, torch.dtype, torch.device, Path)
_MOST_SHOWN = 3


class Parts(Protocol):
    """What a call of `distill` was given."""

    teacher: nn.Module
    student: nn.Module
    generator: Generator
    loss: nn.Module
    optimizer: Any
    clip: float | None
    dtype: torch.dtype | None
    batch_size: int


def particulars(run: Parts) -> dict[str, str]:
    """What decides the run, by name; equal for equal calls, also on another device."""
    reader = _Reader(run.student, run.loss)
    found: dict[tuple[str, ...], str] = {}
    for name in ("teacher", "student", "loss", "generator", "batch_size", "clip", "dtype"):
        found.update(reader.read(getattr(run, name), (name,)))
    found.update(reader.read_optimizer(run.optimizer))
    return _folded(found)


def factors(schedule: Callable[[int], float] | None, done: int) -> dict[str, float]:
    """The schedule at some of the steps already taken: powers of two and the last."""
    steps = {0, *(2**k for k in range(done.bit_length())), done - 1}
    taken = sorted(step for step in steps if 0 <= step < done)
    return {str(step): _factor(schedule, step) for step in taken}


def check_same(
    path: str | Path,
    note: Mapping[str, Any] | None,
    now: Mapping[str, str],
    schedule: Callable[[int], float] | None,
) -> None:
    """A sentence that names what differs, unless the checkpoint's note is of the run that this call
    makes.
    """
    if note is None:
        raise ValueError(
            f"checkpoint {path} does not say which run it is of, as one of an earlier version:"
            " remove the file, and the run begins anew"
        )
    then: Mapping[str, str] = note["particulars"]
    differences = [
        f"{name} was {then.get(name, 'not there')} and is {now.get(name, 'not there')}"
        for name in dict.fromkeys([*then, *now])
        if then.get(name) != now.get(name)
    ]
    for step, factor in note["schedule"].items():
        if _factor(schedule, int(step)) != factor:
            differences.append(
                f"schedule({step}) was {factor} and is {_factor(schedule, int(step))}"
            )
            break
    if differences:
        listed = "; ".join(differences[:_MOST_SHOWN])
        rest = len(differences) - _MOST_SHOWN
        more = f"; and {rest} more" if rest > 0 else ""
        raise ValueError(
            f"checkpoint {path} is of another run: {listed}{more}: the call that wrote it is needed"
            " to go on with it, or another file (remove this one to begin anew)"
        )


def _factor(schedule: Callable[[int], float] | None, step: int) -> float:
    return 1.0 if schedule is None else float(schedule(step))


class _Reader:
    """Walks through the parts of a run and writes down what does not change."""

    def __init__(self, student: nn.Module, loss: nn.Module) -> None:
        self.learned = {id(t) for module in (student, loss) for t in _tensors(module)}
        self.known: dict[int, str] = {}
        # Held, so that no other object gets the place in memory of one that was read.
        self.held: list[Any] = []

    def read(self, value: Any, path: tuple[str, ...]) -> Entries:
        """The particulars of any value, each with the names that lead to it."""
        if isinstance(value, _PLAIN):
            yield path, repr(value)
        elif isinstance(value, Mapping):
            yield from self._read_each({str(key): item for key, item in value.items()}, path)
        elif isinstance(value, (list, tuple)):
            yield from self._read_sequence(value, path)
        elif id(value) in self.known:
            yield path, f"the same as {self.known[id(value)]}"
        else:
            self.known[id(value)] = ".".join(path)
            self.held.append(value)
            yield from self._read_new(value, path)

    def read_optimizer(self, optimizer: Any) -> Entries:
        """Its class and its groups, each with the settings that optimizers of this class are made
        with; of one around another the same, and its own attributes.
        """
        yield ("optimizer",), _name(type(optimizer))
        inner = getattr(optimizer, "optimizer", optimizer)
        if inner is not optimizer:
            own = {name: item for name, item in _public(optimizer).items() if item is not inner}
            yield from self._read_each(own, ("optimizer",))
            yield ("optimizer", "optimizer"), _name(type(inner))
        for index, group in enumerate(optimizer.param_groups):
            path = ("optimizer", f"group {index}")
            yield (*path, "parameters"), str(len(group["params"]))
            for name in sorted(getattr(inner, "defaults", {"lr": None})):
                yield (*path, name), _text(group.get(name))

    def _read_new(self, value: Any, path: tuple[str, ...]) -> Entries:
        if isinstance(value, (Tensor, np.ndarray, np.generic)):
            yield path, _text(value)
        elif isinstance(value, torch.Generator):
            yield path, f"a stream of seed {value.initial_seed()}"
        elif callable(value) and not isinstance(value, (nn.Module, Stateful, type)):
            yield from self._read_function(value, path)
        else:
            yield path, _name(value if isinstance(value, type) else type(value))
            yield from self._read_each(self._attributes(value), path)

    def _read_each(self, named: Mapping[str, Any], path: tuple[str, ...]) -> Entries:
        for name, item in named.items():
            yield from self.read(item, (*path, name))

    def _read_sequence(self, values: Sequence[Any], path: tuple[str, ...]) -> Entries:
        if len(values) > 16 and all(isinstance(value, _PLAIN) for value in values):
            yield path, f"{len(values)} entries #{_hash([repr(list(values)).encode()])}"
            return
        yield path, f"{len(values)} entries"
        yield from self._read_each({str(i): item for i, item in enumerate(values)}, path)

    def _read_function(self, function: Any, path: tuple[str, ...]) -> Entries:
        if isinstance(function, partial):
            yield path, "a partial"
            yield from self.read(function.func, (*path, "func"))
            yield from self.read(function.args, (*path, "args"))
            yield from self._read_each(function.keywords, path)
        elif isinstance(function, types.MethodType):
            yield path, function.__func__.__qualname__
            yield from self.read(function.__self__, (*path, "self"))
        elif hasattr(function, "py_func"):  # compiled by numba
            yield from self.read(function.py_func, path)
        elif isinstance(function, types.FunctionType):
            yield path, f"{_name(function)} #{_hash(_code(function.__code__))}"
            yield from self._read_each(_read_by(function), path)
        else:
            yield path, _name(function if hasattr(function, "__qualname__") else type(function))
            yield from self._read_each(self._attributes(function), path)

    def _attributes(self, value: Any) -> dict[str, Any]:
        """The public attributes that the use of a part does not change; of a class that is unknown
        here none, because any may change.
        """
        if getattr(getattr(value, "__dataclass_params__", None), "frozen", False):
            return {field.name: getattr(value, field.name) for field in fields(value)}
        attributes: dict[str, Any] = {}
        if isinstance(value, (nn.Module, Stateful)):
            changing = {"training", "forward", *getattr(value, "remembers", ())}
            attributes = {n: item for n, item in _public(value).items() if n not in changing}
        if isinstance(value, nn.Module):
            attributes |= dict(value.named_children())
            own = [*value.named_parameters(recurse=False), *value.named_buffers(recurse=False)]
            attributes |= {name: t for name, t in own if id(t) not in self.learned}
        return attributes


def _tensors(module: nn.Module) -> Iterator[Tensor]:
    yield from module.parameters()
    yield from module.buffers()


def _public(value: Any) -> dict[str, Any]:
    return {name: item for name, item in vars(value).items() if not name.startswith("_")}


def _read_by(function: types.FunctionType) -> dict[str, Any]:
    """Defaults, variables of surrounding functions that this one reads, and global networks and
    arrays.
    """
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


def _code(code: types.CodeType) -> Iterator[bytes]:
    """What a function does, without the file and the lines where it stands."""
    yield code.co_code
    yield repr(code.co_names).encode()
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _code(constant)
        elif isinstance(constant, (*_PLAIN, tuple)):
            yield repr(constant).encode()


def _name(thing: Any) -> str:
    """The name of a class or function, without its module: a script's is another when imported."""
    return str(thing.__qualname__)


def _text(value: Any) -> str:
    """A number as it is, an array by its type, shape and hash; a tuple as a list, which it becomes
    in a checkpoint.
    """
    if isinstance(value, tuple):
        return repr(list(value))
    if isinstance(value, np.generic):
        return repr(value.item())
    if isinstance(value, np.ndarray):
        if value.dtype.hasobject or value.dtype.kind in "USVMm":
            return f"{value.dtype} {value.shape}"
        value = torch.from_numpy(np.array(value, order="C"))
    if not isinstance(value, Tensor):
        return repr(value)
    if value.layout is not torch.strided or value.device.type == "meta":
        return f"{value.dtype} {tuple(value.shape)}"
    if value.numel() <= 8:
        return str(value.tolist())
    name = str(value.dtype).removeprefix("torch.")
    blocks, sampled = _blocks(value.detach())
    return f"{name} {tuple(value.shape)}{sampled} #{_hash(blocks)}"


def _blocks(tensor: Tensor) -> tuple[Iterator[Any], str]:
    """A tensor's bytes: all of them, or of a very large one samples at even distances, the end
    among them; and a word that says so.
    """
    flat = tensor.contiguous().reshape(-1).view(torch.uint8)
    if len(flat) <= WHOLE_BYTES:
        return iter([flat.cpu().numpy().data]), ""
    stride = (len(flat) - SAMPLE_BYTES) // (SAMPLES - 1)
    samples = flat.unfold(0, SAMPLE_BYTES, stride).contiguous().cpu().numpy()
    end = flat[-SAMPLE_BYTES:].cpu().numpy()
    return iter([samples.data, end.data]), ", in samples,"


def _hash(blocks: Any) -> str:
    digest = hashlib.blake2b(digest_size=6)
    for block in blocks:
        digest.update(block)
    return digest.hexdigest()


def _folded(found: Mapping[tuple[str, ...], str]) -> dict[str, str]:
    """The same with what lies deeper than `DEPTH` names hashed together."""
    groups: dict[str, list[tuple[tuple[str, ...], str]]] = {}
    for path, text in found.items():
        groups.setdefault(".".join(path[:DEPTH]), []).append((path, text))
    folded = {}
    for name, entries in groups.items():
        first, *deeper = entries
        folded[name] = first[1]
        if deeper or len(first[0]) > DEPTH:
            folded[name] += f" #{_hash([repr(deeper or first).encode()])}"
    return folded
