"""A picture to drag: bytes that say what the arrays say, positions in order, data that end no
script.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from distillery_book.figures.draggable import Draggable, Panel, colours

mpl.use("agg")


def picture(**changed: Any) -> Draggable:
    arrays = torch.linspace(-2, 2, 6 * 12).reshape(6, 3, 4)
    panel = Panel("one", "its values", "array", colours("cividis", 5), (-1.0, 1.0))
    made = Draggable(
        arrays,
        arrays[0],
        {"across": [-1.0, 0.0, 1.0], "up": [5.0, 6.0]},
        [f"position {number}" for number in range(6)],
        [panel],
        plt.figure(figsize=(1, 1)),
        "a map",
        (-1.0, 1.0, 5.0, 6.0),
        (-2.0, 2.0),
    )
    return replace(made, **changed)


def told(made: Draggable) -> dict[str, Any]:
    [data] = re.findall(
        r'<script type="application/json">(.*?)</script>', made._repr_html_(), flags=re.DOTALL
    )
    return dict(json.loads(data))


def test_the_bytes_of_a_page_are_the_arrays_within_half_a_step() -> None:
    made = picture()
    data = told(made)
    levels = np.frombuffer(base64.b64decode(data["arrays"]), np.uint8)
    numbers = -2 + levels.reshape(6, 3, 4) / 255 * 4
    assert np.abs(numbers - made.arrays.numpy()).max() <= 0.5 * 4 / 255 + 1e-6


def test_numbers_beyond_the_scale_are_its_ends() -> None:
    made = picture(arrays=torch.full((6, 3, 4), 9.0))
    assert set(base64.b64decode(told(made)["arrays"])) == {255}


def test_positions_are_counted_with_the_last_slider_running_fastest() -> None:
    data = told(picture())
    assert data["places"][:3] == [[-1, 5], [-1, 6], [0, 5]]
    assert [slider["label"] for slider in data["sliders"]] == ["across", "up"]


def test_no_sentence_can_end_the_script_that_holds_it() -> None:
    says = ["</script><b>"] * 6
    assert told(picture(says=says))["says"] == says


def test_without_a_script_there_are_a_picture_and_the_first_sentence() -> None:
    shown = re.sub(r"<script.*</script>", "", picture(start=4)._repr_html_(), flags=re.DOTALL)
    assert re.search(r'<img src="data:image/png;base64,[\w+/=]+" alt="a map">', shown)
    assert '<p class="draggable-says">position 4</p>' in shown


def test_positions_without_an_array_are_refused() -> None:
    with pytest.raises(ValueError, match="6 positions together, but there are 5 arrays"):
        picture(arrays=torch.zeros(5, 3, 4))


def test_arrays_that_cannot_be_compared_are_refused() -> None:
    with pytest.raises(ValueError, match=r"the arrays are \(3, 4\) and the reference is \(2, 2\)"):
        picture(reference=torch.zeros(2, 2))
