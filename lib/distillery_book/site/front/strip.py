"""The same digits remembered in fewer and fewer bits, from the recorded arrays of chapter 2.

What was not recorded is left out, and where nothing was, so is the strip.
"""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from PIL import Image

from distillery_book.results import registry, store, verdicts
from distillery_book.results.records import Record
from distillery_book.results.results import Results

STUDY = "compression"
DIGITS = 10
WHOLE = 28 * 28 * 8  # bits of a picture as it comes
SCALE = 0.62  # pixels on a side of the square, for the root of a bit

ORIGINAL: dict[str, Any] = {"model": "jpeg", "quality": 100}
PUBLISHED: dict[str, Any] = {"model": "categorical", "l": 2}
PREDICTABLE: dict[str, Any] = {"model": "rate", "l": 2}
LOSSES = {168: 0.0196, 62: 0.0407, 38: 0.0579}  # published: what the papers lose at these sizes


@dataclass(frozen=True)
class Row:
    """Pictures, the bits that each of them takes, and what kind of memory that is."""

    bits: float
    kind: str
    pictures: Any


def html() -> str:
    """A row a memory, from the whole pictures down to the fewest bits; empty without records."""
    found = rows()
    if len(found) < 2:
        return ""
    lines = "".join(map(_row, found))
    return f'<figure class="front-strip">{lines}<figcaption>{caption(found)}</figcaption></figure>'


def rows() -> list[Row]:
    """What is recorded of the same test digits, by falling bits."""
    if STUDY not in registry.names():
        return []
    results = Results.open()
    runs = [run for run in results.index(STUDY).records if verdicts.is_real(run) and run.arrays]
    runs = [run for run in runs if run.data == "mnist"]
    wanted = [_best(runs, PUBLISHED | {"c": c}) for c in (168, 62, 38)]
    wanted += [_smallest(runs, PREDICTABLE | {"c": c}, loss) for c, loss in LOSSES.items()]
    memories = [_memory(run, results) for run in wanted if run is not None]
    original = _best(runs, ORIGINAL)
    whole = [Row(WHOLE, "as it comes", _arrays(original, results)["drawn"])] if original else []
    return whole + sorted(memories, key=lambda row: -row.bits) if whole and memories else []


def caption(found: list[Row]) -> str:
    fewest = found[-1].bits
    return (
        f"{DIGITS} digits of MNIST that no memory had seen, and what is left of them in fewer and"
        f" fewer bits a digit: {WHOLE:,} as they come, {fewest:.0f} in the last row. The square at"
        " the end of each row is what one digit takes, to scale. <i>Papers’ code</i>: stored as it"
        " is. <i>Predictable code</i>: trained so that most of its bits can be guessed, and written"
        " without them. The networks that read the codes are not counted."
    )


def _best(runs: list[Record], where: Mapping[str, Any]) -> Record | None:
    """The run that loses least of the images it was trained on."""
    fitting = [run for run in runs if run.fits(where)]
    return min(fitting, key=lambda run: run.metrics.get("train", math.inf), default=None)


def _smallest(runs: list[Record], where: Mapping[str, Any], loss: float) -> Record | None:
    """The run that takes fewest bits on disk, of those that lose no more test image than this."""
    near = [run for run in runs if run.fits(where) and run.metrics.get("test", math.inf) <= loss]
    return min(near, key=lambda run: run.metrics["bits_test"], default=None)


def _memory(run: Record, results: Results) -> Row:
    pictures = _arrays(run, results)["argmax"]
    if run.params["model"] == "rate":
        return Row(run.metrics["bits_test"], "predictable code", pictures)
    return Row(run.metrics["bits"], "papers’ code", pictures)


def _arrays(run: Record, results: Results) -> Mapping[str, Any]:
    return store.arrays(run, results.folder)


def _row(row: Row) -> str:
    side = SCALE * math.sqrt(row.bits)
    square = (
        f'<span class="front-strip-square" style="width:{side:.1f}px;height:{side:.1f}px"></span>'
    )
    label = f"<span><b>{row.bits:,.0f} bits</b><small>{row.kind}</small></span>"
    said = f"{DIGITS} handwritten digits in {row.bits:,.0f} bits each, {row.kind}"
    picture = f'<img alt="{said}" src="{_png(row.pictures)}">'
    return f'<div class="front-strip-row">{label}{picture}{square}</div>'


def _png(pictures: Any) -> str:
    """The first digits side by side, light on dark, as a data address."""
    side_by_side = pictures[:DIGITS, 0].permute(1, 0, 2).reshape(28, -1)  # bytes
    image = Image.fromarray(side_by_side.numpy())
    written = io.BytesIO()
    image.save(written, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(written.getvalue()).decode()}"
