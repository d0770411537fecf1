from __future__ import annotations

import math

import pytest
import torch

from distillery.models.nade import NADE
from distillery.models.rbm import RBM
from distillery.partition.enumeration import every_state, exact_log_sum, exact_log_z


@pytest.fixture
def rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize(("visible", "hidden"), [(7, 4), (4, 7), (1, 1), (6, 6)])
def test_both_sides_add_up_to_the_same(visible: int, hidden: int, rng: torch.Generator) -> None:
    machine = RBM.from_arrays(
        *(
            torch.randn(shape, generator=rng, dtype=torch.float64)
            for shape in ((visible, hidden), (visible,), (hidden,))
        )
    )
    assert exact_log_z(machine) == pytest.approx(
        exact_log_sum(machine.log_density, visible), rel=1e-12
    )


def test_a_machine_without_weights_is_a_product(rng: torch.Generator) -> None:
    a, b = (
        torch.randn(30, generator=rng, dtype=torch.float64),
        torch.randn(15, generator=rng, dtype=torch.float64),
    )
    machine = RBM.from_arrays(torch.zeros(30, 15, dtype=torch.float64), a, b)
    assert exact_log_z(machine) == pytest.approx(
        (a.exp().log1p().sum() + b.exp().log1p().sum()).item(), rel=1e-12
    )


def test_a_normalised_model_adds_up_to_one(rng: torch.Generator) -> None:
    assert exact_log_sum(NADE(9, 4, rng=rng).log_prob, 9) == pytest.approx(0, abs=1e-5)


def test_states_count_upwards() -> None:
    assert every_state(2).tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]


def test_too_many_states_are_refused() -> None:
    with pytest.raises(ValueError, match="is 21: 1 to 20 can be enumerated"):
        exact_log_z(RBM.from_arrays(torch.zeros(30, 21), torch.zeros(30), torch.zeros(21)))
    with pytest.raises(ValueError, match="visible is 0"):
        exact_log_sum(lambda x: x.sum(1), 0)
    assert math.isfinite(
        exact_log_z(RBM.from_arrays(torch.zeros(300, 3), torch.zeros(300), torch.zeros(3)))
    )
