"""Students side by side, each learning from a memory of its own."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from distillery.distillation import distill
from distillery.generators import Diverse, Generator, Hardest, Parallel
from distillery.generators.resample import as_unit
from distillery.losses import SoftTargets
from distillery.models.abreast import Abreast
from distillery.models.lenet import LeNet
from distillery.models.mlp import MLP
from distillery.support.place import Place
from distillery.teachers import Recorded
from distillery.training.run import History
from distillery_book.chapters.transfer.watched import Watched
from distillery_book.chapters.transfer.ways import AS_PRINTED, Way

RATES = (1e-3, 1e-4)  # of which the better is reported, as in the papers
MARKS = (10, 100, 1000, 10_000, 100_000)  # episodes after which students are looked at
AT_ONCE = 1000
BATCH = 10  # examples a step
SHORT, LONG = 10_000, 100_000  # episodes of a run
EVERY = 2000  # steps between checkpoints
CHOSEN_FROM = 10  # candidates of which one is chosen

COMPARED_FROM = 1000  # episodes from which on it is kept which test images were answered rightly

Examples = tuple[Tensor, Tensor]


class Taught(NamedTuple):
    """Shares of images answered rightly, by name; and for each column, after each number of
    episodes from a thousand on, the test images that were, at the better rate: a bit an image,
    uint8 (marks, ⌈images / 8⌉).

    `seen` holds what was chosen last before each mark, of the columns that were watched; `students`
    are those of the columns in the end, at the better rate.
    """

    metrics: dict[str, float]
    right: dict[str, Tensor]
    seen: dict[str, Tensor]
    students: dict[str, nn.Module]


def stream(seed: int, name: str, device: torch.device) -> torch.Generator:
    """A source of randomness that follows from a seed and a name alone."""
    digest = hashlib.sha256(f"{seed} {name}".encode()).digest()
    return torch.Generator(device).manual_seed(int.from_bytes(digest[:7], "big"))


def fresh(kind: str, pixels: int, classes: int, *, rng: torch.Generator) -> nn.Module:
    """LeNet, or an MLP with two hidden layers of 300 units."""
    if kind == "lenet":
        return LeNet(rng=rng, classes=classes)
    return MLP((pixels, 300, 300, classes), rng=rng)


@dataclass(frozen=True)
class Course:
    """Who learns, for how many episodes, from which seed, which examples are chosen for it, and by
    which way it learns them.
    """

    student: str
    episodes: int
    seed: int
    curriculum: str = "random"
    batch: int = BATCH
    way: Way = AS_PRINTED

    def __post_init__(self) -> None:
        if self.batch < 1 or MARKS[0] % self.batch:
            raise ValueError(
                f"batch is {self.batch}: a divisor of {MARKS[0]} is needed, after which episodes"
                " students are looked at first"
            )

    @property
    def marks(self) -> list[int]:
        """Numbers of episodes after which students are looked at."""
        return [mark for mark in MARKS if mark <= self.episodes]


def taught(
    course: Course,
    columns: Mapping[str, Examples],
    measured: Mapping[str, Examples],
    place: Place,
    *,
    watched: Sequence[str] = (),
) -> Taught:
    """How right the student of each column is after 10, 100, … episodes, at the better rate.

    A column is pictures with logits that answer them; `measured` are the images `test` and `held`.
    The better rate at each number of episodes is the one by which more of the held-out images are
    answered rightly; the test set chooses nothing. Of `watched` columns the examples are kept that
    were chosen last before each mark, at the first rate.
    """
    probes = {}
    lesson = Lesson(course, columns, watched)
    for index, rate in enumerate(RATES):
        part = _Part(place, index / len(RATES), 1 / len(RATES))
        history = _history(lesson, measured, part, rate=rate)
        probes[rate] = history.probes
    names = list(columns)
    count = len(measured["test"][0])
    shares = {rate: [_shares(probe, count) for probe in taken] for rate, taken in probes.items()}
    metrics = dict(_metrics(names, course, shares))
    right = _right(names, course, metrics, probes)
    return Taught(metrics, right, lesson.seen, dict(_better(lesson, metrics)))


def _better(lesson: Lesson, metrics: Mapping[str, float]) -> Iterator[tuple[str, nn.Module]]:
    """Each column's student of the rate that its metrics name as the better in the end."""
    end = lesson.course.marks[-1]
    for index, name in enumerate(lesson.columns):
        bank = lesson.banks[metrics[f"rate_{name}_{end}"]]
        yield name, bank.student(index).eval()


