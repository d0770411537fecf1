from __future__ import annotations

import itertools

import pytest
import torch

from distillery.lab import logz_student
from distillery.models.rbm import RBM
from distillery.partition import Estimate, exact_log_z
from distillery.partition.starts import Starts


@pytest.fixture
def starts(monkeypatch) -> Starts:
    monkeypatch.setattr(logz_student, "BURN_IN", 50)
    rng = torch.Generator().manual_seed(0)
    machine = RBM.from_arrays(*(torch.randn(shape, generator=rng, dtype=torch.float64) for shape in ((9, 5), (9,), (5,))))
    return Starts(machine, rng=rng, data=torch.randint(2, (300, 9), generator=rng))


def test_a_distilled_student_and_its_machine_agree_on_log_z(starts, monkeypatch):
    monkeypatch.setattr(logz_student, "STEPS", 300)
    student, steps = logz_student.distilled(starts)
    assert (student.visible, student.hidden, steps) == (9, 16, 300)
    exact = exact_log_z(starts.machine)
    first, second = itertools.islice(logz_student.rounds(starts, student, draws=500), 2)
    assert [len(side) for side in (*first, *second)] == [500, 500, 1000, 1000]
    assert torch.equal(second[0][:500], first[0])
    found = logz_student.estimates(*second)
    assert all(abs(found[name].value - exact) < 4 * found[name].error for name in ("bridge", "importance"))
    assert found["lower bound"].value - 4 * found["lower bound"].error < exact < found["upper bound"].value + 4 * found["upper bound"].error
    assert found["upper bound"].value - found["lower bound"].value < 0.5


def test_little_time_makes_few_steps_and_the_machine_stays_trainable(starts):
    assert logz_student.distilled(starts, seconds=1e-9)[1] == 100
    assert all(parameter.requires_grad for parameter in starts.machine.parameters())


def test_bounds_say_that_log_z_lies_between_and_no_more():
    lower, upper = Estimate(10.0, 0.1, 50.0, (9.7, 10.3)), Estimate(12.0, 0.2, 40.0, (11.4, 12.6), ("wide",))
    between = logz_student.between(lower, upper)
    assert between == Estimate(11.0, (12.6 - 9.7) / 6, 40.0, (9.7, 12.6), ("wide",))
