from __future__ import annotations

import math

import pytest
import torch

from distillery.models.pictures import check_pictures


def test_bytes_become_floats_in_the_unit_interval_and_floats_stay() -> None:
    x = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16)
    assert check_pictures(x, (1, 16, 16), model="m").flatten().equal(torch.arange(256) / 255)
    grey = torch.rand(2, 1, 16, 16)
    assert check_pictures(grey, (1, 16, 16), model="m") is grey
    assert check_pictures(grey[:0], (1, 16, 16), model="m").shape == (0, 1, 16, 16)


@pytest.mark.parametrize(
    "x", [torch.zeros(2, 1, 5, 4), torch.zeros(2, 3, 4, 4), torch.zeros(1, 4, 4), [0.0]]
)
def test_another_shape_is_refused_with_the_one_that_is_taken(x: object) -> None:
    with pytest.raises(
        ValueError,
        match=r"x (has shape \(.*\)|is a list): this codec takes a tensor \(B, 1, 4, 4\)",
    ):
        check_pictures(x, (1, 4, 4), model="codec")


@pytest.mark.parametrize(
    ("value", "said"),
    [(-0.01, "from -0.01 to 0"), (255.0, "from 0 to 255"), (math.nan, "nan"), (math.inf, "inf")],
)
def test_pixels_outside_the_unit_interval_are_refused(value: float, said: str) -> None:
    x = torch.zeros(2, 1, 4, 4)
    x[1, 0, 2, 2] = value
    with pytest.raises(ValueError, match=f"x holds pixels .*{said}.*floats from 0 to 1 are needed"):
        check_pictures(x, (1, 4, 4), model="codec")


def test_wide_integers_are_refused() -> None:
    with pytest.raises(ValueError, match=r"x has dtype torch.int64: pixels are uint8"):
        check_pictures(torch.zeros(2, 1, 4, 4).long(), (1, 4, 4), model="codec")
