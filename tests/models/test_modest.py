from __future__ import annotations

import pytest
import torch

from distillery.models.modest import Modest

HELD = [torch.zeros(30_000), torch.zeros(20_000)]
MORE = "they ask for more than the 50,000 numbers that there are"


@pytest.mark.parametrize(
    "ask",
    [
        lambda: torch.zeros(10**12),
        lambda: torch.rand(10**6, 10**6, generator=torch.Generator()),
        lambda: torch.empty((10**6, 10**6)),
        lambda: torch.zeros(size=(10**12,)),
        lambda: torch.arange(10**12),
        lambda: torch.eye(10**6),
        lambda: torch.nn.Linear(10**6, 10**6),
        lambda: torch.arange(1000)[:, None] >= torch.arange(1000),
    ],
)
def test_what_is_larger_than_all_that_is_held_is_refused_before_it_is_made(ask) -> None:
    with Modest(HELD), pytest.raises(MemoryError, match=MORE):
        ask()


def test_many_small_askings_are_refused_when_together_they_are_far_more() -> None:
    def ask_on() -> None:
        for _ in range(10**9):
            torch.zeros(1)

    with Modest(HELD), pytest.raises(MemoryError, match=MORE):
        ask_on()


def test_what_a_model_of_that_size_needs_is_allowed() -> None:
    with Modest(HELD):
        layer = torch.nn.Linear(200, 200)
        layer.weight.data.copy_(torch.randn(200, 200) * 2)
        layer.double().float()
