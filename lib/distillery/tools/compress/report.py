"""What a compression came to: as an object, as a page of text, and as the card that the file itself
carries.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from distillery import __version__
from distillery.storage import Choice

CODES = {"argmax": "the likeliest codes", "drawn": "codes drawn from their probabilities"}
_LONGEST_NAME = 40  # of a source, in the card


@dataclass(frozen=True)
class Compressed:
    """What was written and what it lost: `bytes` by part, bits an image, and the mean absolute
    error of the file's own pictures.
    """

    path: Path
    count: int
    shape: tuple[int, int, int]
    classes: int
    choice: Choice
    bytes: Mapping[str, int]
    distortion: float
    fingerprint: str
    made: str
    notes: tuple[str, ...] = ()
    seconds: float = field(default=0.0, compare=False)

    @property
    def file_bytes(self) -> int:
        return sum(self.bytes.values())

    @property
    def times_smaller(self) -> float:
        """Than the pictures as bytes, labels not counted there."""
        return self.count * math.prod(self.shape) / self.file_bytes

    @property
    def claimed_bits(self) -> float:
        """An image: c · log2 l."""
        return self.choice.capacity_bits

    @property
    def written_bits(self) -> float:
        """An image, in the file."""
        return 8 * self.bytes["codes"] / self.count

    def __str__(self) -> str:
        lines = [
            f"{self.path}: {self.file_bytes:,} bytes, {_beside(self.times_smaller)} than"
            f" {self.count:,} pictures as bytes"
        ]
        lines += [
            f"  {name:<8}{size:>12,}"
            for name, size in sorted(self.bytes.items(), key=lambda part: -part[1])
        ]
        lines += [
            f"Bits an image: {self.claimed_bits:.2f} claimed, {self.written_bits:.2f} written",
            *self.notes,
        ]
        lines += [
            f"Distortion: {self.distortion:.4f} mean absolute error of the file's own pictures,"
            " pixels from 0 to 1"
        ]
        lines += [f"Source: fingerprint {self.fingerprint}", f"Time: {self.seconds:,.1f} s"]
        return "\n".join(lines)

    def card(self, source: str) -> str:
        """In plain text; `source` is a name."""
        labels = f"labels of {self.classes} classes" if self.classes else "no labels"
        named = f", from {source[:_LONGEST_NAME]}" if source else ""
        variables, values = self.choice.variables, self.choice.values
        return (
            f"{self.count:,} pictures, {' x '.join(map(str, self.shape))},"
            f" {labels}{named}.\nFingerprint {self.fingerprint}. {self.file_bytes:,} bytes,"
            f" {_beside(self.times_smaller)} than the pictures as bytes.\n{variables} variables of"
            f" {values} values: {self.claimed_bits:.2f} bits an image claimed,"
            f" {self.written_bits:.2f} written.\nMean absolute error of the pictures in this file:"
            f" {self.distortion:.4f}, pixels from 0 to 1.\n{self.made}; distillery {__version__}."
        )


def _beside(times: float) -> str:
    """What is 0.2 times smaller is not smaller."""
    return f"{times:.1f} times smaller" if times > 1 else "larger"