class Lesson:
    """The columns of a course; what was `seen` of those that are watched, and the students, a bank
    for each rate, once they are taught.
    """

    def __init__(
        self, course: Course, columns: Mapping[str, Examples], watched: Sequence[str]
    ) -> None:
        self.course, self.columns, self.watched = course, columns, list(watched)
        self.seen: dict[str, Tensor] = {}
        self.banks: dict[float, Abreast] = {}

    def bank(self, device: torch.device) -> Abreast:
        """A student for each column, its first weights drawn by the seed and the column's name."""
        pictures, logits = next(iter(self.columns.values()))
        pixels, classes = pictures[0].numel(), logits.shape[1]
        students = [
            fresh(self.course.student, pixels, classes, rng=self._stream("start", name, device))
            for name in self.columns
        ]
        return Abreast(students).to(device)

    def generator(self, bank: Abreast, device: torch.device) -> Generator:
        """An example for each student in turn, as the curriculum chooses."""
        way = self.course.way
        streams = [
            way.drawn(
                examples,
                order=self._stream("order", name, device),
                shifts=self._stream("shifts", name, device),
            )
            for name, examples in self.columns.items()
        ]
        choices = [self._stream("choice", name, device) for name in self.columns]
        name, temperature = self.course.curriculum, way.temperature
        return curriculum(name, Parallel(streams), bank, choices, temperature=temperature)

    def _stream(self, use: str, column: str, device: torch.device) -> torch.Generator:
        return stream(self.course.seed, f"{use} {column}", device)


def curriculum(
    name: str,
    streams: Generator,
    bank: nn.Module,
    rngs: Sequence[torch.Generator],
    *,
    temperature: float = 1.0,
) -> Generator:
    """Which of what the streams draw is learned from: any, the hardest of ten, or of a hundred the
    ten most diverse and of these the hardest (Riemer et al., 2018, section 4.2).

    Hard is what the student answers worst, by the loss that it is trained by.
    """
    if name == "random":
        return streams
    hard = partial(SoftTargets(temperature).each, Recorded(), bank)
    if name == "active and diverse":
        streams = Diverse(streams, of=CHOSEN_FROM, keep=CHOSEN_FROM, rng=rngs)
    return Hardest(streams, hard, of=CHOSEN_FROM)


