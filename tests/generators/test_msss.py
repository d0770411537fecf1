"""The minimum sum of squared similarities, against the algorithm as it is written, and against all
that can happen in a small world.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from torch import Tensor

from distillery.generators.msss import msss


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def uniform(groups: int, k: int, seed: int = 1) -> Tensor:
    return torch.rand(groups, k, generator=rng(seed), dtype=torch.float64)


def vectors(groups: int, items: int, size: int = 7, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.rand(groups, items, size, generator=rng(), dtype=dtype)


def as_written(x: np.ndarray, first: list[int], k: int) -> list[int]:
    """Algorithm 1 with all of the rest looked at: every sum anew at every step."""
    taken = list(first)
    while len(taken) < k:
        rest = [i for i in range(len(x)) if i not in taken]
        taken.append(min(rest, key=lambda i: sum(float(x[i] @ x[j]) ** 2 for j in taken)))
    return taken


def probabilities(x: np.ndarray, k: int, fraction: float) -> dict[tuple[int, ...], float]:
    """Of every sequence: all pairs to start from, and all subsets of the rest to look at."""
    found: Counter[tuple[int, ...]] = Counter()

    def go_on(taken: tuple[int, ...], probability: float) -> None:
        if len(taken) == k:
            found[taken] += probability
            return
        rest = [i for i in range(len(x)) if i not in taken]
        looks = list(itertools.combinations(rest, math.ceil(fraction * len(rest))))
        for look in looks:
            best = min(look, key=lambda i: sum(float(x[i] @ x[j]) ** 2 for j in taken))
            go_on((*taken, best), probability / len(looks))

    pairs = list(itertools.permutations(range(len(x)), 2))
    for pair in pairs:
        go_on(pair, 1 / len(pairs))
    return found


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_with_all_of_the_rest_looked_at_it_is_the_algorithm_as_written(dtype: torch.dtype) -> None:
    """In machine code (float32 on a CPU) and by tensors (all others)."""
    x = vectors(30, 12, dtype=dtype)
    for group, places in zip(x, msss(x, 6, chances=uniform(30, 6), fraction=1.0), strict=True):
        assert places.tolist() == as_written(group.double().numpy(), places[:2].tolist(), 6)


@pytest.mark.parametrize("fraction", [0.1, 0.5, 0.7, 1.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_every_sequence_has_its_probability(fraction: float, dtype: torch.dtype) -> None:
    """Of six items four, by enumeration of every start and every random fraction."""
    x, draws = vectors(1, 6, dtype=dtype), 20_000
    expected = probabilities(x[0].double().numpy(), 4, fraction)
    places = msss(x.expand(draws, -1, -1), 4, chances=uniform(draws, 4), fraction=fraction)
    seen = Counter(tuple(row) for row in places.tolist())
    assert set(seen) <= set(expected)
    counts, probs = [seen[key] for key in expected], np.array(list(expected.values()))
    assert probs.sum() == pytest.approx(1)
    assert chisquare(counts, draws * probs).pvalue > 1e-4


def test_machine_code_and_tensors_take_the_same() -> None:
    x, chances = vectors(20, 40, 50), uniform(20, 10)
    assert msss(x, 10, chances=chances).equal(msss(x.double(), 10, chances=chances))


@pytest.mark.parametrize("k", [1, 2, 3, 5])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_k_different_items_are_taken_all_of_them_if_need_be(k: int, dtype: torch.dtype) -> None:
    places = msss(vectors(50, 5, dtype=dtype), k, chances=uniform(50, k))
    assert places.shape == (50, k)
    assert all(len(set(row)) == k and set(row) <= set(range(5)) for row in places.tolist())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_equal_items_are_all_taken_in_their_turn(dtype: torch.dtype) -> None:
    """Ties: every sum is the same, and no item may come twice."""
    places = msss(torch.ones(40, 6, 3, dtype=dtype), 6, chances=uniform(40, 6))
    assert all(sorted(row) == list(range(6)) for row in places.tolist())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("value", [torch.nan, torch.inf, None])
def test_similarities_that_are_no_finite_numbers_are_refused(
    value: float | None, dtype: torch.dtype
) -> None:
    """The square of the largest number that there is, None here, is none."""
    x = vectors(3, 8, dtype=dtype)
    x[1, 5, 2] = torch.finfo(dtype).max if value is None else value
    with pytest.raises(ValueError, match="similarities hold NaN or infinity"):
        msss(x, 3, chances=uniform(3, 3))


def test_bad_arguments_are_refused() -> None:
    x = vectors(2, 4)
    with pytest.raises(ValueError, match="k is 0: a whole number of at least 1"):
        msss(x, 0, chances=uniform(2, 0))
    with pytest.raises(ValueError, match="k is 5: a group has 4 items, at most as many"):
        msss(x, 5, chances=uniform(2, 5))
    with pytest.raises(ValueError, match=r"fraction is 0: a share above 0 and at most 1"):
        msss(x, 2, chances=uniform(2, 2), fraction=0)
    with pytest.raises(ValueError, match=r"chances have shape \(3, 2\): \(2, 2\)"):
        msss(x, 2, chances=uniform(3, 2))
    with pytest.raises(ValueError, match=r"vectors have shape \(4, 7\)"):
        msss(x[0], 2, chances=uniform(2, 2))
