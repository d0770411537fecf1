from __future__ import annotations

import math

import pytest
import torch
from exact_worlds import needles, world

from distillery.partition.enumeration import every_state, exact_log_z
from distillery.partition.modes import Missed, Modes, Visits


def stream(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_what_lies_in_a_region_is_between_what_is_measured_in_it_and_around_it() -> None:
    for seed in range(5):
        machine = world(stream(seed), visible=10, hidden=6).machine
        states = every_state(10)
        log_density = machine.log_density(states).detach().double()
        for region in Modes(machine, rng=stream(seed)).regions:
            inside = log_density[region.holds(states, log_density)].logsumexp(0).item()
            assert region.least - 0.05 < inside < region.around + 0.05


def test_each_needle_is_found_from_its_hidden_unit_and_its_share_measured() -> None:
    machine = needles(stream(), count=3, share=0.6, sharp=5.0)
    least = Modes(machine, rng=stream(1)).visits(torch.zeros(2, 40)).least
    shares = (least - exact_log_z(machine)).exp()
    assert len(shares) == 4  # and the broad part
    assert sum(0.14 < share < 0.2 for share in shares.tolist()) == 3


def visits(*counts: int, share: float = 0.1, draws: int = 100) -> Visits:
    log_share = torch.full((len(counts),), math.log(share), dtype=torch.float64)
    return Visits(log_share, log_share + 0.2, torch.tensor(counts), draws)


@pytest.mark.parametrize(
    ("counts", "lacking"),
    [((10, 10, 10), 0), ((5, 6, 7), 0), ((0, 10, 10), 0), ((2, 2, 2), 3), ((0, 0, 10), 2)],
)
def test_regions_that_lack_draws_are_told_from_chance_also_together(
    counts: tuple[int, ...], lacking: int
) -> None:
    missed = visits(*counts).missed(0.0)
    assert (missed is not None) == bool(lacking)
    if missed is not None:
        assert missed.expected == pytest.approx(10 * lacking)
        assert missed.seen == sum(sorted(counts)[:lacking])
        assert missed.log_mass == pytest.approx(math.log(0.1 * lacking) + 0.2)


def test_by_chance_regions_are_called_missed_less_often_than_once_in_a_thousand() -> None:
    draws = torch.poisson(torch.full((3000, 6), 10.0), generator=stream()).int().tolist()
    assert sum(visits(*counts).missed(0.0) is not None for counts in draws) <= 3


def test_an_interval_allows_for_what_draws_may_lack_only_where_they_are_rather_few() -> None:
    assert visits(9, 12).at_most(1.0) == 1.0
    more = 0.1 * math.exp(0.2) - 0.02
    assert visits(2, 12).at_most(0.0) == pytest.approx(math.log1p(more))


def test_what_is_missed_comes_on_top() -> None:
    missed = Missed(0, 30.0, 100, math.log(3.0))
    assert missed.beyond(math.log(5.0)) == pytest.approx(math.log(8.0))
    assert "0 of the machine's 100 draws" in str(missed)
