"""Fifty alphabets learned at once, a head each: the letters, a network's training on their labels,
and a student's on what a memory gives.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from distillery.data import Images
from distillery.data.tasks import alphabets
from distillery.distillation import distill
from distillery.generators import Augmented, Generator, Resample
from distillery.generators.augment import jitter
from distillery.generators.resample import as_unit
from distillery.lifelong.parts import WithinTask
from distillery.losses import HardLabels, SoftTargets
from distillery.models.output_mask import FAR_BELOW, OutputMask
from distillery.models.resnet import ResNet18
from distillery.protocols import Batch
from distillery.support.place import Place
from distillery.teachers import Labels, Recorded
from distillery.training.run import History
from distillery.training.schedules import one_cycle

TEACHER_BATCH, TEACHER_RATE = 64, 0.003
SHIFT, TURN, SCALE = 2.0, 10.0, 0.1  # how far the teacher's pictures are moved: pixels, degrees
# Filters from which on they lie channels last: of fewer, on processors without AVX-512, a 1x1
# convolution of stride 2 in oneDNN 3.13 writes beyond its own memory.
LAID_OUT_FROM = 8
EVERY, TEACHER_EVERY = 500, 100  # steps between checkpoints
AT_ONCE = 250


@dataclass(frozen=True, eq=False)
class Letters:
    """Drawings that are learned and those that are measured, in bytes, with their characters.

    `alphabet_of[y]` is the alphabet of character y, `characters[a]` the characters of alphabet a,
    its first one again where it has fewer than the largest.
    """

    x: Tensor
    y: Tensor
    x_test: Tensor
    y_test: Tensor
    alphabet_of: Tensor
    characters: Tensor
    mask: OutputMask

    @property
    def classes(self) -> int:
        return len(self.alphabet_of)

    @property
    def tasks(self) -> int:
        return len(self.characters)


def letters(images: Images, count: int, device: torch.device) -> Letters:
    """The first so many alphabets, in the set's own split."""
    tasks = alphabets(images)[:count]
    alphabet_of = torch.zeros(images.classes, dtype=torch.int64)
    for number, task in enumerate(tasks):
        alphabet_of[list(task.classes)] = number
    widest = max(len(task.classes) for task in tasks)
    rows = [[*t.classes, *[t.classes[0]] * (widest - len(t.classes))] for t in tasks]
    parts = ("x_train", "y_train", "x_test", "y_test")
    x, y, x_test, y_test = (torch.cat([getattr(t, p) for t in tasks]).to(device) for p in parts)
    mask = OutputMask([task.classes for task in tasks], images.classes).to(device)
    table = torch.tensor(rows, device=device)
    return Letters(x, y, x_test, y_test, alphabet_of.to(device), table, mask)


def network(letters: Letters, width: int, *, rng: torch.Generator) -> ResNet18:
    """A reduced ResNet-18, its filters laid out as convolutions are fast."""
    made = ResNet18(rng=rng, classes=letters.classes, width=width, channels=letters.x.shape[1])
    made = made.to(letters.x.device)
    return made.to(memory_format=torch.channels_last) if width >= LAID_OUT_FROM else made


class OfAlphabets(Generator):
    """Pictures whose place in a memory another generator hands out as y: with what is answered
    there, and their alphabets.

    Answers are labels (N,), or logits of the characters of the alphabet alone (N, widest), which
    leave as logits of all characters (n, K).
    """

    def __init__(
        self, generator: Generator, answers: Tensor, tasks: Tensor, letters: Letters
    ) -> None:
        self.generator, self.answers, self.tasks = generator, answers, tasks
        self.characters, self.classes = letters.characters, letters.classes

    def draw(self, n: int) -> Batch:
        batch = self.generator.draw(n)
        assert batch.y is not None
        answers, task = self.answers[batch.y], self.tasks[batch.y]
        return replace(batch, y=self._spread(answers, task), task=task)

    def _spread(self, answers: Tensor, task: Tensor) -> Tensor:
        if answers.dim() == 1:
            return answers
        everywhere = answers.new_full((len(answers), self.classes), FAR_BELOW)
        return everywhere.scatter_(1, self.characters[task], answers)


