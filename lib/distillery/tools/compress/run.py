"""A set of pictures as a recollection file: the code that a budget allows, the autoencoder trained,
the file written and measured.

    compressed = compress(
        x, "digits.rec", Budget(bits_per_image=38), y=y, rng=torch.Generator().manual_seed(0)
    )
"""

from __future__ import annotations

import errno
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import torch
from safetensors import SafetensorError
from torch import Tensor

from distillery.data.images import digest
from distillery.models.autoencoder import CategoricalAutoencoder
from distillery.storage import Choice, WholePrior
from distillery.support.place import Bench, Place
from distillery.tools.compress import priors
from distillery.tools.compress import recipes as parts
from distillery.tools.compress.budget import Budget
from distillery.tools.compress.doors import check_input, check_passes
from distillery.tools.compress.expected import seconds_a_step
from distillery.tools.compress.folder import Folder
from distillery.tools.compress.report import CODES, Compressed
from distillery.tools.compress.writing import Learned, finished, measured

LEAST_STEPS = 4000  # of a small set
PRIOR_SHARE, MOST_HIDDEN, PRIOR_STEPS = 0.05, 64, 1000  # of a small set
_PRIOR_HEADER = 320  # bytes of the header that four more tensors take
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
Progress = Callable[[str, int, int], None]


def compress(
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
) -> Compressed:
    """Pictures, uint8 (N, C, H, W), in a recollection file at `path`; everything is as in
    `planned`, which says what will be done.

    Killed, the same call continues from checkpoints in a folder beside the file, which is removed
    at the end.
    """
    work = planned(
        x,
        path,
        budget,
        y=y,
        name=name,
        passes=passes,
        codes=codes,
        prior=prior,
        rng=rng,
        dtype=dtype,
        progress=progress,
    )
    return work.finished()


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
    check_input(x, y, codes)
    x, y = x.cpu(), None if y is None else y.cpu()
    classes = 0 if y is None else max(2, int(y.max()) + 1)
    choice = budget.choice(len(x), (x.shape[1], x.shape[2], x.shape[3]), classes)
    if passes is None:
        passes = default_passes(len(x), parts.recipe_for(choice.variables, choice.values))
    check_passes(passes)
    return Run(
        x=x,
        y=y,
        path=Path(path),
        choice=choice,
        classes=classes,
        name=name,
        passes=passes,
        codes=codes,
        prior=prior,
        rng=rng,
        dtype=dtype,
        progress=progress,
    )


def default_passes(count: int, recipe: parts.Recipe) -> int:
    """20 over a large set, 60 by the recipe for long codes; over a small one as many as make 4,000
    steps.
    """
    return max(
        parts.LONG_PASSES if recipe == parts.LONG else parts.PASSES,
        math.ceil(LEAST_STEPS * recipe.batch / count),
    )


