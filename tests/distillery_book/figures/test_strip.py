"""A strip to drag: pictures as they are within a grey, positions that match, data that end no
script, and a whole first position without scripts.
"""

from __future__ import annotations

import base64
import io
import json
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from distillery_book.figures.strip import GREYS, Meter, Strip


def strip(**changed: Any) -> Strip:
    pictures = torch.arange(3 * 2 * 4 * 4).reshape(3, 2, 4, 4).mul(2).to(torch.uint8)
    made = Strip(
        pictures,
        "fewer bits",
        ["8 bits", "4 bits", "2 bits"],
        ["eight", "four", "two"],
        "code",
        {"image": pictures[0], "other": pictures[1]},
        [Meter("bits", [8, 4, 2], ["8", "4", "2"], 6.0)],
    )
    return replace(made, **changed)


def told(made: Strip) -> dict[str, Any]:
    [data] = re.findall(
        r'<script type="application/json">(.*?)</script>', made._repr_html_(), flags=re.DOTALL
    )
    return dict(json.loads(data))


def seen(source: str) -> np.ndarray:
    written = base64.b64decode(source.removeprefix("data:image/png;base64,"))
    return np.asarray(Image.open(io.BytesIO(written)).convert("L"))


def test_a_position_shows_its_pictures_side_by_side_within_half_a_grey() -> None:
    made = strip()
    for source, pictures in zip(told(made)["pictures"], made.pictures, strict=True):
        side_by_side = torch.cat(list(pictures), 1).numpy()
        difference = np.abs(seen(source).astype(float) - side_by_side)
        assert difference.max() <= 255 / (GREYS - 1) / 2 + 1


def test_without_scripts_all_rows_and_the_first_sentence_stand_there() -> None:
    shown = re.sub(r"<script.*</script>", "", strip(start=1)._repr_html_(), flags=re.DOTALL)
    assert re.findall(r'alt="([^"]+)"', shown) == ["image", "code: 4 bits", "other"]
    assert '<p class="strip-says">four</p>' in shown
    assert 'width="16" height="8"' in shown


def test_no_sentence_can_end_the_script_that_holds_it() -> None:
    says = ["</script><b>"] * 3
    assert told(strip(says=says))["says"] == says


def test_positions_without_a_name_or_a_number_are_refused() -> None:
    with pytest.raises(ValueError, match="pictures for 3 positions"):
        strip(positions=["8 bits"])
    with pytest.raises(ValueError, match="pictures for 3 positions"):
        strip(meters=[Meter("bits", [8, 4], ["8", "4"], 6.0)])


def test_rows_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"the row 'image' is \(2, 2, 2\)"):
        strip(rows={"image": torch.zeros(2, 2, 2, dtype=torch.uint8)})
