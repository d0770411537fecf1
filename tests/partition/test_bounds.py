from __future__ import annotations

import math

import pytest
import torch
from exact_worlds import check_coverage, world

from distillery.partition.bounds import lower_bound, upper_bound


@pytest.mark.parametrize("seed", range(5))
def test_the_bounds_bracket_log_z_by_the_two_divergences(seed: int) -> None:
    rng = torch.Generator().manual_seed(seed)
    w = world(rng, tempered=0.5)
    difference = w.target - w.proposal
    above, below = (
        (w.target.exp() * difference).sum().item(),
        (w.proposal.exp() * difference).sum().item(),
    )
    assert below < 0 < above
    upper = [upper_bound(row) for row in w.draws(w.target, (200, 300), rng)]
    lower = [lower_bound(row) for row in w.draws(w.proposal, (200, 300), rng)]
    check_coverage(upper, w.log_z + above)
    check_coverage(lower, w.log_z + below)


def test_a_proposal_that_excludes_what_the_target_has_makes_an_infinite_bound() -> None:
    estimate = upper_bound(torch.tensor([1.0, math.inf, 2.0]))
    assert estimate.value == math.inf
    assert "probability zero to 1 of 3" in estimate.warnings[0]
    assert lower_bound(torch.tensor([1.0, -math.inf])).value == -math.inf