def teach(
    student: nn.Module, letters: Letters, place: Place, *, passes: int, rng: torch.Generator
) -> None:
    """By Adam on labels within each alphabet, in one cycle of its rate, on pictures that are
    turned, scaled and shifted at random.
    """
    steps = max(1, passes * len(letters.x) // TEACHER_BATCH)
    drawn = Resample(letters.x, _places(letters.x), rng=rng)
    moved = Augmented(drawn, jitter(shift=SHIFT, turn=TURN, scale=SCALE), rng=rng)
    distill(
        Labels(),
        student,
        OfAlphabets(moved, letters.y, letters.alphabet_of[letters.y], letters),
        WithinTask(HardLabels(), letters.mask),
        optimizer=torch.optim.Adam(student.parameters(), lr=TEACHER_RATE, fused=True),
        schedule=one_cycle(steps),
        batch_size=TEACHER_BATCH,
        steps=steps,
        checkpoint=place.scratch / "teacher.safetensors",
        every=TEACHER_EVERY,
        progress=lambda done, total: place.report(done / (total or 1)),
    )


@dataclass(frozen=True)
class Course:
    """Examples that a student learns, and in a step; its rate; after how many it is looked at."""

    episodes: int
    batch: int
    rate: float
    marks: tuple[int, ...]

    def __post_init__(self) -> None:
        looks = sorted({*self.marks, self.episodes})
        uneven = [mark for mark in looks if mark % max(1, self.batch)]
        if self.batch < 1 or uneven:
            raise ValueError(
                f"batch is {self.batch}: a divisor of {', '.join(map(str, uneven or looks))}"
                " is needed, after which examples students are looked at"
            )


def taught(
    student: nn.Module,
    memory: tuple[Tensor, Tensor, Tensor],
    letters: Letters,
    place: Place,
    *,
    course: Course,
    rng: torch.Generator,
) -> History:
    """A student that learns from a memory, pictures with answers and alphabets; the probe `right`
    says which test drawings it answers rightly.
    """
    pictures, answers, tasks = memory
    drawn = Resample(pictures, _places(pictures), rng=rng)
    return distill(
        Recorded(),
        student,
        OfAlphabets(drawn, answers, tasks, letters),
        WithinTask(SoftTargets(), letters.mask),
        optimizer=torch.optim.Adam(student.parameters(), lr=course.rate, fused=True),
        batch_size=course.batch,
        steps=course.episodes // course.batch,
        probes={"right": lambda network: is_right(network, letters).tolist()},
        probe_at=[mark // course.batch for mark in course.marks],
        checkpoint=place.scratch / "student.safetensors",
        every=EVERY,
        progress=lambda done, total: place.report(done / (total or 1)),
    )


@torch.no_grad()
def answered(teacher: nn.Module, pictures: Tensor, tasks: Tensor, letters: Letters) -> Tensor:
    """(N, widest): the teacher's logits of the characters of each picture's alphabet."""
    teacher.eval()
    parts = zip(pictures.split(AT_ONCE), tasks.split(AT_ONCE), strict=True)
    within = [teacher(as_unit(x)).gather(1, letters.characters[task]) for x, task in parts]
    return torch.cat(within)


@torch.no_grad()
def is_right(student: nn.Module, letters: Letters) -> Tensor:
    """(N,): whether each test drawing is told from the other characters of its alphabet."""
    tasks = letters.alphabet_of[letters.y_test]
    within = answered(student, letters.x_test, tasks, letters)
    chosen = within.argmax(-1, keepdim=True)
    characters: Any = letters.characters[tasks].gather(1, chosen)[:, 0]
    return (characters == letters.y_test).cpu()


def _places(x: Tensor) -> Tensor:
    return torch.arange(len(x), device=x.device)
