from __future__ import annotations

import math

import pytest
import torch
from exact_worlds import World, check_coverage, world
from torch import Tensor

from distillery.models.rbm import RBM
from distillery.partition.annealed import (
    _softplus_gain,
    adapted,
    base_rates,
    forward,
    reverse,
    sweeps_a_draw,
)
from distillery.partition.bounds import lower_bound, upper_bound
from distillery.partition.bridge import bridge
from distillery.partition.enumeration import every_state, exact_log_z
from distillery.partition.importance import importance, reverse_importance
from distillery.partition.temperatures import salakhutdinov_murray, uniform


@pytest.fixture
def rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def at_target(w: World, n: int, rng: torch.Generator) -> Tensor:
    index = torch.multinomial(w.target.exp(), n, replacement=True, generator=rng)
    return every_state(w.machine.visible)[index]


@pytest.mark.parametrize("seed", range(3))
def test_annealing_either_way_agrees_with_enumeration_within_its_errors(seed: int) -> None:
    rng = torch.Generator().manual_seed(seed)
    w = world(rng, visible=8, hidden=6)
    base = 0.5 * torch.randn(8, generator=rng)
    there = forward(w.machine, uniform(20), chains=200 * 100, rng=rng, base=base).log_ratios.view(
        200, 100
    )
    back = reverse(
        w.machine, uniform(20), start=at_target(w, 200 * 100, rng), rng=rng, base=base
    ).log_ratios.view(200, 100)
    check_coverage([importance(row) for row in there], w.log_z)
    check_coverage([reverse_importance(row) for row in back], w.log_z)
    check_coverage([bridge(*rows) for rows in zip(there, back, strict=True)], w.log_z)
    assert lower_bound(there.flatten()).value < w.log_z < upper_bound(back.flatten()).value


def test_one_temperature_is_plain_importance_sampling_from_the_base(rng: torch.Generator) -> None:
    w = world(rng)
    annealed = forward(w.machine, uniform(1), chains=40_000, rng=rng, dtype=torch.float64)
    allowed = w.target + w.log_z + 7 * math.log(2)  # one value a state
    assert (annealed.log_ratios[:100, None] - allowed).abs().min(1).values.max() < 1e-9
    estimate = importance(annealed.log_ratios)
    assert abs(estimate.value - w.log_z) < 5 * estimate.error


def test_a_trained_machine_is_annealed_to_its_exact_log_z(rng: torch.Generator) -> None:
    stripes = torch.tensor(
        [[1.0, 1, 1, 1, 0, 0, 0, 0], [0, 0, 0, 0, 1, 1, 1, 1], [1, 0, 1, 0, 1, 0, 1, 0]]
    )
    machine = RBM.from_arrays(4 * (stripes.t() - 0.5), -2 * torch.ones(8), -4 * torch.ones(3))
    annealed = forward(
        machine, salakhutdinov_murray(300), chains=2000, rng=rng, base=base_rates(stripes)
    )
    estimate = importance(annealed.log_ratios)
    assert abs(estimate.value - exact_log_z(machine)) < 4 * estimate.error
    assert estimate.error < 0.1


def test_paths_end_at_the_target(rng: torch.Generator) -> None:
    w = world(rng)
    annealed = forward(w.machine, uniform(200), chains=20_000, rng=rng)
    weights = annealed.log_ratios.softmax(0)
    expected = w.target.exp() @ every_state(7).double()
    assert (weights @ annealed.states.double() - expected).abs().max() < 0.03


