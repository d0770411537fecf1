"""Learning a stream of tasks: `distill`, folded over them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from distillery.data.tasks import Task
from distillery.distillation import distill
from distillery.generators.resample import as_unit
from distillery.lifelong.matrix import AccuracyMatrix
from distillery.lifelong.memory import Memory
from distillery.lifelong.replay import Replay
from distillery.lifelong.stream import Stream
from distillery.losses.loss import Loss
from distillery.models.once import quietly
from distillery.protocols import Generator, Stateful, Teacher
from distillery.teachers.recorded import Labels
from distillery.training import checkpoints, identity
from distillery.training.particulars import Reader, tensors_of

Answer = Callable[[Tensor, Tensor], Tensor]  # pictures and their tasks to scores of every label
Look = Callable[[Task, int], float]  # a task, and which it is, to a number

_AT_ONCE = 100


@dataclass(kw_only=True)
class Learner:
    """Who learns a stream, and how: `new` examples a step, each in `times` steps, with `remembered`
    ones beside them, none if the memory is for an optimizer or a teacher alone.

    `answer` scores every label for pictures and their tasks. `begins(number)` and
    `ends(number, task)` are called around each task; what they make must follow from the student
    and the memory, for a resumed run calls them again.
    """

    student: nn.Module
    loss: Loss
    optimizer: Any
    answer: Answer
    teacher: Teacher = field(default_factory=Labels)
    memory: Memory | None = None
    new: int = 10
    remembered: int = 10
    times: int = 1
    writes: bool = True
    incoming: Callable[[Generator], Generator] = lambda generator: generator
    begins: Callable[[int], None] = lambda number: None
    ends: Callable[[int, Task], None] = lambda number, task: None

    @property
    def beside(self) -> int:
        """Remembered examples a step."""
        return self.remembered if self.memory is not None else 0


class Diary(Stateful):
    """What was seen of a learner after each part of its stream, and what learning took."""

    remembers = ("seen", "steps", "images", "seconds")

    def __init__(self) -> None:
        self.seen: dict[str, Tensor] = {}
        self.steps, self.images, self.seconds = 0, 0, 0.0

    def add(self, looks: Mapping[str, Tensor]) -> None:
        """A row (T,) for each look; the first is of before anything was learned."""
        for name, row in looks.items():
            earlier = self.seen.get(name, row.new_zeros(0, len(row)))
            self.seen[name] = torch.cat([earlier, row[None]])

    def matrix(self, name: str = "accuracy") -> AccuracyMatrix:
        return AccuracyMatrix(self.seen[name][1:], self.seen[name][0])


def learn(
    learner: Learner,
    stream: Stream,
    *,
    looks: Mapping[str, Look] | None = None,
    dtype: torch.dtype | None = None,
    checkpoint: str | Path | None = None,
    progress: Callable[[float], None] | None = None,
) -> Diary:
    """Let the learner see the stream once, and look at it before, and after each of its parts.

    `looks` are numbers by name for every task; by default the accuracy on its test examples. A task
    that comes later than the next one is not looked at, except before everything and at the end.
    With `checkpoint` a killed run goes on after the last task that it had learned, and ends as an
    undisturbed one; a run of another learner or stream is refused.
    """
    run = _Run(learner, stream, looks or {"accuracy": partial_accuracy(learner)}, checkpoint)
    run.resume()
    for incoming in stream:
        run.learn(incoming, dtype)
        run.save()
        if progress is not None:
            progress(stream.begun / len(stream))
    return run.diary


def partial_accuracy(learner: Learner, *, most: int | None = None) -> Look:
    """A look: the share of a task's test examples, or of the first `most`, answered rightly."""

    def look(task: Task, number: int) -> float:
        x, y = task.x_test[:most], task.y_test[:most]
        parts = zip(x.split(_AT_ONCE), y.split(_AT_ONCE), strict=True)
        with quietly(learner.student):
            right = [_right(learner.answer, part, labels, number) for part, labels in parts]
        return sum(right) / len(y)

    return look


def _right(answer: Answer, x: Tensor, y: Tensor, number: int) -> int:
    scores = answer(as_unit(x), torch.full((len(x),), number))
    return int((scores.argmax(-1) == y).sum())


@dataclass
class _Run:
    """One call of `learn`."""

    learner: Learner
    stream: Stream
    looks: Mapping[str, Look]
    path: str | Path | None
    diary: Diary = field(default_factory=Diary)

    def resume(self) -> None:
        """Go on where a checkpoint was left, or look at who has learned nothing yet."""
        self.note = self._particulars() if self.path is not None else {}
        if self.path is not None and Path(self.path).exists():
            note = checkpoints.note(self.path)
            identity.check_same(self.path, note, self.note, None)
            checkpoints.load(self.path, self._parts())
        else:
            self._look(range(len(self.stream.tasks)))

    def learn(self, incoming: Generator, dtype: torch.dtype | None) -> None:
        """One part of the stream."""
        start, number, learner = time.monotonic(), self.stream.begun - 1, self.learner
        learner.begins(number)
        batch_size = learner.new + learner.beside
        history = distill(
            learner.teacher,
            learner.student,
            self._replay(incoming),
            learner.loss,
            optimizer=learner.optimizer,
            batch_size=batch_size,
            dtype=dtype,
        )
        learner.ends(number, self.stream.tasks[number])
        self.diary.steps += len(history)
        self.diary.images += len(history) * batch_size
        self.diary.seconds += time.monotonic() - start
        self._look(self._known(number))

    def save(self) -> None:
        if self.path is not None:
            note = {"particulars": self.note, "schedule": {}}
            checkpoints.save(self.path, self._parts(), note=note)

    def _replay(self, incoming: Generator) -> Generator:
        learner = self.learner
        return Replay(
            learner.incoming(incoming),
            learner.memory,
            remembered=learner.beside,
            times=learner.times,
            writes=learner.writes,
        )

    def _known(self, number: int) -> Iterable[int]:
        """The tasks up to the next one; at the end all."""
        is_last = self.stream.begun == len(self.stream)
        return range(len(self.stream.tasks) if is_last else number + 2)

    def _look(self, numbers: Iterable[int]) -> None:
        tasks = self.stream.tasks
        rows = {name: torch.full((len(tasks),), torch.nan) for name in self.looks}
        for number in numbers:
            for name, look in self.looks.items():
                rows[name][number] = look(tasks[number], number)
        self.diary.add(rows)

    def _particulars(self) -> dict[str, str]:
        learner = self.learner
        reader = Reader(tensors_of(learner.student, learner.loss))
        entries: dict[tuple[str, ...], str] = {}
        for name in ("teacher", "student", "loss", "memory", "new", "remembered", "times"):
            entries.update(reader.read(getattr(learner, name), (name,)))
        entries.update(reader.read_optimizer(learner.optimizer, ("optimizer",)))
        entries.update(reader.read(self.stream, ("stream",)))
        return identity.folded(entries)

    def _parts(self) -> dict[str, Any]:
        learner = self.learner
        parts = {
            "student": learner.student,
            "loss": learner.loss,
            "optimizer": learner.optimizer,
            "stream": self.stream,
            "diary": self.diary,
        }
        return parts if learner.memory is None else {**parts, "memory": learner.memory}
