"""What `distill` refuses at the door, each with one sentence that names the argument, its value and
what is allowed.
"""

from __future__ import annotations

import inspect
import math
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from distillery.protocols import Generator, Teacher
from distillery.support.shown import shown

DTYPES = (None, torch.float32, torch.bfloat16, torch.float16)


def check_numbers(
    *, batch_size: int, steps: int | None, every: int, clip: float | None, dtype: Any
) -> None:
    """How much at a time, how often, how far, and in which type."""
    _check_whole("batch_size", batch_size, 1)
    _check_whole("every", every, 1)
    if steps is not None:
        _check_whole("steps", steps, 0)
    if clip is not None and not _is_positive(clip):
        raise ValueError(f"clip is {shown(clip)}: a positive norm is needed, or None")
    if not any(dtype is allowed for allowed in DTYPES):
        names = ", ".join(str(allowed) for allowed in DTYPES[1:])
        raise ValueError(f"dtype is {shown(dtype)}: {names} or None is needed")


def check_parts(teacher: Any, student: Any, generator: Any, loss: Any) -> None:
    """The four parts are what they should be, and the student can learn."""
    if not isinstance(teacher, Teacher):
        raise TypeError(
            f"teacher is {_called(teacher)}: a Teacher is needed, such as"
            " distillery.teachers.Frozen(network)"
        )
    if not isinstance(student, nn.Module):
        raise TypeError(f"student is {_called(student)}: an nn.Module is needed")
    if not isinstance(generator, Generator):
        raise TypeError(
            f"generator is {_called(generator)}: a Generator is needed, such as"
            " distillery.generators.Resample(x, rng=rng)"
        )
    if not isinstance(loss, nn.Module) or not hasattr(loss, "each"):
        raise TypeError(
            f"loss is {_called(loss)}: a Loss is needed, such as distillery.losses.SoftTargets()"
        )
    _check_two_networks(teacher, student)
    if not any(p.requires_grad for p in student.parameters()):
        raise ValueError(
            f"student {type(student).__name__} has no trainable parameters: at least one with"
            " requires_grad=True is needed"
        )


def check_optimizer(optimizer: Any, student: nn.Module, loss: nn.Module) -> None:
    """Every trainable parameter of student and loss is in the optimizer, else it is named."""
    if isinstance(optimizer, type) or not hasattr(optimizer, "param_groups"):
        raise TypeError(
            f"optimizer is {_called(optimizer)}: an instance is needed, such as"
            " torch.optim.Adam(student.parameters())"
        )
    name = type(optimizer).__name__
    if needed := _needed(optimizer.step):
        raise TypeError(
            f"optimizer {name} needs a {needed[0]} for every step: one whose step() needs nothing"
            " is needed, such as torch.optim.Adam"
        )
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    missed = [name for name, p in _trainable(student, loss) if id(p) not in held]
    if missed:
        raise ValueError(
            f"optimizer {name} misses {_listed(missed)}: it must hold every trainable parameter of"
            " student and loss"
        )


def check_helpers(schedule: Any, progress: Any) -> None:
    """What is called at every step can be called."""
    for name, function in (("schedule", schedule), ("progress", progress)):
        if function is not None and not callable(function):
            raise TypeError(f"{name} is {shown(function)}: a function is needed, or None")


def check_probes(probes: Any, probe_at: Any) -> None:
    """Probes have names and can be called, and what they are taken at are steps."""
    if not isinstance(probes, Mapping):
        raise TypeError(
            f"probes is {shown(probes)}: a dictionary of functions by their names is needed, such"
            ' as {"accuracy": measure}'
        )
    for name, probe in probes.items():
        if not isinstance(name, str) or not callable(probe):
            raise TypeError(
                f"probes holds {shown(name)}: {shown(probe)}, but a name and a function of the"
                " student are needed"
            )
    if isinstance(probe_at, range):
        return
    if isinstance(probe_at, str) or not isinstance(probe_at, Collection):
        _check_whole("probe_at", probe_at, 1)
        return
    for step in probe_at:
        _check_whole("a step of probe_at", step, 0)


def check_checkpoint(checkpoint: Any, optimizer: Any) -> None:
    """A run should not find out after an hour that it cannot be saved."""
    if not isinstance(checkpoint, (str, os.PathLike)):
        raise TypeError(f"checkpoint is {shown(checkpoint)}: the path of a file is needed, or None")
    folder = Path(checkpoint).absolute().parent
    if not (folder.is_dir() and os.access(folder, os.W_OK)):
        raise ValueError(
            f"checkpoint is {str(checkpoint)!r}: a file in a folder that exists and can be written"
            " to is needed"
        )
    if not (hasattr(optimizer, "state_dict") and hasattr(optimizer, "load_state_dict")):
        raise TypeError(
            f"optimizer {type(optimizer).__name__} has no state_dict and load_state_dict: with a"
            " checkpoint both are needed"
        )


def _check_two_networks(teacher: nn.Module, student: nn.Module) -> None:
    if any(module is student for module in teacher.modules()):
        raise ValueError(
            f"teacher is {_called(teacher)} that holds the student itself, a"
            f" {type(student).__name__}: two networks are needed, such as a teacher"
            " Frozen(copy.deepcopy(student))"
        )


def _check_whole(name: str, value: Any, lowest: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < lowest:
        raise ValueError(f"{name} is {shown(value)}: a whole number of at least {lowest} is needed")


def _is_positive(value: Any) -> bool:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and value > 0 and not math.isnan(value)


def _needed(step: Callable[..., Any]) -> list[str]:
    """The arguments that a function cannot be called without."""
    optional = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [
        parameter.name
        for parameter in inspect.signature(step).parameters.values()
        if parameter.default is inspect.Parameter.empty and parameter.kind not in optional
    ]


def _called(part: Any) -> str:
    if isinstance(part, type):
        return f"the class {part.__name__} itself"
    return f"a {type(part).__name__}"


def _listed(names: Sequence[str], most: int = 4) -> str:
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest


def _trainable(student: nn.Module, loss: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    """The parameters that learn, by their names."""
    for owner, module in (("student", student), ("loss", loss)):
        for name, parameter in module.named_parameters():
            if parameter.requires_grad:
                yield f"{owner}.{name}", parameter
