"""How the thesis' claims about predictive classifiers are tested, and how surfaces are cut: on
surfaces that are known.
"""

from __future__ import annotations

import pytest
import torch

from distillery_book.chapters.predictive_classifier import claims, drawing
from distillery_book.results.results import Results

SIDE = torch.linspace(-10, 10, 61, dtype=torch.float64)


def test_the_slope_at_the_origin_of_a_plane_is_that_of_the_plane() -> None:
    assert claims.slope_at_origin((0.5 + 0.03 * SIDE).expand(61, 61)) == pytest.approx(0.03)


def test_a_surface_of_a_half_is_sure_of_nothing_and_one_of_ones_is_a_half_away() -> None:
    assert claims.confidence_away(torch.full((61, 61), 0.5)) == 0.0
    assert claims.confidence_away(torch.ones(61, 61)) == pytest.approx(0.5)


def test_the_rim_runs_from_right_to_left_over_the_top() -> None:
    x, y = SIDE.expand(61, 61), SIDE[:, None].expand(61, 61)
    angle, along_x = drawing.along_the_rim(x)
    _, along_y = drawing.along_the_rim(y)
    assert (angle.diff() > 0).all()
    assert float(angle[0]) == pytest.approx(0, abs=1e-3)
    assert float(angle[-1]) == pytest.approx(180, abs=1e-3)
    at = torch.atan2(along_y, along_x) * 180 / torch.pi
    assert torch.allclose(at.float(), angle, atol=1e-3)


def test_a_method_is_no_farther_than_itself() -> None:
    same = claims.farther(
        Results.open(), claims.place("ep"), claims.place("ep"), claims.MEASURES[0]
    )
    assert same is not None
    assert (same.value, same.error) == (0.0, 0.0)


def test_every_claim_of_the_chapter_is_told_by_the_recorded_runs() -> None:
    results = Results.open()
    told = {key: list(test(results)) for key, test in claims.TESTS.items()}
    assert [key for key, differences in told.items() if not differences] == []
