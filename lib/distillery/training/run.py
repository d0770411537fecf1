"""What surrounds the steps of a distillation: checks at the door, rates, history, probes,
checkpoints.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, is_dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from distillery.models.once import quietly
from distillery.protocols import Batch, Exhausted, Generator, Stateful
from distillery.training import checkpoints, door, identity, underway

Probe = Callable[[nn.Module], Any]


class Diverged(ArithmeticError):  # noqa: N818 (a state, as Exhausted is)
    """A loss became NaN or infinite."""


class History(Stateful):
    """What a run reported: the loss at every step, and the probes where they were taken.

    `losses` has shape (steps,), or (steps, S) for a Bank of S students; `probes` is a list of
    `{"step": …, name: value, …}`.
    """

    remembers = ("losses", "probes")

    def __init__(self) -> None:
        self.losses = torch.zeros(0)
        self.probes: list[dict[str, Any]] = []
        self._pending: list[Tensor] = []

    def __len__(self) -> int:
        return len(self.losses) + len(self._pending)

    def __repr__(self) -> str:
        """What a notebook shows where `distill` is the last line of a cell."""
        if len(self.losses) == 0:
            return f"<History of {len(self)} steps>"
        ends = f"{self.losses[0].mean():.4g} to {self.losses[-1].mean():.4g}"
        return f"<History of {len(self)} steps, loss {ends}>"

    def add(self, value: Tensor, loss: nn.Module) -> None:
        """Append the loss of a step; `loss` is whose it was, for the sentence if it diverged."""
        # On an accelerator, looking at a value makes the host wait: look at 64 at a time.
        self._pending.append(value.detach())
        if len(self._pending) >= 64 or (
            value.device.type == "cpu" and not torch.isfinite(value).all()
        ):
            self.settle(loss)

    def settle(self, loss: nn.Module) -> None:
        """Move what is pending into `losses`, or say at which step it stopped being a number."""
        if not self._pending:
            return
        first = len(self.losses)
        values = torch.stack(self._pending).float().cpu()
        self._pending = []
        self.losses = values if first == 0 else torch.cat([self.losses, values])
        bad = (~torch.isfinite(values)).reshape(len(values), -1).any(-1).nonzero()
        if len(bad):
            i = int(bad[0])
            raise Diverged(
                f"{type(loss).__name__} was {values[i].tolist()} at step {first + i}: a finite"
                " number is needed (try lower rates or `clip`)"
            )

    def probed(self, name: str) -> tuple[list[int], list[Any]]:
        """The steps at which the probe `name` was taken, and its values."""
        taken = [probe for probe in self.probes if name in probe]
        if not taken:
            known = sorted({key for probe in self.probes for key in probe} - {"step"})
            raise KeyError(f"no probe {name!r} was taken: there are {known}")
        return [probe["step"] for probe in taken], [probe[name] for probe in taken]


@dataclass
class Run:
    """One call of `distill`: its parts, how far it is, and all that is not a gradient step."""

    teacher: nn.Module
    student: nn.Module
    generator: Generator
    loss: nn.Module
    optimizer: Any
    schedule: Callable[[int], float] | None
    clip: float | None
    dtype: torch.dtype | None
    batch_size: int
    history: History = field(default_factory=History)

    def measure(self, probes: Mapping[str, Probe], probe_at: int | Collection[int]) -> None:
        """Say what is measured of the student on the way, and after which steps."""
        door.check_probes(probes, probe_at)
        self.probes = probes
        self.probe_at = probe_at

    def start(
        self, path: str | Path | None, *, every: int, steps: int | None, progress: Any
    ) -> None:
        """Refuse what cannot run, continue what was begun, and put everybody in their mode."""
        self.path = path
        self.every = every
        self.steps = steps
        self.progress = progress
        self._check()
        if path is not None:
            door.check_checkpoint(path, self.optimizer)
            self._continue(path)
        self.teacher.eval()  # before the student learns: the two may share layers
        self.student.train()
        self.loss.train()
        if len(self.history) == 0 and self._is_probed(0):
            self._probe(0)

    def remaining(self) -> Iterator[int]:
        """The steps that are still to be taken, without end where `steps` is None."""
        done = len(self.history)
        return itertools.count(done) if self.steps is None else iter(range(done, self.steps))

    def check(self, batch: Batch) -> None:
        """Refuse what is no batch of the size that was asked for."""
        underway.check_batch(batch, self.batch_size, self.generator)

    def record(self, value: Tensor) -> None:
        """Keep the loss of this step, if it is one number, or one for every student."""
        underway.check_value(value, self.student, self.loss)
        self.history.add(value, self.loss)

    @contextmanager
    def rates(self, step: int) -> Iterator[None]:
        """The rates as the schedule has them at this step; outside they are always those that the
        optimizer was made with.
        """
        if self.schedule is None:
            yield
            return
        factor = self.schedule(step)
        underway.check_factor(factor, step)
        groups = self.optimizer.param_groups
        usual = [group["lr"] for group in groups]
        for group in groups:
            group["lr"] = group["lr"] * factor
        try:
            yield
        finally:
            for group, rate in zip(groups, usual, strict=True):
                group["lr"] = rate

    def after(self, step: int) -> None:
        """What is due when a step is done: probes, a checkpoint, a word of progress."""
        done = step + 1
        if self._is_probed(done):
            self._probe(done)
        if self.path is not None and done % self.every == 0:
            self._save()
        if self.progress is not None:
            self.progress(done, self.steps)

    def finish(self) -> History:
        """Settle the history and save; a run that is too short is an error."""
        self.history.settle(self.loss)
        self.student.eval()
        self.loss.eval()
        done = len(self.history)
        least = 1 if self.steps is None else self.steps
        if done < least:
            raise Exhausted(
                f"{type(self.generator).__name__} gave out after {done} steps of {self.batch_size}"
                f" examples: {least} are needed"
            )
        if self.path is not None:
            self._save()
        return self.history

    def _check(self) -> None:
        door.check_numbers(
            batch_size=self.batch_size,
            steps=self.steps,
            every=self.every,
            clip=self.clip,
            dtype=self.dtype,
        )
        door.check_parts(self.teacher, self.student, self.generator, self.loss)
        door.check_optimizer(self.optimizer, self.student, self.loss)
        door.check_helpers(self.schedule, self.progress)

    def _is_probed(self, done: int) -> bool:
        if isinstance(self.probe_at, int):
            return done > 0 and done % self.probe_at == 0
        return done in self.probe_at

    def _probe(self, done: int) -> None:
        if self.probes:
            with quietly(self.student, self.loss):
                answers = {name: _plain(probe(self.student)) for name, probe in self.probes.items()}
            self.history.probes.append({"step": done} | answers)

    def _continue(self, path: str | Path) -> None:
        self.particulars = identity.particulars(self)
        if Path(path).exists():
            note = checkpoints.note(path)
            identity.check_same(path, note, self.particulars, self.schedule)
            checkpoints.load(path, self._parts())
        if self.steps is not None and len(self.history) > self.steps:
            raise ValueError(
                f"checkpoint {path} is of a run of {len(self.history)} steps: steps is"
                f" {self.steps}, at least as many are needed"
            )

    def _save(self) -> None:
        assert self.path is not None
        self.history.settle(self.loss)
        factors = identity.factors(self.schedule, len(self.history))
        note = {"particulars": self.particulars, "schedule": factors}
        checkpoints.save(self.path, self._parts(), note=note)

    def _parts(self) -> dict[str, Any]:
        """What a checkpoint holds, by name."""
        parts = {
            "student": self.student,
            "loss": self.loss,
            "optimizer": self.optimizer,
            "generator": self.generator,
            "history": self.history,
        }
        if isinstance(self.teacher, Stateful):
            parts["teacher"] = self.teacher
        return parts


def _plain(value: Any) -> Any:
    """A probe's answer as numbers, lists and dictionaries, which a checkpoint can hold."""
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return value.tolist() if hasattr(value, "tolist") else value
