"""How the thesis' claims about predictive densities are tested: on densities that are known."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd
import pytest
import torch
from torch import Tensor

from distillery_book.chapters.predictive_density import claims
from distillery_book.chapters.predictive_density.pictures import EDGES, X
from distillery_book.results.results import Results


def gaussian(mean: float, deviation: float) -> Tensor:
    return torch.exp(-0.5 * ((X - mean) / deviation) ** 2) / (deviation * math.sqrt(2 * math.pi))


def test_the_total_variation_of_two_gaussians_is_what_the_normal_distribution_says() -> None:
    arrays = {"density_exact": gaussian(0, 1), "density_true": gaussian(1, 1)}
    between = math.erf(0.5 / math.sqrt(2))
    assert claims.total_variation(arrays, "exact", "true") == pytest.approx(between, abs=1e-3)
    assert claims.total_variation(arrays, "exact", "exact") == 0.0


def test_the_spread_of_a_gaussian_is_its_standard_deviation() -> None:
    arrays = {"density_exact": gaussian(-2, 1.5)}
    assert claims.spread_of(arrays, "exact") == pytest.approx(1.5, abs=1e-6)


def test_a_posterior_that_sits_on_the_true_means_is_no_distance_from_them() -> None:
    shares = torch.zeros(3, len(EDGES) - 1)
    for k, mean in enumerate((-3, 0, 2)):
        shares[k, int((mean + 15) / 0.25)] = 1.0
    width = float(EDGES[1] - EDGES[0])
    assert claims.distance_from_true_means({"means_exact": shares}) <= width


def test_the_floor_is_the_same_for_every_run_on_the_same_data() -> None:
    runs = pd.DataFrame(
        {"points": [2, 2, 2, 5], "seed": [0, 0, 1, 0], "kl_best": [3.0, 1.0, 2.0, 4.0]}
    )
    assert claims.with_floors(runs)["floor"].tolist() == [1.0, 1.0, 2.0, 4.0]


def test_every_claim_of_the_chapter_is_told_by_the_recorded_runs() -> None:
    results = Results.open()
    told = {key: list(test(results)) for key, test in claims.TESTS.items()}
    assert [key for key, differences in told.items() if not differences] == []
    assert all(each.error > 0 for differences in told.values() for each in differences)


def test_a_folder_without_runs_tells_no_claim(tmp_path: Path) -> None:
    results = Results(tmp_path)
    assert [key for key, test in claims.TESTS.items() if list(test(results))] == []
