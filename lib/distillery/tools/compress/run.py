"""A set of pictures as a recollection file: the code that a budget allows, the autoencoder trained,
the file written and measured.

found = compress(x, "digits.rec", Budget(bits_per_image=38), y=y,
rng=torch.Generator().manual_seed(0))

The recipes of autoencoder and prior are those of the study `compression`, which tries them against
the published curves. They need teachers and generators, which storage may not know, and so have
their home in the study.
"""

from __future__ import annotations

import json
import math
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from distillery.data.images import digest
from distillery.models.autoencoder import CategoricalAutoencoder
from distillery.storage import Choice, Recollections, WholePrior
from distillery.storage.packing import MOST_VALUES
from distillery.storage.recollections import save, sizes
from distillery.support.atomic import write_atomically
from distillery.support.locks import claimed
from distillery.support.nearest import chosen
from distillery.support.place import Bench, Place
from distillery.tools.compress import priors
from distillery.tools.compress import recipes as parts
from distillery.tools.compress.budget import Budget
from distillery.tools.compress.report import CODES, Compressed

LEAST_STEPS = 4000  # of a small set
PRIOR_SHARE, MOST_HIDDEN, PRIOR_STEPS = 0.05, 64, 1000  # of a small set
_AT_ONCE, _PRIOR_HEADER = 1000, 320  # bytes of the header that four more tensors take
_NOTE, _LOCK = "run.json", "run.lock"
_ALIKE = (
    "Warning: every picture is remembered as the same one: the code says nothing, try more bits,"
    " more passes or another seed"
)
Progress = Callable[[str, int, int], None]


def compress(x: Tensor, path: str | Path, budget: Budget, **how: Any) -> Compressed:
    """Pictures, uint8 (N, C, H, W), in a recollection file at `path`; `how` is as in `planned`,
    which says what will be done.

    Killed, the same call continues from checkpoints in a folder beside the file, which is removed
    at the end.
    """
    return planned(x, path, budget, **how).finished()


def planned(
    x: Tensor,
    path: str | Path,
    budget: Budget,
    *,
    y: Tensor | None = None,
    name: str = "",
    passes: int | None = None,
    codes: str = "argmax",
    prior: bool = False,
    rng: torch.Generator,
    dtype: torch.dtype | None = None,
    progress: Progress | None = None,
) -> Run:
    """The run that `compress` makes, all doors passed, nothing computed: printed, it says what will
    be done.

    `y` (N,) are labels, and `name` is what the card calls the source. Training is on the device of
    `rng`. With `prior` the codes are coded by a learned prior, if that makes the file smaller.
    """
    _check(x, y, codes)
    x, y = x.cpu(), None if y is None else y.cpu()
    classes = 0 if y is None else max(2, int(y.max()) + 1)
    choice = budget.choice(len(x), (x.shape[1], x.shape[2], x.shape[3]), classes)
    passes = (
        default_passes(len(x), parts.recipe_for(choice.variables, choice.values))
        if passes is None
        else passes
    )
    if isinstance(passes, bool) or not isinstance(passes, int) or passes < 1:
        raise ValueError(f"passes is {passes!r}: a whole number of at least 1 is needed")
    fingerprint = digest({"x": x.numpy()} | ({} if y is None else {"y": y.numpy()}))
    how: dict[str, Any] = {
        "name": name,
        "passes": passes,
        "codes": codes,
        "prior": prior,
        "rng": rng,
        "dtype": dtype,
        "progress": progress,
    }
    return Run(x, y, Path(path), choice, classes, fingerprint, **how)


def default_passes(count: int, recipe: parts.Recipe) -> int:
    """20 over a large set, 60 by the recipe for long codes; over a small one as many as make 4,000
    steps.
    """
    return max(
        parts.LONG_PASSES if recipe == parts.LONG else parts.PASSES,
        math.ceil(LEAST_STEPS * recipe.batch / count),
    )


