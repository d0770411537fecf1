"""A recollection file made of what was learned: written beside its place, read again, measured,
given a card that says what was measured, and moved there whole.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from distillery.models.autoencoder import CategoricalAutoencoder
from distillery.storage import Recollections, WholePrior
from distillery.storage.recollections import save, sizes
from distillery.tools.compress.report import Compressed

_AT_ONCE = 1000  # pictures compared together
_DRAFTS = 3  # a card that says how long the file is makes it longer
ALIKE = (
    "Warning: every picture is remembered as the same one: the code says nothing, try more bits,"
    " more passes or another seed"
)


@dataclass(frozen=True, eq=False)
class Learned:
    """What goes into the file besides its card, and what there is to say of how it was learned."""

    student: CategoricalAutoencoder
    codes: Tensor
    labels: Tensor | None
    prior: WholePrior | None
    notes: tuple[str, ...]

    def saved(self, path: Path, card: str = "") -> None:
        save(path, self.student, self.codes, labels=self.labels, prior=self.prior, card=card)


def measured(facts: Compressed, draft: Path, x: Tensor) -> Compressed:
    """The `facts`, with what the file at `draft` takes, and what it lost of the pictures."""
    read = Recollections.load(draft)
    notes = facts.notes
    if _alike(read.pictures) and not _alike(x):
        notes = (*notes, ALIKE)
    return replace(facts, bytes=sizes(draft), distortion=_distortion(read, x), notes=notes)


def finished(
    facts: Compressed, learned: Learned, draft: Path, *, source: str, begun: float
) -> Compressed:
    """The file at its place, with a card that agrees with it, from the draft that was measured."""
    for _ in range(_DRAFTS):
        learned.saved(draft, facts.card(source))
        before = facts
        facts = replace(facts, bytes=sizes(draft), seconds=time.perf_counter() - begun)
        if before == facts:
            break
    if not Recollections.load(draft).codes.equal(learned.codes):
        raise AssertionError("codes do not come back from the file")
    draft.replace(facts.path)
    return facts


def _alike(pictures: Tensor) -> bool:
    """Whether there are several, all the same."""
    return len(pictures) > 1 and bool(pictures.eq(pictures[:1]).all())


def _distortion(recollections: Recollections, x: Tensor) -> float:
    parts = zip(recollections.pictures.split(_AT_ONCE), x.split(_AT_ONCE), strict=True)
    return sum(
        int((here.short() - there.short()).abs().sum(dtype=torch.int64)) for here, there in parts
    ) / (255 * x.numel())
