"""The worlds of the study of losses between densities, where everything can be summed, and what
holds in every cell.
"""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from distillery.models.mixture import Mixture
from distillery.partition.enumeration import every_state, exact_log_z
from distillery.protocols import Batch
from distillery_book.chapters.rbm_to_nade.densities import RATES, STUDY, phases, train
from distillery_book.chapters.rbm_to_nade.worlds import WEIGHTS, basins, world
from distillery_book.results.study import Context, Outcome

NAMES = tuple(RATES)


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@cache
def outcome(name: str, method: str) -> Outcome:
    cell = next(
        cell
        for cell in STUDY.cells("smoke")
        if (cell.params["world"], cell.params["method"]) == (name, method)
    )
    return STUDY.run(cell, Context("smoke", torch.device("cpu"), None, Path("unused")))


@pytest.mark.parametrize("name", NAMES)
def test_the_teacher_sums_to_one_and_its_draws_occur_as_often_as_it_says(name: str) -> None:
    here = world(name, 0)
    p = here.log_probs.exp() * here.weight
    assert p.sum().item() == pytest.approx(1, abs=1e-10)
    mean, n = p @ here.points, 4000
    deviation = (p @ here.points.square() - mean.square()).sqrt()
    assert ((here.draw(n, rng()).mean(0) - mean).abs() < 4 * deviation / n**0.5).all()


@pytest.mark.parametrize("name", NAMES)
def test_the_constant_of_the_square_error_lies_below_log_z(name: str) -> None:
    here = world(name, 0)
    assert here.bound < here.log_z - 0.3  # far beyond the error of its ten thousand draws
    assert math.isfinite(here.bound)


def test_log_z_of_the_machine_is_the_one_that_enumeration_finds() -> None:
    here = world("bits", 1)
    assert here.log_z == pytest.approx(exact_log_z(here.teacher.network), abs=1e-9)
    assert here.bound == here.teacher(Batch(here.points)).max().item()


def test_machines_have_several_modes_and_every_seed_its_own() -> None:
    assert all(2 <= world("bits", seed).modes.shape[1] <= 40 for seed in range(5))
    assert not torch.equal(world("bits", 0).log_probs, world("bits", 1).log_probs)
    assert torch.equal(world("bits", 0).log_probs, world("bits_narrow", 0).log_probs)


def test_a_state_belongs_to_the_peak_that_the_steepest_flips_lead_to() -> None:
    """A hill at the first state and a lower one at the last: each state to the hill that is fewer
    flips away.
    """
    ones = every_state(12, torch.float64).sum(1)
    modes = basins(torch.maximum(-ones, ones - 12.5))
    assert modes.shape == (4096, 2)
    assert torch.equal(modes[:, 0] == 1, ones <= 6)


@pytest.mark.parametrize("name", NAMES)
def test_distances_are_zero_at_the_teacher_alone(name: str) -> None:
    here = world(name, 0)

    class Perfect(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return here.log_probs

    found = here.distances(Perfect())
    assert all(
        abs(found[key]) < 1e-10 for key in ("kl", "kl_reverse", "total_variation", "kl_modes")
    )
    assert all(
        here.distances(here.student(rng()))[key] > 0.1
        for key in ("kl", "kl_reverse", "total_variation")
    )


def test_weights_of_modes_apart_are_all_that_differs_where_shapes_are_right() -> None:
    here, weights = world("apart", 0), (0.2, 0.3, 0.5)
    density = here.teacher.network.density
    found = here.distances(
        Mixture(torch.tensor(weights).double(), density.means, density.covariances)
    )
    assert found["kl_modes"] == pytest.approx(
        sum(w * math.log(w / v) for w, v in zip(WEIGHTS, weights, strict=True)), abs=1e-3
    )
    assert found["kl"] == pytest.approx(found["kl_modes"], abs=1e-3)


@pytest.mark.parametrize(
    ("name", "method"), [(name, method) for name in NAMES for method in RATES[name]]
)
def test_every_method_runs_and_equation_4_10_holds_to_rounding(name: str, method: str) -> None:
    found = outcome(name, method)
    assert found.metrics["gap_4_10"] < 1e-12 * (1 + found.metrics["square_error"])
    assert 0 <= found.metrics["kl_modes"] + 1e-4 < found.metrics["kl"]
    assert 0.99 < found.metrics["mass"] < 1 + 1e-9
    assert len(found.arrays["steps"]) == len(found.arrays["kl"]) == len(found.arrays["kl_reverse"])
    assert found.arrays["steps"][-1] == 20
    assert sum(array.numel() * array.element_size() for array in found.arrays.values()) < 20_000


def test_likelihood_learns_in_twenty_steps() -> None:
    assert all(
        outcome(name, "kl").metrics["kl"] < 0.95 * outcome(name, "kl").metrics["kl_start"]
        for name in NAMES
    )


def test_square_error_and_then_kl_are_two_calls_with_one_optimizer() -> None:
    here, params = world("bits", 0), {"rate": 0.03, "steps": 20, "batch": 20}
    student = here.student(rng())
    shares: list[float] = []
    histories = train(
        student,
        here,
        phases("square_error_then_kl", here, rng=rng()),
        params,
        rng=rng(),
        report=shares.append,
    )
    assert [len(history) for history in histories] == [10, 10]
    assert shares == pytest.approx([k / 20 for k in range(1, 21)])
    assert histories[1].losses[0] < 20  # nats, no longer squares


def test_every_method_of_a_world_has_as_many_draws_and_the_same_seeds() -> None:
    for profile, seeds in (("smoke", 1), ("paper", 5)):
        cells = STUDY.cells(profile)
        assert len(cells) == seeds * sum(len(methods) for methods in RATES.values())
        assert len({(cell.params["steps"], cell.params["batch"]) for cell in cells}) == 1
        assert {cell.seed for cell in cells} == set(range(seeds))
