"""Tempered sampling on worlds small enough to be added up, and the mean field as a base."""

from __future__ import annotations

import math

import pytest
import torch
from exact_worlds import check_coverage, world

from distillery.models.rbm import RBM
from distillery.partition import exact_log_z, forward, importance, mean_field_rates, tempered
from distillery.partition.temperatures import uniform


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("temperatures", [1, 4])
def test_tempered_sampling_agrees_with_enumeration_within_its_errors(temperatures: int) -> None:
    stream = rng(temperatures)
    w = world(stream, visible=8, hidden=6)
    found = [
        tempered(w.machine, uniform(temperatures), chains=20, sweeps=30, rng=stream)
        for _ in range(60)
    ]
    check_coverage(found, w.log_z)


def test_any_base_gives_the_same_answer() -> None:
    w = world(rng(1), visible=8, hidden=6)
    base = torch.randn(8, generator=rng(2))
    found = tempered(w.machine, uniform(10), chains=100, sweeps=200, rng=rng(3), base=base)
    assert abs(found.value - w.log_z) < 5 * found.error
    assert found.error < 0.05


def test_more_sweeps_lower_the_error_as_the_root_of_their_number() -> None:
    w = world(rng(4), visible=8, hidden=6)

    def error(sweeps: int) -> float:
        return tempered(w.machine, uniform(4), chains=200, sweeps=sweeps, rng=rng(5)).error

    assert error(25) / error(400) == pytest.approx(4.0, rel=0.4)


def test_chains_that_do_not_pass_are_doubted() -> None:
    machine = RBM.from_arrays(torch.zeros(30, 2), torch.full((30,), 6.0), torch.zeros(2))
    found = tempered(machine, uniform(1), chains=4, sweeps=10, rng=rng())
    assert found.warnings


def test_the_same_stream_gives_the_same_answer() -> None:
    w = world(rng(6), visible=8, hidden=6)
    first, again = (
        tempered(w.machine, uniform(5), chains=10, sweeps=20, rng=rng(7)) for _ in range(2)
    )
    assert first == again


def test_too_few_chains_or_sweeps_are_refused() -> None:
    machine = RBM(4, 3, rng=rng())
    with pytest.raises(ValueError, match="chains"):
        tempered(machine, uniform(3), chains=1, sweeps=10, rng=rng())
    with pytest.raises(ValueError, match="sweeps"):
        tempered(machine, uniform(3), chains=5, sweeps=2, rng=rng())


def test_the_mean_field_of_independent_units_is_their_own_biases() -> None:
    a = torch.tensor([0.5, -1.0, 2.0])
    machine = RBM.from_arrays(torch.zeros(3, 4), a, torch.zeros(4))
    assert torch.allclose(mean_field_rates(machine).float(), a)


def test_the_mean_field_solves_its_own_equations() -> None:
    machine = RBM(12, 7, rng=rng(3), scale=0.7)
    rates = mean_field_rates(machine, sweeps=2000)
    W, b, a = machine.W.double(), machine.b.double(), machine.a.double()
    hidden = (rates.sigmoid() @ W + b).sigmoid()
    assert torch.allclose(hidden @ W.t() + a, rates, atol=1e-6)


def test_paths_that_begin_in_the_mean_field_average_to_z() -> None:
    machine = RBM(8, 6, rng=rng(8), scale=1.0)
    base = mean_field_rates(machine)
    paths = forward(machine, uniform(30), chains=4000, rng=rng(9), base=base).log_ratios
    found = importance(paths)
    assert abs(found.value - exact_log_z(machine)) < 5 * found.error


@pytest.mark.parametrize("damping", [-0.1, 1.0, math.nan])
def test_a_damping_that_settles_nothing_is_refused(damping: float) -> None:
    with pytest.raises(ValueError, match="damping"):
        mean_field_rates(RBM(3, 2, rng=rng()), damping=damping)
