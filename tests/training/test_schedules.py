from __future__ import annotations

import pytest

from distillery.training.schedules import linear_to_zero, milestones, one_cycle


def test_a_linear_schedule_starts_at_one_and_would_reach_zero_after_the_last_step() -> None:
    rate = linear_to_zero(10)
    assert [rate(step) for step in (0, 5, 9, 10, 50)] == pytest.approx([1.0, 0.5, 0.1, 0.0, 0.0])


def test_one_cycle_rises_to_one_where_the_warm_up_ends_and_falls_to_its_end() -> None:
    rate = one_cycle(100, warm_up=0.3, start=0.04, end=1e-4)
    rates = [rate(step) for step in range(101)]
    assert rates[0] == pytest.approx(0.04)
    assert rates[30] == pytest.approx(1.0)
    assert rates[100] == pytest.approx(1e-4)
    assert rates[:31] == sorted(rates[:31])
    assert rates[30:] == sorted(rates[30:], reverse=True)
    assert max(rates) == rates[30]


def test_one_cycle_moves_along_a_cosine() -> None:
    assert one_cycle(100, warm_up=0.5, start=0.0, end=0.0)(25) == pytest.approx(0.5)
    assert one_cycle(100, warm_up=0.5, start=0.2, end=0.0)(75) == pytest.approx(0.5)


def test_one_cycle_stays_at_its_end_and_serves_a_single_step() -> None:
    assert one_cycle(10)(1000) == pytest.approx(1e-4)
    assert 0 < one_cycle(1)(0) <= 1


def test_milestones_multiply_the_rate_at_each_mark() -> None:
    rate = milestones((3, 5), factor=0.1)
    assert [rate(step) for step in range(7)] == pytest.approx([1, 1, 1, 0.1, 0.1, 0.01, 0.01])