@dataclass(frozen=True, eq=False)
class Run:
    """One compression, planned: what goes in, the code that was chosen, and where its checkpoints
    lie.
    """

    x: Tensor
    y: Tensor | None
    path: Path
    choice: Choice
    classes: int
    fingerprint: str
    name: str
    passes: int
    codes: str
    prior: bool
    rng: torch.Generator
    dtype: torch.dtype | None
    progress: Progress | None

    @property
    def folder(self) -> Path:
        return self.path.with_name(self.path.name + ".checkpoint")

    @property
    def steps(self) -> int:
        return max(1, self.passes * len(self.x) // self.recipe.batch)

    @property
    def recipe(self) -> parts.Recipe:
        """That of the study `compression`, with the epsilon that spares filters whatever the
        pictures are.
        """
        return replace(
            parts.recipe_for(self.choice.variables, self.choice.values), epsilon=parts.SPARING
        )

    def __str__(self) -> str:
        variables, values, most = (
            self.choice.variables,
            self.choice.values,
            int(self.choice.total_bits // 8),
        )
        raw = self.x.numel()
        size = (
            f"{raw / most:.1f} times smaller"
            if raw > most
            else f"where the pictures as bytes take {raw:,}"
        )
        return (
            f"Code: {variables} variables of {values} values, {self.choice.code_bits:.2f} bits an"
            f" image\nFile: at most {most:,} bytes, {size}; decoder of {variables * values // 4}"
            f" filters: {2 * self.choice.parameters:,}\nTraining: {self.passes:,} passes over"
            f" {len(self.x):,} pictures, {self.steps:,} steps"
        )

    def finished(self) -> Compressed:
        """The file, written; what an earlier attempt has done is not done again."""
        begun = time.perf_counter()
        with self.claimed():
            student = self.trained()
            found = self.encoded(student)
            learned, notes = self.prior_for(found)
            return self.written(student.cpu(), found.cpu(), learned, notes, begun)

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """The folder for checkpoints, which must be this run's own, and no other process's as long
        as this one has it.
        """
        if (
            self.folder.is_dir()
            and not (self.folder / _NOTE).is_file()
            and any(not _is_note(path) for path in self.folder.iterdir())
        ):
            raise ValueError(
                f"{self.folder} has files in it but no {_NOTE}: remove the folder, or name another"
                " file"
            )
        advice = "wait for it, stop it, or name another file"
        with claimed(self.folder / _LOCK, f"{self.path} is being written", advice=advice):
            self._sign()
            yield

    def _sign(self) -> None:
        """What this run is, for those that continue it; a folder that says something else is
        another's.
        """
        mine = {
            "fingerprint": self.fingerprint,
            "code": [self.choice.variables, self.choice.values],
            "passes": self.passes,
        }
        mine |= {
            "codes": self.codes,
            "seed": self.rng.initial_seed(),
            "device": self.rng.device.type,
            "dtype": str(self.dtype),
        }
        note = self.folder / _NOTE
        if note.is_file():
            before = json.loads(note.read_text())
            if other := [
                f"{key} {before.get(key)} there, {value} here"
                for key, value in mine.items()
                if before.get(key) != value
            ]:
                raise ValueError(
                    f"{self.folder} is of another run ({'; '.join(other)}): repeat that one, remove"
                    " the folder, or name another file"
                )
        write_atomically(note, json.dumps(mine).encode())

    def trained(self) -> CategoricalAutoencoder:
        """The autoencoder, by the study's recipe."""
        channels, size = self.x.shape[1:3]
        student = CategoricalAutoencoder(
            self.choice.variables, self.choice.values, rng=self.rng, channels=channels, size=size
        )
        student = student.to(self.rng.device)
        parts.trained(
            student,
            self.x.to(self.rng.device),
            self.passes,
            self._context(),
            rng=self.rng,
            recipe=self.recipe,
        )
        return student

    def encoded(self, student: CategoricalAutoencoder) -> Tensor:
        """The codes (N, c)."""
        return parts.encoded(
            student, self.x.to(self.rng.device), self.rng if self.codes == "drawn" else None
        )

    def prior_for(self, codes: Tensor) -> tuple[WholePrior | None, tuple[str, ...]]:
        """A learned prior over the codes, if it was asked for and what it saves is more than it
        takes.
        """
        if not self.prior:
            return None, ()
        learned = self._learned(codes)
        string, packed = (
            len(learned.encode(codes.cpu().numpy())),
            math.ceil(self.choice.code_bits * len(codes) / 8),
        )
        said = (
            f"codes {string:,} bytes and the prior {learned.bits // 8:,}, where packed codes take"
            f" {packed:,}"
        )
        if string + learned.bits // 8 + _PRIOR_HEADER < packed:
            return learned, (f"Prior: {said}",)
        return None, (f"Prior: not used, since it would not pay: {said}",)

    def written(
        self,
        student: CategoricalAutoencoder,
        codes: Tensor,
        prior: WholePrior | None,
        notes: tuple[str, ...],
        begun: float,
    ) -> Compressed:
        """The file: made beside its place, read again, measured, given its card, and moved there
        whole.
        """
        draft = self.folder / "draft.rec"
        save(draft, student, codes, labels=self.y, prior=prior)
        self.tell("decoding and measuring", 0, 1)
        shape = (self.x.shape[1], self.x.shape[2], self.x.shape[3])
        made = (
            f"{CODES[self.codes].capitalize()}; {self.passes:,} passes, seed"
            f" {self.rng.initial_seed()}"
        )
        facts, read = (
            (self.path, len(self.x), shape, self.classes, self.choice, sizes(draft)),
            Recollections.load(draft),
        )
        if len(self.x) > 1 and bool(read.pictures.eq(read.pictures[:1]).all()):
            notes = (*notes, _ALIKE)
        found = Compressed(*facts, _distortion(read, self.x), self.fingerprint, made, notes)
        for _ in range(3):  # a card that says how long the file is makes it longer
            save(draft, student, codes, labels=self.y, prior=prior, card=found.card(self.name))
            before, found = (
                found,
                replace(found, bytes=sizes(draft), seconds=time.perf_counter() - begun),
            )
            if before == found:
                break
        if not Recollections.load(draft).codes.equal(codes):
            raise AssertionError("codes do not come back from the file")
        draft.replace(self.path)
        done = self.folder.with_name(
            self.folder.name + ".done"
        )  # a folder half removed under its own name would stand in the way
        shutil.rmtree(done, ignore_errors=True)
        shutil.rmtree(self.folder.rename(done), ignore_errors=True)
        return found

    def tell(self, stage: str, done: int, total: int) -> None:
        if self.progress is not None:
            self.progress(stage, done, total)

    def _learned(self, codes: Tensor) -> WholePrior:
        """As wide as a twentieth of the codes' bytes pays for."""
        variables, values = self.choice.variables, self.choice.values
        room = PRIOR_SHARE * self.choice.code_bits * len(codes) / 8
        hidden = min(MOST_HIDDEN, max(2, int(room / (2 * variables * values))))
        passes = max(parts.PASSES, math.ceil(PRIOR_STEPS * priors.BATCH / len(codes)))
        self.tell(
            f"learning a prior over the codes, {max(1, passes * len(codes) // priors.BATCH):,}"
            " steps",
            0,
            0,
        )
        return priors.learned(
            codes,
            values,
            hidden,
            passes=passes,
            seed=self.rng.initial_seed(),
            context=self._context(),
        )

    def _context(self) -> Place:
        """The run as a study's recipes see it."""
        steps = self.steps
        return Bench(
            self.rng.device,
            self.dtype,
            self.folder,
            on_report=lambda share: self.tell("training", round(share * steps), steps),
        )


def _check(x: Any, y: Any, codes: str) -> None:
    chosen("codes", codes, tuple(CODES))
    if not isinstance(x, Tensor) or x.dim() != 4 or x.dtype != torch.uint8:
        got = (
            f"is {x.dtype} of shape {tuple(x.shape)}"
            if isinstance(x, Tensor)
            else f"is a {type(x).__name__}"
        )
        raise ValueError(
            f"x {got}: a tensor of bytes (N, C, H, W) is needed;"
            " distillery.tools.compress.picture_files.read_pictures makes it of others"
        )
    if len(x) == 0:
        raise ValueError("x is empty: at least one picture is needed")
    if x.shape[1] not in (1, 3) or tuple(x.shape[2:]) not in ((28, 28), (32, 32)):
        raise ValueError(
            f"x has shape {tuple(x.shape)}: 28x28 or 32x32 pixels in 1 or 3 channels are supported"
        )
    if y is not None and (
        not isinstance(y, Tensor) or y.shape != (len(x),) or y.dtype != torch.int64
    ):
        raise ValueError(f"y does not fit: {len(x)} labels, int64, one a picture, are needed")
    if y is not None and not 0 <= int(y.min()) <= int(y.max()) < MOST_VALUES:
        raise ValueError(
            f"y reaches from {int(y.min())} to {int(y.max())}: labels from 0 to {MOST_VALUES - 1}"
            " are supported"
        )


def _is_note(path: Path) -> bool:
    """Whole, half written, or the lock: what a run leaves that was killed before anything else."""
    return path.name.startswith((_NOTE, _LOCK))


def _distortion(recollections: Recollections, x: Tensor) -> float:
    parts = zip(recollections.pictures.split(_AT_ONCE), x.split(_AT_ONCE), strict=True)
    return sum(
        int((here.short() - there.short()).abs().sum(dtype=torch.int64)) for here, there in parts
    ) / (255 * x.numel())
