"""A stream of tasks that never return: every example comes once, with its label and its task."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from distillery.data.tasks import Task
from distillery.generators.resample import Resample, as_unit
from distillery.protocols import Batch, Generator, Stateful, check_rng


class Stream(Stateful):
    """Tasks one after another, each a generator of its own examples in random order, exhausted
    after one pass: `for task in Stream(superclasses(images), rng=rng)`.

    With `joint` all examples of all tasks come together, shuffled, in `passes` passes: what no
    learner of a stream sees, and is measured against. A stream is read once, for its examples come
    once.
    """

    remembers = ("begun",)

    def __init__(
        self,
        tasks: Sequence[Task],
        *,
        rng: torch.Generator,
        joint: bool = False,
        passes: int = 1,
    ) -> None:
        if not tasks:
            raise ValueError("tasks is empty: at least one is needed")
        if passes < 1 or (passes > 1 and not joint):
            raise ValueError(
                f"passes is {passes} with joint={joint}: tasks that come one after another come"
                " once, and joint ones at least once"
            )
        for task in tasks:
            _check(task)
        self.tasks, self.joint, self.passes = list(tasks), joint, passes
        self.rng = check_rng(rng)
        self.begun = 0
        self._is_read = False

    def __len__(self) -> int:
        """How many parts the stream has: as many as tasks, or one."""
        return 1 if self.joint else len(self.tasks)

    def __iter__(self) -> Iterator[Incoming]:
        if self._is_read:
            raise ValueError(
                "the stream was read before: its examples come once, and another learner needs"
                " another Stream"
            )
        self._is_read = True
        return self._parts_left()

    def _parts_left(self) -> Iterator[Incoming]:
        while self.begun < len(self):
            numbers = list(range(len(self.tasks))) if self.joint else [self.begun]
            self.begun += 1
            yield Incoming(self.tasks, numbers, rng=self.rng, passes=self.passes)


class Incoming(Generator):
    """The examples of some tasks in random order, each with its label and the number of its task.

    What is left over at the end and does not fill a batch is not handed out.
    """

    def __init__(
        self,
        tasks: Sequence[Task],
        numbers: Sequence[int],
        *,
        rng: torch.Generator,
        passes: int = 1,
    ) -> None:
        chosen = [tasks[number] for number in numbers]
        sizes = torch.tensor([len(task.x_train) for task in chosen])
        self.x = torch.cat([task.x_train for task in chosen])
        self.y = torch.cat([task.y_train for task in chosen])
        self.task = torch.repeat_interleave(torch.tensor(numbers), sizes)
        self.order = Resample(torch.arange(len(self.x)), rng=rng, passes=passes)

    def draw(self, n: int) -> Batch:
        places = self.order.draw(n).x.to(self.x.device)
        return self.at(places)

    def at(self, places: Tensor) -> Batch:
        """The examples at these places, in the order of the tasks."""
        task = self.task.to(self.x.device)[places]
        return Batch(as_unit(self.x[places]), self.y[places], task=task)


def _check(task: Task) -> None:
    if len(task.x_train) == 0 or len(task.x_test) == 0:
        raise ValueError(
            f"task {task.name!r} has {len(task.x_train)} training and {len(task.x_test)} test"
            " examples: at least one of each is needed"
        )
    strangers = set(torch.cat([task.y_train, task.y_test]).unique().tolist()) - set(task.classes)
    if strangers:
        raise ValueError(
            f"task {task.name!r} has labels {sorted(strangers)[:5]} outside its classes"
            f" {list(task.classes)}: every label must be one of them"
        )