def test_single_precision_is_precise_enough(rng: torch.Generator) -> None:
    w = world(rng, visible=12, hidden=10)
    stream = rng.get_state()
    single = forward(w.machine, uniform(100), chains=50, rng=rng)
    double = forward(
        w.machine, uniform(100), chains=50, rng=rng.set_state(stream), dtype=torch.float64
    )
    assert (
        abs(importance(single.log_ratios).value - importance(double.log_ratios).value)
        < 5 * importance(double.log_ratios).error
    )


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (0.3, 0.3001), (0.999, 1.0), (0.0, 1e-4)])
def test_the_gain_of_a_temperature_is_exact_in_single_precision(low: float, high: float) -> None:
    u = torch.linspace(-300, 300, 2001, dtype=torch.float64)
    exact = torch.nn.functional.softplus(high * u, threshold=800) - torch.nn.functional.softplus(
        low * u, threshold=800
    )
    for part in (u.abs() < 70, u.abs() <= 300):
        assert (
            (_softplus_gain(u[part].float(), low, high) - exact[part]).abs()
            <= 3e-6 * exact[part].abs() + 1e-9
        ).all()


def test_base_rates_are_on_as_often_as_the_data() -> None:
    data = torch.cat([torch.ones(30, 2), torch.zeros(10, 2)])
    data[:, 1] = 0
    torch.testing.assert_close(
        base_rates(data).sigmoid(), torch.tensor([31 / 42, 1 / 42], dtype=torch.float64)
    )


def test_adapted_temperatures_vary_less_than_equal_ones(rng: torch.Generator) -> None:
    w = world(rng, visible=15, hidden=8, scale=1.5)
    betas = adapted(w.machine, 15, rng=rng, chains=200, pilot=60)
    assert len(betas) == 16
    fitted, equal = (
        forward(w.machine, b, chains=20_000, rng=rng).log_ratios.var() for b in (betas, uniform(15))
    )
    assert fitted < equal


def test_several_sweeps_of_the_pilot_shorten_the_steps_where_chains_are_slow(
    rng: torch.Generator,
) -> None:
    together = RBM.from_arrays(
        torch.full((12, 1), 3.0), torch.zeros(12), torch.tensor([-28.0])
    )  # all on, or fair coins: a slow choice
    late = [
        (adapted(together, 100, rng=rng, pilot=40, sweeps=sweeps) > 0.7).sum().item()
        for sweeps in (1, 20)
    ]
    assert late[1] > late[0] + 8
    with pytest.raises(ValueError, match="sweeps is 0"):
        adapted(together, 10, rng=rng, sweeps=0)


def test_chains_are_independent_at_the_base_and_slow_where_two_modes_part(
    rng: torch.Generator,
) -> None:
    """Both units copy each other with weight 8, centred: the chain flips from one mode to the other
    about once in exp(4) sweeps.
    """
    machine = RBM.from_arrays(
        torch.tensor([[8.0]]), torch.tensor([-4.0 + 0.05]), torch.tensor([-4.0])
    )
    first, middle, last = sweeps_a_draw(
        machine, (0.0, 0.5, 1.0), rng=rng, chains=50, sweeps=600
    ).tolist()
    assert first == pytest.approx(1, abs=0.2)
    assert 1.5 < middle < last / 3


def test_progress_is_told_once_a_temperature(rng: torch.Generator) -> None:
    w, told = world(rng), []
    forward(
        w.machine,
        uniform(4),
        chains=2,
        rng=rng,
        progress=lambda done, total: told.append((done, total)),
    )
    reverse(
        w.machine,
        uniform(4),
        start=torch.zeros(2, 7),
        rng=rng,
        progress=lambda done, total: told.append((done, total)),
    )
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)] * 2


def test_zero_chains_a_grey_start_and_a_base_that_does_not_fit_are_refused(
    rng: torch.Generator,
) -> None:
    machine = world(rng).machine
    with pytest.raises(ValueError, match="chains is 0"):
        forward(machine, uniform(3), chains=0, rng=rng)
    with pytest.raises(ValueError, match="neither 0 nor 1"):
        reverse(machine, uniform(3), start=torch.full((2, 7), 0.5), rng=rng)
    with pytest.raises(ValueError, match="base has shape"):
        forward(machine, uniform(3), chains=2, rng=rng, base=torch.zeros(6))
