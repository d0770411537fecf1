from __future__ import annotations

import pytest
import torch
from exact_worlds import bars, trained, world
from torch import Tensor

from distillery.models.rbm import RBM
from distillery.partition.annealed import base_rates
from distillery.partition.enumeration import every_state
from distillery.partition.starts import Starts


@pytest.fixture
def rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_with_data_every_second_chain_starts_in_a_row_and_the_base_is_on_as_often(
    rng: torch.Generator,
) -> None:
    data = bars(rng)[:20]
    starts = Starts(world(rng, visible=12).machine, rng=rng, data=data.to(torch.uint8))
    rows, states = {tuple(row) for row in data.tolist()}, starts.states(401)
    assert {tuple(row) for row in states[::2].tolist()} == rows
    assert not {tuple(row) for row in states[1::2].tolist()} <= rows
    torch.testing.assert_close(starts.base, base_rates(data))
    assert starts.described == "states found by annealing, and some of 20 rows of data"


def test_without_data_annealing_finds_starts_and_a_base_like_the_machine(
    rng: torch.Generator,
) -> None:
    data = bars(rng)
    machine = trained(data, 8, rng)
    states = every_state(12).double()
    expected = machine.log_density(states).softmax(0) @ states
    starts = Starts(machine, rng=rng)
    assert (
        starts.base.sigmoid() - expected
    ).abs().max() < 0.1  # 100 chains: five errors of a mean, at most a quarter
    found = starts.sweep(starts.states(1000), 50).double().mean(0)
    assert ((found - expected).abs() < 5 * (expected * (1 - expected) / 1000).sqrt() + 0.01).all()


def test_chains_are_restless_while_they_move_and_at_rest_where_the_machine_is(
    rng: torch.Generator,
) -> None:
    w = world(rng, visible=12, hidden=8, scale=1.5)
    starts, states = Starts(w.machine, rng=rng), every_state(12)
    at_machine = states[torch.multinomial(w.target.exp(), 2000, replacement=True, generator=rng)]
    far = states[torch.randint(len(states), (2000,), generator=rng)]
    assert starts.settled(at_machine, 2)[1] < 4
    assert starts.settled(far, 2)[1] > 4


def test_chains_that_remember_where_they_began_are_restless(rng: torch.Generator) -> None:
    """Two modes of different heights, between which nothing moves; the data know the higher."""
    machine = RBM.from_arrays(
        torch.full((12, 1), 6.0), torch.full((12,), -3.0), torch.tensor([-32.0])
    )
    starts = Starts(machine, rng=rng, data=torch.ones(4, 12))
    modes = torch.zeros(200, 12)
    modes[::2] = 1
    assert starts.settled(modes, 20)[1] > 10
    modes[1::2] = 1
    assert starts.settled(modes, 20)[1] < 4


def test_what_is_done_is_told_with_its_extent(rng: torch.Generator) -> None:
    told: list[tuple[str, int, int]] = []
    starts = Starts(world(rng).machine, rng=rng, progress=lambda *stage: told.append(stage))
    starts.sweep(starts.states(3), 4)
    assert told[-1] == ("3 chains, 4 sweeps", 4, 4)
    assert {stage for stage, _, _ in told} >= {
        "finding a base for annealing",
        "finding starts for 3 chains",
    }
    assert all(1 <= done <= total for _, done, total in told)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (torch.full((3, 7), 0.5), "data holds 0.5: every entry must be 0 or 1"),
        (torch.zeros(3, 6), r"data is of shape \(3, 6\)"),
        (torch.zeros(0, 7), "at least one row"),
    ],
)
def test_data_that_is_not_of_the_machine_is_refused(
    data: Tensor, message: str, rng: torch.Generator
) -> None:
    with pytest.raises(ValueError, match=message):
        Starts(world(rng).machine, rng=rng, data=data)
