from __future__ import annotations

import copy

import torch

from distillery.models.stream import WithStream


class Dice(WithStream):
    def forward(self) -> list[float]:
        return torch.rand(3, generator=self.rng).tolist()


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_what_else_draws_from_the_stream_it_was_made_with_changes_nothing() -> None:
    alone, shared = Dice(rng=rng()), (stream := rng())
    beside = Dice(rng=shared)
    torch.rand(5, generator=stream)
    assert alone() == beside()


def test_two_made_from_one_stream_draw_different_numbers() -> None:
    stream = rng()
    assert Dice(rng=stream)() != Dice(rng=stream)()


def test_the_stream_is_saved_with_the_weights_and_copied_with_them() -> None:
    dice, other = Dice(rng=rng()), Dice(rng=rng(1))
    dice()
    other.load_state_dict(dice.state_dict())
    twin = copy.deepcopy(dice)
    first = dice()
    assert first == other() == twin()
    assert dice() != first
