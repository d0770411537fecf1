from __future__ import annotations

import pytest
import torch
from torch import Tensor

from distillery.partition.temperatures import (
    check_temperatures,
    even_in_difficulty,
    salakhutdinov_murray,
    uniform,
)


@pytest.mark.parametrize("steps", [3, 10, 1000, 14_500])
@pytest.mark.parametrize("schedule", [uniform, salakhutdinov_murray])
def test_schedules_rise_from_zero_to_one_in_as_many_steps_as_asked(
    schedule: object, steps: int
) -> None:
    betas = schedule(steps)  # type: ignore[operator]
    assert len(betas) == steps + 1
    assert torch.equal(check_temperatures(betas), betas)


def test_the_published_schedule_has_its_published_runs() -> None:
    betas = salakhutdinov_murray()
    assert betas[500] == 0.5
    assert betas[4500].item() == pytest.approx(0.9)


def test_steps_are_short_where_the_slope_varies() -> None:
    betas = uniform(1000)
    placed = even_in_difficulty(betas, torch.where(betas < 0.5, 9.0, 1.0), 400)
    assert len(placed) == 401
    assert (placed < 0.5).sum().item() == pytest.approx(300, abs=3)  # speed 3 against speed 1
    check_temperatures(placed)


@pytest.mark.parametrize(
    "betas",
    [
        torch.tensor([0.0, 0.5]),
        torch.tensor([0.0, 0.7, 0.6, 1.0]),
        torch.tensor([0.1, 1.0]),
        torch.tensor([1.0]),
    ],
)
def test_temperatures_that_do_not_rise_from_zero_to_one_are_refused(betas: Tensor) -> None:
    with pytest.raises(ValueError, match="rise from 0 to 1"):
        check_temperatures(betas)


def test_zero_steps_are_refused() -> None:
    with pytest.raises(ValueError, match="steps is 0"):
        uniform(0)
    with pytest.raises(ValueError, match="at least 3"):
        salakhutdinov_murray(2)