def _history(
    lesson: Lesson, measured: Mapping[str, Examples], place: _Part, *, rate: float
) -> History:
    """All columns at one rate. First weights and examples are the same at every rate."""
    bank, course = lesson.bank(place.device), lesson.course
    chosen = Watched(lesson.generator(bank, place.device), len(bank), course.marks)
    history = distill(
        Recorded(),
        bank,
        chosen,
        SoftTargets(course.way.temperature),
        optimizer=torch.optim.Adam(bank.parameters(), lr=rate, fused=True),
        schedule=course.way.schedule(course.batch),
        batch_size=len(bank) * course.batch,
        steps=course.episodes // course.batch,
        probes={"held": _shares_right(*measured["held"]), "test": _all_right(*measured["test"])},
        probe_at=[mark // course.batch for mark in course.marks],
        checkpoint=place.scratch / f"rate-{rate:g}.safetensors",
        every=EVERY,
        progress=place.progress,
    )
    lesson.banks[rate] = bank
    if rate == RATES[0]:
        names = list(lesson.columns)
        lesson.seen = {
            f"chosen_{name}": chosen.pictures[:, names.index(name)] for name in lesson.watched
        }
    return history


class _Part:
    """A part of a cell's way: its progress is reported as a share of the whole."""

    def __init__(self, whole: Place, begin: float, share: float) -> None:
        self.device, self.scratch = whole.device, whole.scratch
        self._whole, self._begin, self._share = whole, begin, share

    def progress(self, done: int, total: int | None) -> None:
        self._whole.report(self._begin + self._share * done / (total or 1))


def _shares_right(x: Tensor, y: Tensor) -> Callable[[nn.Module], Any]:
    """A probe: the share of these images that each student of a bank answers rightly."""

    def probe(bank: Any) -> list[float]:
        return [float(_is_right(student, x, y).double().mean()) for student in _each(bank)]

    return probe


def _all_right(x: Tensor, y: Tensor) -> Callable[[nn.Module], Any]:
    """A probe: which of these images each student of a bank answers rightly, a bit an image."""

    def probe(bank: Any) -> list[str]:
        answers = [_is_right(student, x, y).cpu().numpy() for student in _each(bank)]
        return [np.packbits(answer).tobytes().hex() for answer in answers]

    return probe


def _each(bank: Any) -> Iterator[nn.Module]:
    """The students one by one, their filters laid out as convolutions of many pictures are fast."""
    for index in range(len(bank)):
        yield bank.student(index).eval().to(memory_format=torch.channels_last)


@torch.no_grad()
def _is_right(student: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    parts = zip(x.split(AT_ONCE), y.split(AT_ONCE), strict=True)
    return torch.cat([student(as_unit(some)).argmax(-1) == labels for some, labels in parts])


def _shares(probe: Mapping[str, Any], count: int) -> dict[str, Any]:
    """A probe with shares of the `count` test images in place of bits."""
    shares = [int(np.unpackbits(_bits(text)).sum()) / count for text in probe["test"]]
    return {**probe, "test": shares}


def _bits(text: str) -> np.ndarray:
    return np.frombuffer(bytes.fromhex(text), np.uint8)


def _right(
    names: Sequence[str],
    course: Course,
    metrics: Mapping[str, float],
    probes: Mapping[float, Sequence[Mapping[str, Any]]],
) -> dict[str, Tensor]:
    """The bits of the test images at the rates that `metrics` name as the better ones."""
    marks = course.marks
    compared = [place for place, mark in enumerate(marks) if mark >= COMPARED_FROM]
    right = {}
    for index, name in enumerate(names):
        rates = [metrics[f"rate_{name}_{marks[place]}"] for place in compared]
        texts = [
            probes[rate][place]["test"][index] for rate, place in zip(rates, compared, strict=True)
        ]
        right[name] = [torch.from_numpy(_bits(text).copy()) for text in texts]
    return {name: torch.stack(bits) for name, bits in right.items() if bits}


def _metrics(
    columns: Sequence[str],
    course: Course,
    shares: Mapping[float, Sequence[Mapping[str, Any]]],
) -> Iterator[tuple[str, float]]:
    """For each column and mark: the shares at every rate, that at the better, and which it is."""
    for episodes, *looks in zip(course.marks, *shares.values(), strict=True):
        for index, column in enumerate(columns):
            held = [probe["held"][index] for probe in looks]
            test = [probe["test"][index] for probe in looks]
            for rate, on_held, on_test in zip(shares, held, test, strict=True):
                yield f"held_{rate:g}_{column}_{episodes}", on_held
                yield f"test_{rate:g}_{column}_{episodes}", on_test
            better = max(range(len(held)), key=held.__getitem__)  # of equals the first
            yield f"accuracy_{column}_{episodes}", test[better]
            yield f"rate_{column}_{episodes}", list(shares)[better]
