"""Lossless subsets, with labels and with the teacher's answers."""

from __future__ import annotations

import pytest
import torch

from distillery import Batch
from distillery.generators.subsets import answers, labels_as_logits, lossless, subset
from distillery.losses import HardLabels, SoftTargets
from distillery.models.mlp import MLP
from distillery.teachers import Frozen, Labels, Recorded


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


X = torch.randint(256, (1100, 1, 2, 2), generator=rng(), dtype=torch.uint8)
Y = torch.arange(1100) % 3
TEACHER = Frozen(MLP([4, 5, 3], rng=rng(3)))


def test_a_subset_holds_different_examples_each_with_its_own_answer() -> None:
    numbered = torch.arange(50)
    x, y = subset(numbered[:, None], numbered, 20, rng=rng())
    assert x[:, 0].equal(y)
    assert len(set(y.tolist())) == 20


def test_answers_are_the_teachers_about_every_example() -> None:
    torch.testing.assert_close(answers(TEACHER, X), TEACHER(Batch(X.float() / 255)))


def test_a_lossless_memory_draws_only_what_it_kept_with_labels_or_answers() -> None:
    for teacher in (None, TEACHER):
        memory = lossless(X, Y, 11, rng=rng(), teacher=teacher)
        batch = memory.draw(500)
        assert len(batch.x.flatten(1).unique(dim=0)) == 11
        kept, labels = subset(X, Y, 11, rng=rng())
        at = (
            (batch.x.flatten(1)[:, None] == (kept.float() / 255).flatten(1)[None])
            .all(2)
            .int()
            .argmax(1)
        )
        y = labels if teacher is None else TEACHER(Batch(kept.float() / 255))
        torch.testing.assert_close(batch.y, y[at])


def test_labels_as_logits_give_the_cross_entropy_from_the_label_and_its_gradient() -> None:
    x, slopes, values = torch.randn(20, 4, generator=rng()), [], []
    for loss, teacher, y in (
        (HardLabels(), Labels(), Y[:20]),
        (SoftTargets(), Recorded(), labels_as_logits(Y[:20], 3)),
    ):
        student = MLP([4, 3], rng=rng(1))
        value = loss.each(teacher, student, Batch(x, y))
        value.mean().backward()
        values.append(value)
        slopes.append(student.layers[1].weight.grad)
    torch.testing.assert_close(values[0], values[1])
    torch.testing.assert_close(slopes[0], slopes[1])


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="size is 0: a whole number of at least 1"):
        subset(X, Y, 0, rng=rng())
    with pytest.raises(ValueError, match="size is 1101 of 1100 examples"):
        subset(X, Y, 1101, rng=rng())
    with pytest.raises(ValueError, match="x is empty"):
        answers(TEACHER, X[:0])
    with pytest.raises(ValueError, match="labels reach from 0 to 2: whole numbers from 0 to 1"):
        labels_as_logits(Y, 2)
    with pytest.raises(ValueError, match=r"labels have shape \(1100, 1\)"):
        labels_as_logits(Y[:, None], 3)
