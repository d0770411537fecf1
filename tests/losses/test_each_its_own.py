from __future__ import annotations

import pytest
import torch
from torch import nn

from distillery import Batch
from distillery.losses import DerivativeSquareError, SoftTargets
from distillery.losses.each_its_own import EachItsOwn
from distillery.models.bank import Bank, clip_gradients
from distillery.models.mlp import MLP
from distillery.models.once import once
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


def test_teacher_and_students_run_once_each_however_many_terms_their_losses_have() -> None:
    teacher, bank = Frozen(network(0)), Bank([network(1), network(2)])
    runs = dict.fromkeys(("teacher", "first", "second"), 0)
    for name, module in zip(runs, (teacher.network, *bank.students), strict=True):
        module.layers[1].register_forward_hook(
            lambda *_, name=name: runs.__setitem__(name, runs[name] + 1)
        )
    loss = EachItsOwn([SoftTargets() + SoftTargets(2.0), SoftTargets() + SoftTargets(4.0)])
    with once(teacher, bank, loss):
        loss(teacher, bank, Batch(torch.randn(5, 2)))
    assert runs == {"teacher": 1, "first": 1, "second": 1}


def test_clipping_leaves_students_with_losses_of_their_own_apart() -> None:
    """What a student's loss has learned counts towards its own norm and nobody else's."""
    losses = EachItsOwn([SoftTargets(), SoftTargets()])
    for loss, size in zip(losses.losses, (3.0, 0.5), strict=True):
        loss.weight = nn.Parameter(torch.zeros(1))
        loss.weight.grad = torch.full((1,), size)
    clip_gradients(Bank([network(1), network(2)]), losses, 1.0)
    assert [round(float(loss.weight.grad), 5) for loss in losses.losses] == [1.0, 0.5]
