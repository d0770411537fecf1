from __future__ import annotations

import math

import pytest
import torch
from exact_worlds import check_coverage, world

from distillery.partition.bridge import bridge
from distillery.partition.importance import importance


@pytest.mark.parametrize(("seed", "at_target"), [(0, 500), (1, 500), (2, 100), (3, 2500), (4, 500)])
def test_the_bridge_agrees_with_enumeration_within_its_errors(seed: int, at_target: int) -> None:
    rng = torch.Generator().manual_seed(seed)
    w = world(rng, tempered=0.6)
    q, p = w.draws(w.proposal, (200, 500), rng), w.draws(w.target, (200, at_target), rng)
    check_coverage([bridge(*rows) for rows in zip(q, p, strict=True)], w.log_z)


def test_the_bridge_stands_where_importance_falls() -> None:
    rng = torch.Generator().manual_seed(0)
    w = world(rng, visible=10, scale=1.5, tempered=0.2)
    q, p = w.draws(w.proposal, (100, 500), rng), w.draws(w.target, (100, 500), rng)
    wrong = torch.tensor([importance(row).value - w.log_z for row in q])
    right = torch.tensor([bridge(*rows).value - w.log_z for rows in zip(q, p, strict=True)])
    assert right.square().mean() < 0.5 * wrong.square().mean()


def test_it_is_the_solution_of_equation_4_54() -> None:
    rng = torch.Generator().manual_seed(0)
    w = world(rng)
    q, p = w.draws(w.proposal, (1, 400), rng)[0], w.draws(w.target, (1, 400), rng)[0]
    z = math.exp(bridge(q, p).value)
    assert (q.exp() / (z + q.exp())).mean().item() == pytest.approx(
        (z / (z + p.exp())).mean().item(), rel=1e-8
    )


def test_ten_iterations_from_one_are_enough_where_the_sides_overlap() -> None:
    rng = torch.Generator().manual_seed(0)
    w = world(rng)
    q, p = w.draws(w.proposal, (1, 400), rng)[0] + 400, w.draws(w.target, (1, 400), rng)[0] + 400
    few, all_ = bridge(q, p, iterations=10, start=0.0), bridge(q, p)
    assert few.value == pytest.approx(all_.value, abs=0.2 * all_.error)
    assert few.warnings == ()


def test_one_iteration_from_afar_says_that_it_has_not_arrived() -> None:
    rng = torch.Generator().manual_seed(0)
    w = world(rng)
    estimate = bridge(
        w.draws(w.proposal, (1, 400), rng)[0] + 400,
        w.draws(w.target, (1, 400), rng)[0] + 400,
        iterations=1,
        start=0.0,
    )
    assert any("still moved" in warning for warning in estimate.warnings)


def test_sides_that_do_not_overlap_are_said() -> None:
    rng = torch.Generator().manual_seed(0)
    q, p = torch.randn(500, generator=rng) * 3 - 30, torch.randn(500, generator=rng) * 3 + 30
    assert any("hardly overlap" in warning for warning in bridge(q, p).warnings)


def test_a_count_of_iterations_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="iterations is 0"):
        bridge(torch.zeros(5), torch.zeros(5), iterations=0)
