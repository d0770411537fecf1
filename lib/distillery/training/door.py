"""What `distill` refuses at the door, each with one sentence that names the argument, its value and
what is allowed.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from distillery.models.bank import Bank
from distillery.protocols import Batch, Generator, Teacher


def check_numbers(
    *,
    batch_size: int,
    steps: int | None,
    every: int,
    clip: float | None,
    probe_at: int | Collection[int],
) -> None:
    _check_whole("batch_size", batch_size, 1)
    _check_whole("every", every, 1)
    if steps is not None:
        _check_whole("steps", steps, 0)
    if not isinstance(probe_at, Collection):
        _check_whole("probe_at", probe_at, 1)
    if clip is not None and not clip > 0:
        raise ValueError(f"clip is {clip!r}: a positive norm is needed, or None")


def check_parts(teacher: Any, student: Any, generator: Any, loss: Any) -> None:
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
    if not any(p.requires_grad for p in student.parameters()):
        raise ValueError(
            f"student {type(student).__name__} has no trainable parameters: at least one with"
            " requires_grad=True is needed"
        )


def check_optimizer(optimizer: Any, student: nn.Module, loss: nn.Module) -> None:
    """Every trainable parameter of student and loss is in the optimizer, else it is named."""
    if not hasattr(optimizer, "param_groups"):
        raise TypeError(
            f"optimizer is {_called(optimizer)}: an instance is needed, such as"
            " torch.optim.Adam(student.parameters())"
        )
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    missed = [name for name, p in _trainable(student, loss) if id(p) not in held]
    if missed:
        raise ValueError(
            f"optimizer {type(optimizer).__name__} misses {_listed(missed)}: it must hold every"
            " trainable parameter of student and loss"
        )


def check_folder(checkpoint: str | Path) -> None:
    """A run should not find out after an hour that it cannot be saved."""
    folder = Path(checkpoint).absolute().parent
    if not (folder.is_dir() and os.access(folder, os.W_OK)):
        raise ValueError(
            f"checkpoint is {str(checkpoint)!r}: a file in a folder that exists and can be written"
            " to is needed"
        )


def check_batch(batch: Any, n: int, generator: Generator) -> None:
    name = type(generator).__name__
    if not isinstance(batch, Batch):
        raise TypeError(f"{name}.draw({n}) returned {_called(batch)}: a Batch is needed")
    if len(batch) != n:
        raise ValueError(
            f"{name}.draw({n}) returned {len(batch)} examples: exactly {n} are needed, or Exhausted"
            " raised"
        )


def check_value(value: Any, student: nn.Module, loss: nn.Module) -> None:
    name = type(loss).__name__
    if not isinstance(value, Tensor):
        raise TypeError(f"{name} returned {_called(value)}: a tensor is needed")
    shape = (len(student),) if isinstance(student, Bank) else ()
    if tuple(value.shape) != shape:
        allowed = f"{shape}, one value a student," if shape else "one value, shape (),"
        raise ValueError(
            f"{name} returned shape {tuple(value.shape)}: {allowed} is needed (only a Bank of S"
            " students has S losses)"
        )


def _check_whole(name: str, value: Any, lowest: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < lowest:
        raise ValueError(f"{name} is {value!r}: a whole number of at least {lowest} is needed")


def _called(part: Any) -> str:
    return (
        f"the class {part.__name__} itself"
        if isinstance(part, type)
        else f"a {type(part).__name__}"
    )


def _listed(names: Sequence[str], most: int = 4) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _trainable(student: nn.Module, loss: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    for owner, module in (("student", student), ("loss", loss)):
        yield from (
            (f"{owner}.{name}", p) for name, p in module.named_parameters() if p.requires_grad
        )
