"""A strip of pictures that a slider changes, rows of others that stay, and numbers that move with
the slider: recorded arrays for `book/_static/strip.js`.

The page holds data alone. Without scripts, and in JupyterLab, which lets none through in notebooks
that are not trusted, the pictures and the sentence of the first position stand there.
"""

from __future__ import annotations

import base64
import html
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from torch import Tensor

GREYS = 16  # of a picture: half a byte a pixel
ENLARGED = 2  # where no style sheet says how large a picture is


@dataclass(frozen=True)
class Meter:
    """A bar whose length moves with the slider: a number for each position and its text, and one of
    something else that it is compared with, drawn as a mark.
    """

    title: str
    values: Sequence[float]
    texts: Sequence[str]
    mark: float


@dataclass(frozen=True, eq=False)
class Strip:
    """Pictures (P, N, H, W) in bytes, N side by side for each of P positions of one slider; `rows`
    are more of them (N, H, W), which stay.

    `positions` are what the slider's places are called, `says` their sentences, `moves` is the name
    of the row that changes.
    """

    pictures: Tensor
    slider: str
    positions: Sequence[str]
    says: Sequence[str]
    moves: str
    rows: Mapping[str, Tensor] = field(default_factory=dict)
    meters: Sequence[Meter] = ()
    marked: str = ""  # what the marks of the meters stand for
    start: int = 0

    def __post_init__(self) -> None:
        places = len(self.pictures)
        lengths = [len(self.positions), len(self.says)]
        lengths += [len(column) for meter in self.meters for column in (meter.values, meter.texts)]
        if any(length != places for length in lengths):
            raise ValueError(
                f"there are pictures for {places} positions, and {lengths} names, sentences and"
                " numbers of meters: each position needs one of each"
            )
        for name, row in self.rows.items():
            if row.shape != self.pictures.shape[1:]:
                raise ValueError(
                    f"the row {name!r} is {tuple(row.shape)} and those of a position are"
                    f" {tuple(self.pictures.shape[1:])}: they stand one above the other"
                )

    @property
    def data(self) -> dict[str, Any]:
        """What the script reads."""
        return {
            "slider": self.slider,
            "positions": self.positions,
            "start": self.start,
            "pictures": [_source(row) for row in self.pictures],
            "says": self.says,
            "meters": [asdict(meter) for meter in self.meters],
            "marked": self.marked,
        }

    def __repr__(self) -> str:
        return f"Strip({len(self.pictures)} positions)"

    def _repr_html_(self) -> str:
        # a script ends at the first "</", wherever it stands
        data = json.dumps(self.data, ensure_ascii=False).replace("</", "<\\/")
        first = self.pictures[self.start]
        moving = _row(f"{self.moves}: {self.positions[self.start]}", first, "strip-moves")
        rows = [_row(name, row) for name, row in self.rows.items()]
        return (
            '<div class="strip">\n'
            + "\n".join([*rows[:1], moving, *rows[1:]])
            + f'\n<p class="strip-says">{html.escape(self.says[self.start])}</p>\n'
            f'<script type="application/json">{data}</script>\n'
            "</div>"
        )


def _row(name: str, pictures: Tensor, kind: str = "") -> str:
    many, height, width = pictures.shape
    size = f'width="{ENLARGED * many * width}" height="{ENLARGED * height}"'
    name = html.escape(name)
    return (
        f'<div class="strip-row {kind}"><span class="strip-name">{name}</span>'
        f'<img src="{_source(pictures)}" alt="{name}" {size}></div>'
    )


def _source(pictures: Tensor) -> str:
    """Pictures side by side as a png in a page's own words."""
    from PIL import Image

    side_by_side = np.concatenate(list(pictures.cpu().numpy()), axis=1)
    levels = (side_by_side.astype(float) * (GREYS - 1) / 255).round().astype(np.uint8)
    written = io.BytesIO()
    picture = Image.fromarray(levels)
    picture.putpalette([round(255 * k / (GREYS - 1)) for k in range(GREYS) for _ in range(3)])
    picture.save(written, "PNG", bits=4, optimize=True)
    return f"data:image/png;base64,{base64.b64encode(written.getvalue()).decode()}"
