from __future__ import annotations

import itertools

import pytest
import torch

from distillery.models.rbm import RBM
from distillery.partition import Estimate, exact_log_z
from distillery.partition.starts import Starts
from distillery.tools.logz import student as logz_student


@pytest.fixture
def starts(monkeypatch) -> Starts:
    monkeypatch.setattr(logz_student, "BURN_IN", 50)
    rng = torch.Generator().manual_seed(0)
    machine = RBM.from_arrays(
        *(torch.randn(shape, generator=rng, dtype=torch.float64) for shape in ((9, 5), (9,), (5,)))
    )
    return Starts(machine, rng=rng, data=torch.randint(2, (300, 9), generator=rng))


def test_a_distilled_student_and_its_machine_agree_on_log_z(starts, monkeypatch):
    monkeypatch.setattr(logz_student, "STEPS", 300)
    student, steps = logz_student.distilled(starts)
    assert (student.visible, student.hidden, steps) == (9, 16, 300)
    exact = exact_log_z(starts.machine)
    first, second = itertools.islice(logz_student.rounds(starts, student, draws=500), 2)
    assert [len(side) for side in (first.below, first.above, second.below, second.above)] == [
        500,
        500,
        1000,
        1000,
    ]
    assert torch.equal(second.below[:500], first.below)
    found = second.estimates
    assert all(
        abs(found[name].value - exact) < 4 * found[name].error for name in ("bridge", "importance")
    )
    assert (
        found["lower bound"].value - 4 * found["lower bound"].error
        < exact
        < found["upper bound"].value + 4 * found["upper bound"].error
    )
    assert found["upper bound"].value - found["lower bound"].value < 0.5


def test_chains_that_are_restless_go_on_twice_as_long_and_cast_doubt(starts, monkeypatch):
    unrest = iter([9.0, 0.0, 0.0])
    monkeypatch.setattr(Starts, "settled", lambda self, states, sweeps: (states, next(unrest)))
    monkeypatch.setattr(logz_student, "STEPS", 100)
    student, _ = logz_student.distilled(starts)
    made = list(itertools.islice(logz_student.rounds(starts, student, draws=100), 3))
    assert [(len(one.above), one.sweeps) for one in made] == [(100, 50), (100, 100), (200, 100)]
    doubted = [
        name
        for name, one in made[0].estimates.items()
        if any("have not settled" in warning for warning in one.warnings)
    ]
    assert doubted == ["bridge", "bounds", "upper bound"]
    assert not any(
        "settled" in warning for one in made[1].estimates.values() for warning in one.warnings
    )


def test_little_time_makes_few_steps_and_the_machine_stays_trainable(starts):
    assert logz_student.distilled(starts, seconds=1e-9)[1] == 100
    assert all(parameter.requires_grad for parameter in starts.machine.parameters())


def test_bounds_say_that_log_z_lies_between_and_no_more():
    lower, upper = (
        Estimate(10.0, 0.1, 50.0, (9.7, 10.3)),
        Estimate(12.0, 0.2, 40.0, (11.4, 12.6), ("wide",)),
    )
    between = logz_student.between(lower, upper)
    assert between == Estimate(11.0, (12.6 - 9.7) / 6, 40.0, (9.7, 12.6), ("wide",))
