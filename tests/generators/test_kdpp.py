"""k-DPPs against enumeration: a set's probability is the determinant of its similarities over the
sum of all such determinants.
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

from distillery.generators.kdpp import greedy_k_dpp, k_dpp, log_elementary


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def uniform(groups: int, k: int, seed: int = 1) -> Tensor:
    return torch.rand(groups, 2 * k, generator=rng(seed), dtype=torch.float64)


def kernels(groups: int, items: int, rank: int = 0) -> Tensor:
    shape = (groups, items, rank or items)
    x = torch.rand(shape, generator=rng(), dtype=torch.float64)
    return torch.bmm(x, x.transpose(1, 2))


def determinants(kernel: np.ndarray, k: int) -> dict[tuple[int, ...], float]:
    subsets = itertools.combinations(range(len(kernel)), k)
    return {s: float(np.linalg.det(kernel[np.ix_(s, s)])) for s in subsets}


@pytest.mark.parametrize("k", [1, 2, 3, 5])
@pytest.mark.parametrize("rank", [0, 5], ids=["full", "deficient"])
def test_every_set_has_the_probability_of_its_determinant(k: int, rank: int) -> None:
    kernel, draws = kernels(1, 6, rank), 20_000
    weights = determinants(kernel[0].numpy(), k)
    probs = np.array(list(weights.values())) / sum(weights.values())
    places = k_dpp(kernel.expand(draws, -1, -1), k, chances=uniform(draws, k))
    seen = Counter(tuple(sorted(row)) for row in places.tolist())
    assert set(seen) <= set(weights)
    counts = np.array([seen[s] for s in weights])
    often = draws * probs >= 5  # a chi-square needs that; the others are counted as one
    pooled = [np.append(v[often], v[~often].sum()) for v in (counts, draws * probs)]
    if (~often).sum() == 0:
        pooled = [v[:-1] for v in pooled]
    assert len(pooled[0]) == 1 or chisquare(*pooled).pvalue > 1e-4


def test_each_kernel_of_a_batch_has_its_own_distribution() -> None:
    """Inclusion probabilities of six items of three kernels, to five standard errors."""
    some, draws, k = kernels(3, 6), 8000, 2
    places = k_dpp(some.repeat(draws, 1, 1), k, chances=uniform(3 * draws, k))
    for g in range(3):
        weights = determinants(some[g].numpy(), k)
        total = sum(weights.values())
        for i in range(6):
            p = sum(w for s, w in weights.items() if i in s) / total
            share = (places[g::3] == i).any(1).double().mean().item()
            assert abs(share - p) < 5 * math.sqrt(p * (1 - p) / draws) + 1e-9


def test_elementary_polynomials_are_sums_of_products_over_subsets() -> None:
    values = torch.rand(2, 7, generator=rng(), dtype=torch.float64)
    values[1, 3] = 0.0
    logs = log_elementary(values.log(), 4)
    for g, j, n in itertools.product(range(2), range(5), range(8)):
        subsets = itertools.combinations(values[g, :n].tolist(), j)
        assert logs[g, j, n].exp() == pytest.approx(sum(math.prod(s) for s in subsets), rel=1e-12)


def test_a_thousand_large_eigenvalues_do_not_overflow() -> None:
    """e_300 of a thousand values of 1e6 is C(1000, 300) · 1e1800: its log is known exactly."""
    logs = log_elementary(torch.full((1, 1000), math.log(1e6), dtype=torch.float64), 300)
    exact = math.lgamma(1001) - math.lgamma(301) - math.lgamma(701) + 300 * math.log(1e6)
    assert logs[0, 300, 1000].item() == pytest.approx(exact, rel=1e-10)
    kernel = 1e6 * torch.eye(600, dtype=torch.float64)[None]
    places = k_dpp(kernel, 200, chances=uniform(1, 200))[0]
    assert len(set(places.tolist())) == 200


def test_polynomials_are_those_of_dppy_where_it_does_not_overflow() -> None:
    peer = pytest.importorskip("dppy.exact_sampling", reason="the peer dppy is missing")
    values = torch.rand(30, generator=rng(), dtype=torch.float64) * 10
    theirs = peer.elementary_symmetric_polynomials(values.numpy(), 8)
    ours = log_elementary(values.log()[None], 8)[0].exp()
    np.testing.assert_allclose(ours.numpy(), theirs, rtol=1e-9)


def test_draws_are_distributed_as_those_of_dppy() -> None:
    """Two samples of pairs out of six items, compared by a chi-square of homogeneity."""
    dpps = pytest.importorskip("dppy.finite_dpps", reason="the peer dppy is missing")
    from scipy.stats import chi2_contingency

    kernel, draws = kernels(1, 6), 4000
    peer, random = dpps.FiniteDPP("likelihood", L=kernel[0].numpy()), np.random.RandomState(0)
    theirs = Counter(
        tuple(sorted(peer.sample_exact_k_dpp(2, random_state=random))) for _ in range(draws)
    )
    places = k_dpp(kernel.expand(draws, -1, -1), 2, chances=uniform(draws, 2))
    ours = Counter(tuple(sorted(row)) for row in places.tolist())
    often = [s for s in itertools.combinations(range(6), 2) if ours[s] + theirs[s] >= 10]
    assert chi2_contingency([[c[s] for s in often] for c in (ours, theirs)]).pvalue > 1e-4


@pytest.mark.parametrize("k", [1, 2, 4, 6])
def test_the_greedy_set_grows_by_the_item_that_makes_the_determinant_largest(k: int) -> None:
    some = kernels(20, 8)
    for kernel, places in zip(some.numpy(), greedy_k_dpp(some, k).tolist(), strict=True):
        taken: list[int] = []
        for _ in range(k):
            rest = [i for i in range(8) if i not in taken]
            grown = [[*taken, i] for i in rest]
            taken = max(grown, key=lambda s: np.linalg.det(kernel[np.ix_(s, s)]))
        assert places == taken


@pytest.mark.parametrize("scale", [1e-150, 1.0, 1e150])
def test_scale_does_not_matter(scale: float) -> None:
    some, chances = kernels(5, 8), uniform(5, 4)
    assert k_dpp(some * scale, 4, chances=chances).equal(k_dpp(some, 4, chances=chances))
    assert greedy_k_dpp(some * scale, 4).equal(greedy_k_dpp(some, 4))


@pytest.mark.parametrize(
    ("kernel", "k", "message"),
    [
        (torch.eye(4)[None], 0, "k is 0: a whole number of at least 1"),
        (torch.eye(4)[None], 5, "k is 5: a group has 4 items"),
        (torch.eye(4), 2, r"similarities have shape \(4, 4\)"),
        (torch.ones(1, 4, 4), 2, "k is 2: every kernel must have at least that rank"),
        (torch.full((1, 4, 4), torch.nan), 2, "similarities hold NaN or infinity"),
    ],
)
def test_bad_kernels_and_sizes_are_refused_by_both(kernel: Tensor, k: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        k_dpp(kernel, k, chances=uniform(1, k))
    with pytest.raises(ValueError, match=message):
        greedy_k_dpp(kernel, k)


def test_what_is_no_kernel_is_refused() -> None:
    with pytest.raises(ValueError, match="a kernel must be positive semidefinite"):
        k_dpp(torch.diag(torch.tensor([1.0, -1.0, 2.0]))[None], 2, chances=uniform(1, 2))
    with pytest.raises(ValueError, match=r"chances have shape \(1, 6\): \(1, 4\)"):
        k_dpp(torch.eye(3)[None], 2, chances=uniform(1, 3))
