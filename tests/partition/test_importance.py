from __future__ import annotations

import math

import pytest
import torch
from exact_worlds import check_coverage, world

from distillery.partition.importance import importance, reverse_importance


@pytest.mark.parametrize("seed", range(5))
def test_importance_agrees_with_enumeration_within_its_errors(seed: int) -> None:
    rng = torch.Generator().manual_seed(seed)
    w = world(rng)
    check_coverage([importance(row) for row in w.draws(w.proposal, (200, 1000), rng)], w.log_z)


@pytest.mark.parametrize("seed", range(5))
def test_reverse_importance_agrees_with_enumeration_within_its_errors(seed: int) -> None:
    rng = torch.Generator().manual_seed(seed)
    w = world(rng)
    check_coverage(
        [reverse_importance(row) for row in w.draws(w.target, (200, 1000), rng)], w.log_z
    )


def test_a_good_proposal_raises_no_doubt() -> None:
    rng = torch.Generator().manual_seed(0)
    w = world(rng)
    at_proposal, at_target = (
        w.draws(w.proposal, (200, 1000), rng),
        w.draws(w.target, (200, 300), rng),
    )
    doubted = sum(
        bool(importance(q, p).warnings) for q, p in zip(at_proposal, at_target, strict=True)
    )
    assert doubted <= 6


def test_a_proposal_that_misses_half_of_the_target_is_found_out_by_the_targets_draws() -> None:
    rng = torch.Generator().manual_seed(0)
    at_proposal = torch.randn(1000, generator=rng, dtype=torch.float64) * 0.1 - math.log(
        2
    )  # all that it sees looks perfect
    at_target = torch.cat([at_proposal[:150], torch.full((150,), 40.0, dtype=torch.float64)])
    assert importance(at_proposal).warnings == ()
    assert (
        "50% of the target's draws have weights above any"
        in importance(at_proposal, at_target).warnings[0]
    )


def test_a_proposal_of_probability_zero_where_the_target_has_mass_is_said() -> None:
    zeros = torch.zeros(300, dtype=torch.float64)
    estimate = importance(zeros, torch.cat([zeros, torch.tensor([math.inf])]))
    assert "probability zero to 1 of 301" in estimate.warnings[0]


def test_when_every_weight_is_zero_nothing_is_claimed() -> None:
    estimate = importance(torch.full((10,), -math.inf))
    assert estimate.value == -math.inf
    assert estimate.error == math.inf
    assert "misses the target altogether" in estimate.warnings[0]
