"""A picture that a reader can drag: recorded arrays for the sliders of `book/_static/draggable.js`,
and a still picture for readers without scripts.
"""

from __future__ import annotations

import base64
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor

from distillery_book.figures.page import markup

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Shows = Literal["reference", "array", "difference"]


@dataclass(frozen=True)
class Panel:
    """One map: what it shows, in which colours between which limits; `points` says whether the
    cloud is drawn on it.
    """

    title: str
    label: str
    shows: Shows
    colours: Sequence[str]
    limits: tuple[float, float]
    points: bool = False


@dataclass(frozen=True, eq=False)
class Draggable:
    """Maps of the plane, (P, H, W) in `arrays` and one (H, W) in `reference` that each is compared
    with, for P positions of the sliders, of which the last runs fastest.

    A slider's values are where along an axis of the plane its position stands; there are two.
    `says` has a sentence for each position. `points` (N, 2) is a cloud around the position,
    `circles` are (x, y, radius). Numbers are kept in a byte, between the two of `scale`.
    """

    arrays: Tensor
    reference: Tensor
    sliders: Mapping[str, Sequence[float]]
    says: Sequence[str]
    panels: Sequence[Panel]
    still: Figure
    alt: str
    extent: tuple[float, float, float, float]
    scale: tuple[float, float]
    start: int = 0
    points: Tensor | None = None
    circles: Sequence[tuple[float, float, float]] = ()

    def __post_init__(self) -> None:
        places = len(self.places)
        if not len(self.arrays) == len(self.says) == places:
            raise ValueError(
                f"the sliders have {places} positions together, but there are {len(self.arrays)}"
                f" arrays and {len(self.says)} sentences"
            )
        if self.arrays.shape[1:] != self.reference.shape:
            raise ValueError(
                f"the arrays are {tuple(self.arrays.shape[1:])} and the reference is"
                f" {tuple(self.reference.shape)}: they are compared point by point"
            )

    @property
    def places(self) -> list[tuple[float, ...]]:
        """Where in the plane each position stands."""
        return list(itertools.product(*self.sliders.values()))

    @property
    def data(self) -> dict[str, Any]:
        """What the script reads."""
        cloud = [] if self.points is None else self.points.round(decimals=2).tolist()
        return {
            "sliders": [{"label": name, "values": at} for name, at in self.sliders.items()],
            "places": self.places,
            "start": self.start,
            "shape": list(self.reference.shape),
            "scale": self.scale,
            "arrays": self._packed(self.arrays),
            "reference": self._packed(self.reference),
            "extent": self.extent,
            "panels": [asdict(panel) for panel in self.panels],
            "points": [[round(x, 2), round(y, 2)] for x, y in cloud],
            "circles": self.circles,
            "says": self.says,
        }

    def __repr__(self) -> str:
        return f"Draggable({len(self.arrays)} positions)"

    def _repr_html_(self) -> str:
        return markup(self.data, self.still, alt=self.alt, sentence=self.says[self.start])

    def _packed(self, numbers: Tensor) -> str:
        low, high = self.scale
        shares = ((numbers.double().nan_to_num() - low) / (high - low)).clamp(0, 1)
        levels = (255 * shares).round().to(torch.uint8).contiguous()
        return base64.b64encode(levels.cpu().numpy().tobytes()).decode()


def colours(name: str, count: int) -> list[str]:
    """So many colours of one of matplotlib's colour maps, as a page names them."""
    from matplotlib import colormaps, colors

    return [colors.to_hex(colour) for colour in colormaps[name].resampled(count)(range(count))]
