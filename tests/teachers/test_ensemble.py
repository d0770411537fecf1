from __future__ import annotations

import pytest
import torch
from torch import nn

from distillery.models.mlp import MLP
from distillery.protocols import Batch
from distillery.teachers.ensemble import ensemble, train_members


def make(rng: torch.Generator) -> nn.Module:
    return MLP([2, 6, 3], rng=rng)


def data() -> tuple[torch.Tensor, torch.Tensor]:
    x = torch.randn(40, 2, generator=torch.Generator().manual_seed(0))
    return x, (x[:, 0] > 0).long() + (x[:, 1] > 0)


def streams(*seeds: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in seeds]


@pytest.mark.parametrize("stacked", [False, True])
def test_members_trained_together_are_those_trained_one_at_a_time(stacked: bool) -> None:
    together = train_members(
        make, *data(), streams=streams(1, 2, 3), passes=3, batch_size=5, stacked=stacked
    )
    for seed, member in zip((1, 2, 3), together, strict=True):
        [alone] = train_members(make, *data(), streams=streams(seed), passes=3, batch_size=5)
        for p, q in zip(member.parameters(), alone.parameters(), strict=True):
            torch.testing.assert_close(p, q, rtol=1e-4, atol=1e-6)


def test_the_ensemble_answers_with_the_mean_probability() -> None:
    members, x = [make(rng) for rng in streams(1, 2)], data()[0]
    expected = torch.stack([member(x).softmax(-1) for member in members]).mean(0)
    torch.testing.assert_close(ensemble(members)(Batch(x)).exp(), expected)


def test_an_ensemble_of_none_is_refused() -> None:
    with pytest.raises(
        ValueError, match="networks is empty: an ensemble of at least one network is needed"
    ):
        ensemble([])
    with pytest.raises(
        ValueError, match="streams is empty: an ensemble of at least one network is needed"
    ):
        train_members(make, *data(), streams=[], passes=1)


def test_members_of_different_numbers_of_classes_are_refused() -> None:
    other = MLP([2, 6, 4], rng=streams(3)[0])
    with pytest.raises(ValueError, match="as many classes are needed from all"):
        ensemble([make(streams(1)[0]), other])(Batch(data()[0]))


@pytest.mark.parametrize(
    ("passes", "batch", "sentence"),
    [(0, 5, "passes is 0"), (1, 41, "x holds 40 examples, batch_size is 41")],
)
def test_training_that_takes_no_step_is_refused(passes: int, batch: int, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        train_members(make, *data(), streams=streams(1), passes=passes, batch_size=batch)
