from __future__ import annotations

import pytest
import torch
from torch import nn

from distillery import Batch
from distillery.losses import DerivativeSquareError, SoftTargets
from distillery.losses.each_its_own import EachItsOwn
from distillery.models.bank import Bank
from distillery.models.mlp import MLP
from distillery.teachers import Frozen


def network(seed: int) -> nn.Module:
    return MLP([2, 6, 3], rng=torch.Generator().manual_seed(seed))


def test_each_student_learns_by_its_own_loss_as_it_would_alone() -> None:
    losses, bank, batch = (
        [SoftTargets(), DerivativeSquareError()],
        Bank([network(1), network(2)]),
        Batch(torch.randn(5, 2)),
    )
    found = EachItsOwn(losses)(Frozen(network(0)), bank, batch)
    found.sum().backward()
    for index, loss in enumerate(losses):
        alone = network(index + 1)
        value = loss(Frozen(network(0)), alone, batch)
        value.backward()
        torch.testing.assert_close(found[index], value)
        torch.testing.assert_close(
            bank.student(index).layers[1].weight.grad, alone.layers[1].weight.grad
        )


def test_as_many_students_as_losses_are_needed() -> None:
    with pytest.raises(
        ValueError, match="student is a MLP: a Bank of 1 students, not stacked, is needed"
    ):
        EachItsOwn([SoftTargets()]).each(Frozen(network(0)), network(1), Batch(torch.zeros(2, 2)))
