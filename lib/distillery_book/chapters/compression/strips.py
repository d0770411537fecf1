"""The strips of chapter 2 that a reader drags: the same test digits in more bits or fewer, with
what a pixel loses and what 50,000 digits take.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from distillery_book.chapters.compression import places
from distillery_book.chapters.compression.grid import CODES
from distillery_book.figures.strip import Meter, Strip
from distillery_book.results.results import Results
from distillery_book.results.verdicts import NOT_RUN

ACROSS = 10  # digits side by side
BINARY = sorted((code for code in CODES if code[1] == 2), reverse=True)


@dataclass(frozen=True, eq=False)
class Position:
    """What stands at one place of the slider: bits of a digit, error of a pixel of test images,
    kilobytes of 50,000 digits with what reads them.
    """

    pictures: Tensor
    bits: float
    loss: float
    kilobytes: float


def codes() -> Strip | str:
    """Published codes of two values, from many variables to few, counted as the papers do: whole
    bits, and the whole network at 32 bits a number.
    """
    positions = [_of_code(*code) for code in BINARY]
    found = [position for position in positions if position is not None]
    names = [f"{position.bits:.0f} bits" for position in found]
    says = [
        f"{name} a digit: a pixel is off by {at.loss:.3f}, and 50,000 digits take"
        f" {at.kilobytes:,.0f} kB with the network."
        for name, at in zip(names, found, strict=True)
    ]
    return _strip(found, names, says, moves="code", near=38)


def predictable() -> Strip | str:
    """Codes that were trained to be predictable, by the bits that are written, with decoder and
    prior as they are stored.
    """
    positions = [_of_predictable(where) for where in places.predictable().values()]
    found = sorted(
        (position for position in positions if position is not None),
        key=lambda position: -position.bits,
    )
    names = [f"{position.bits:.1f} bits" for position in found]
    says = [
        f"{name} a digit on disk: a pixel is off by {at.loss:.3f}, and 50,000 digits take"
        f" {at.kilobytes:,.0f} kB with decoder and prior."
        for name, at in zip(names, found, strict=True)
    ]
    return _strip(found, names, says, moves="predictable", near=16)


def _of_code(variables: int, values: int) -> Position | None:
    where = places.code(variables, values)
    measured = _means(where, "bits", "test", "parameters")
    return _position("drawn", where, measured, once=32 * measured.get("parameters", 0))


def _of_predictable(where: Mapping[str, Any]) -> Position | None:
    measured = _means(where, "bits_on_disk", "test", "parameters_decoder", "bits_prior")
    once = 16 * measured.get("parameters_decoder", 0) + measured.get("bits_prior", 0)
    return _position("argmax", where, measured, once=once)


def _means(where: Mapping[str, Any], *metrics: str) -> dict[str, float]:
    means = {name: Results.open().mean(places.STUDY, name, where) for name in metrics}
    return {name: mean.value for name, mean in means.items() if mean is not None}


def _position(
    name: str, where: Mapping[str, Any], measured: Mapping[str, float], *, once: float
) -> Position | None:
    """None where it was not run; the first of the metrics is bits, the second the error."""
    shown = places.pictures(name, **where)
    if shown is None or not measured:
        return None
    bits, loss = list(measured.values())[:2]
    kilobytes = (places.IMAGES * bits + once) / 8e3
    return Position(shown[:ACROSS, 0], bits, loss, kilobytes)


def _strip(
    found: Sequence[Position],
    names: Sequence[str],
    says: Sequence[str],
    *,
    moves: str,
    near: float,
) -> Strip | str:
    """The digits as JPEG's best quality keeps them, the code, and JPEG at its worst."""
    best, worst = (places.pictures(**places.jpeg(quality)) for quality in (100, 1))
    marks = _means(places.jpeg(1), "bits_test", "test", "shared_bytes")
    if not found or best is None or worst is None:
        return NOT_RUN
    kilobytes = (places.IMAGES * marks["bits_test"] / 8 + marks["shared_bytes"]) / 1e3
    bits = [position.bits for position in found]
    losses = [position.loss for position in found]
    sizes = [position.kilobytes for position in found]
    return Strip(
        torch.stack([position.pictures for position in found]),
        "fewer bits \N{RIGHTWARDS ARROW}",
        names,
        says,
        moves,
        {
            "test digits": best[:ACROSS, 0],
            f"JPEG: {marks['bits_test']:.0f} bits": worst[:ACROSS, 0],
        },
        [
            Meter("bits a digit", bits, [name.split()[0] for name in names], marks["bits_test"]),
            Meter("error of a pixel", losses, [f"{loss:.3f}" for loss in losses], marks["test"]),
            Meter("50,000 digits", sizes, [f"{size:,.0f} kB" for size in sizes], kilobytes),
        ],
        "The marks are JPEG at its worst quality.",
        start=min(range(len(found)), key=lambda k: abs(bits[k] - near)),
    )