@dataclass(frozen=True, eq=False, kw_only=True)
class Run:
    """One compression, planned: what goes in, the code that was chosen, and where its checkpoints
    lie.
    """

    x: Tensor
    y: Tensor | None
    path: Path
    choice: Choice
    classes: int
    name: str
    passes: int
    codes: str
    prior: bool
    rng: torch.Generator
    dtype: torch.dtype | None
    progress: Progress | None

    @cached_property
    def fingerprint(self) -> str:
        """Of the pictures and their labels."""
        labels = {} if self.y is None else {"y": self.y.numpy()}
        return digest({"x": self.x.numpy(), **labels})

    @cached_property
    def folder(self) -> Folder:
        facts = {
            "fingerprint": self.fingerprint,
            "code": [self.choice.variables, self.choice.values],
            "passes": self.passes,
            "codes": self.codes,
            "seed": self.rng.initial_seed(),
            "device": self.rng.device.type,
            "dtype": str(self.dtype),
        }
        return Folder(self.path, facts)

    @property
    def steps(self) -> int:
        return max(1, self.passes * len(self.x) // self.recipe.batch)

    @property
    def recipe(self) -> parts.Recipe:
        """That of the code's length, with the epsilon that spares filters whatever the pictures
        are.
        """
        return replace(
            parts.recipe_for(self.choice.variables, self.choice.values), epsilon=parts.SPARING
        )

    def __str__(self) -> str:
        variables, values = self.choice.variables, self.choice.values
        most, raw = int(self.choice.total_bits // 8), self.x.numel()
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

    def expected_seconds(self) -> float:
        """How long the training will take, from a few steps of one like it, whose random stream is
        its own; an attempt that was killed is not looked at.
        """
        rng = torch.Generator(self.rng.device).manual_seed(0)
        few = self.x[: 10 * self.recipe.batch].to(self.rng.device)
        each = seconds_a_step(self._autoencoder(rng), few, self.recipe, dtype=self.dtype)
        return each * self.steps

    def finished(self) -> Compressed:
        """The file, written; what an earlier attempt has done is not done again."""
        begun = time.perf_counter()
        with self._room(), self.folder.claimed():
            student = self.trained()
            codes = self.encoded(student)
            prior, notes = self.prior_for(codes)
            learned = Learned(student.cpu(), codes.cpu(), self.y, prior, notes)
            return self._written(learned, begun)

    def trained(self) -> CategoricalAutoencoder:
        """The autoencoder, by the recipe."""
        student = self._autoencoder(self.rng)
        parts.trained(
            student,
            self.x.to(self.rng.device),
            self.passes,
            self._place(),
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
        prior = self._learned_prior(codes)
        string = len(prior.encode(codes.cpu().numpy()))
        packed = math.ceil(self.choice.code_bits * len(codes) / 8)
        said = (
            f"codes {string:,} bytes and the prior {prior.bits // 8:,}, where packed codes take"
            f" {packed:,}"
        )
        if string + prior.bits // 8 + _PRIOR_HEADER < packed:
            return prior, (f"Prior: {said}",)
        return None, (f"Prior: not used, since it would not pay: {said}",)

    def _written(self, learned: Learned, begun: float) -> Compressed:
        draft = self.folder.place / "draft.rec"
        learned.saved(draft)
        self._tell("decoding and measuring", 0, 1)
        facts = measured(self._facts(learned.notes), draft, self.x)
        facts = finished(facts, learned, draft, source=self.name, begun=begun)
        self.folder.remove()
        return facts

    def _facts(self, notes: tuple[str, ...]) -> Compressed:
        """What is known before the file is."""
        made = f"{CODES[self.codes].capitalize()}; {self.passes:,} passes, seed"
        return Compressed(
            self.path,
            len(self.x),
            (self.x.shape[1], self.x.shape[2], self.x.shape[3]),
            self.classes,
            self.choice,
            {},
            math.nan,
            self.fingerprint,
            f"{made} {self.rng.initial_seed()}",
            notes,
        )

    def _autoencoder(self, rng: torch.Generator) -> CategoricalAutoencoder:
        channels, size = self.x.shape[1:3]
        student = CategoricalAutoencoder(
            self.choice.variables, self.choice.values, rng=rng, channels=channels, size=size
        )
        return student.to(rng.device)

    def _learned_prior(self, codes: Tensor) -> WholePrior:
        """As wide as a twentieth of the codes' bytes pays for."""
        variables, values = self.choice.variables, self.choice.values
        room = PRIOR_SHARE * self.choice.code_bits * len(codes) / 8
        hidden = min(MOST_HIDDEN, max(2, int(room / (2 * variables * values))))
        passes = max(parts.PASSES, math.ceil(PRIOR_STEPS * priors.BATCH / len(codes)))
        steps = max(1, passes * len(codes) // priors.BATCH)
        self._tell(f"learning a prior over the codes, {steps:,} steps", 0, 0)
        return priors.learned(
            codes,
            values,
            hidden,
            passes=passes,
            seed=self.rng.initial_seed(),
            context=self._place(),
        )

    @contextmanager
    def _room(self) -> Iterator[None]:
        """A disk that is full is said in a sentence; nothing is at the file's place then."""
        try:
            yield
        except (SafetensorError, OSError) as problem:
            if isinstance(problem, OSError) and problem.errno not in _FULL:
                raise
            raise OSError(
                f"there is no room for {self.path} and its checkpoints ({problem}): nothing was"
                " written there; make room, and the same call continues"
            ) from problem

    def _place(self) -> Place:
        """Where the recipes train."""
        steps = self.steps
        return Bench(
            self.rng.device,
            self.dtype,
            self.folder.place,
            on_report=lambda share: self._tell("training", round(share * steps), steps),
        )

    def _tell(self, stage: str, done: int, total: int) -> None:
        if self.progress is not None:
            self.progress(stage, done, total)
