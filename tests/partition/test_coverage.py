"""Every estimator against enumeration, 200 times each, on machines that were drawn and on machines
that were trained.
"""

from __future__ import annotations

import pytest
import torch
from exact_worlds import World, around, bars, check_coverage, trained, world
from torch import Tensor

from distillery.partition.annealed import adapted, base_rates, forward, reverse
from distillery.partition.bounds import lower_bound, upper_bound
from distillery.partition.bridge import bridge
from distillery.partition.enumeration import every_state, exact_log_z
from distillery.partition.importance import importance, reverse_importance

REPETITIONS, DRAWS, PATHS, TEMPERATURES = 200, 300, 50, 60

Case = tuple[World, Tensor, torch.Generator]


@pytest.fixture(
    scope="module", params=["drawn", "drawn, 20 hidden", "trained", "trained, 20 hidden"]
)
def case(request: pytest.FixtureRequest) -> Case:
    """A machine with its states, the base its annealing begins from, and a random stream."""
    rng = torch.Generator().manual_seed(0)
    hidden = 20 if "20" in request.param else 8
    if "trained" in request.param:
        data = bars(rng)
        return around(trained(data, hidden, rng), rng), base_rates(data), rng
    return (
        world(rng, visible=10, hidden=hidden, scale=0.8),
        0.3 * torch.randn(10, generator=rng),
        rng,
    )


def test_each_world_knows_its_log_z_and_the_trained_ones_have_learnt(
    case: Case, request: pytest.FixtureRequest
) -> None:
    w, base, _ = case
    assert w.log_z == pytest.approx(exact_log_z(w.machine), rel=1e-10)
    independent = every_state(w.machine.visible).double() @ base.double()
    if "trained" in request.node.callspec.params["case"]:
        entropy, product = (
            -(log_probs.exp() * log_probs).sum()
            for log_probs in (w.target, independent.log_softmax(0))
        )
        assert entropy < product - 1


def test_importance_of_either_side_and_the_bridge_cover_log_z(case: Case) -> None:
    w, _, rng = case
    q, p = (w.draws(side, (REPETITIONS, DRAWS), rng) for side in (w.proposal, w.target))
    check_coverage([importance(row) for row in q], w.log_z)
    check_coverage([reverse_importance(row) for row in p], w.log_z)
    check_coverage([bridge(*rows) for rows in zip(q, p, strict=True)], w.log_z)


def test_annealing_forward_in_reverse_and_both_ways_covers_log_z(case: Case) -> None:
    w, base, rng = case
    betas = adapted(w.machine, TEMPERATURES, rng=rng, base=base)
    index = torch.multinomial(w.target.exp(), REPETITIONS * PATHS, replacement=True, generator=rng)
    there = forward(w.machine, betas, chains=REPETITIONS * PATHS, rng=rng, base=base).log_ratios
    back = reverse(
        w.machine, betas, start=every_state(w.machine.visible)[index], rng=rng, base=base
    ).log_ratios
    rows = list(zip(there.view(REPETITIONS, PATHS), back.view(REPETITIONS, PATHS), strict=True))
    check_coverage([importance(row) for row, _ in rows], w.log_z)
    check_coverage([reverse_importance(row) for _, row in rows], w.log_z)
    check_coverage([bridge(*both) for both in rows], w.log_z)
    assert lower_bound(there).interval[0] < w.log_z < upper_bound(back).interval[1]
