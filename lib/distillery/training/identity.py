"""What decides a run, as a few lines of text: a checkpoint carries them, so that a call that would
have made another run is refused instead of being handed that run's student.

The particulars of a run are the classes of its parts, their hyper-parameters (the public attributes
of teacher, student, loss, generator and of what they hold), the numbers that do not change (those
of the teacher and the data, as hashes), seeds of streams, batch size, clipping and type of the
products, and the optimizer's class with its rates. Left out is what the checkpoint itself brings
back: parameters of student and loss, what a generator remembers, the states of streams.

Steps and probes are free: a run may be made longer. A schedule is compared at the steps already
taken, so that a continued run is always the one that this call would have made from the start.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from torch import nn

from distillery.protocols import Generator
from distillery.support.told import told
from distillery.training.fingerprints import digest
from distillery.training.particulars import Reader, tensors_of

Schedule = Callable[[int], float]

# A particular is told by at most so many names, as `loss.terms.0.temperature`; what lies deeper is
# hashed together.
_DEPTH = 4
_MOST_SHOWN = 3
_MOST_DIGITS = 15  # of a step


class Parts(Protocol):
    """What a call of `distill` was given."""

    teacher: nn.Module
    student: nn.Module
    generator: Generator
    loss: nn.Module
    optimizer: Any
    clip: float | None
    dtype: Any
    batch_size: int


def particulars(run: Parts) -> dict[str, str]:
    """What decides the run, by name; equal for equal calls, also on another device."""
    reader = Reader(tensors_of(run.student, run.loss))
    entries: dict[tuple[str, ...], str] = {}
    for name in ("teacher", "student", "loss", "generator", "batch_size", "clip", "dtype"):
        entries.update(reader.read(getattr(run, name), (name,)))
    entries.update(reader.read_optimizer(run.optimizer, ("optimizer",)))
    return folded(entries)


def factors(schedule: Schedule | None, done: int) -> dict[str, float]:
    """The schedule at some of the steps already taken: powers of two and the last."""
    steps = {0, *(2**power for power in range(done.bit_length())), done - 1}
    taken = sorted(step for step in steps if 0 <= step < done)
    return {str(step): _factor(schedule, step) for step in taken}


def check_same(
    path: str | Path,
    note: Mapping[str, Any] | None,
    now: Mapping[str, str],
    schedule: Schedule | None,
) -> None:
    """A sentence that names what differs, unless the checkpoint's note is of the run that this call
    makes.
    """
    if note is None or not _is_whole(note):
        raise ValueError(
            f"checkpoint {path} does not say which run it is of, as one of an earlier version:"
            " remove the file, and the run begins anew"
        )
    differences = [
        *_differences(note["particulars"], now),
        *_differences_of_schedule(note["schedule"], schedule),
    ]
    if differences:
        listed = "; ".join(map(told, differences[:_MOST_SHOWN]))
        rest = len(differences) - _MOST_SHOWN
        more = f"; and {rest} more" if rest > 0 else ""
        raise ValueError(
            f"checkpoint {path} is of another run: {listed}{more}: the call that wrote it is needed"
            " to go on with it, or another file (remove this one to begin anew)"
        )


def _is_whole(note: Mapping[str, Any]) -> bool:
    """Whether it says what decides a run, as `particulars` and `factors` do."""
    particulars, schedule = note.get("particulars"), note.get("schedule")
    return (
        isinstance(particulars, dict)
        and all(isinstance(text, str) for text in particulars.values())
        and isinstance(schedule, dict)
        and all(_is_step(step) and isinstance(to, (int, float)) for step, to in schedule.items())
    )


def _is_step(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS


def _differences(then: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    for name in dict.fromkeys([*then, *now]):
        was, now_is = then.get(name, "not there"), now.get(name, "not there")
        if was != now_is:
            yield f"{name} was {was} and is {now_is}"


def _differences_of_schedule(then: Mapping[str, float], schedule: Schedule | None) -> Iterator[str]:
    """The first step at which the schedule is another than it was, beyond rounding."""
    for step, was in then.items():
        factor = _factor(schedule, int(step))
        if not math.isclose(factor, was, rel_tol=1e-9, abs_tol=1e-12):
            yield f"schedule({step}) was {was} and is {factor}"
            return


def _factor(schedule: Schedule | None, step: int) -> float:
    return 1.0 if schedule is None else float(schedule(step))


def folded(entries: Mapping[tuple[str, ...], str]) -> dict[str, str]:
    """The same with what lies deeper than `_DEPTH` names hashed together."""
    groups: dict[str, list[str]] = {}
    for path, text in entries.items():
        deeper = path[_DEPTH:]
        told = f"{'.'.join(deeper)}: {text}" if deeper else text
        groups.setdefault(".".join(path[:_DEPTH]), []).append(told)
    folded = {}
    for name, (first, *others) in groups.items():
        suffix = f" #{digest([repr(others).encode()])}" if others else ""
        folded[name] = first + suffix
    return folded
