"""A projected gradient breaks no constraint, and is the nearest that does not."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch import nn

from distillery.lifelong import (
    LastOfEachTask,
    LosslessMemory,
    OfEarlierTasks,
    OfTheMemory,
    Projected,
    WithinTask,
)
from distillery.lifelong.quadratic import multipliers
from distillery.losses import HardLabels
from distillery.protocols import Batch
from distillery.teachers import Labels
from tiny_streams import MASK, lossless, rng, student, task


def brute_force(references: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """The nearest vector without negative products: for each set of constraints that hold with
    equality the projection onto them, of those allowed the nearest.
    """
    allowed = []
    rows = range(len(references))
    for size in range(len(references) + 1):
        for active in itertools.combinations(rows, size):
            chosen = references[list(active)]
            away = chosen.T @ np.linalg.pinv(chosen @ chosen.T) @ chosen @ gradient if size else 0
            candidate = gradient - away
            if (references @ candidate >= -1e-9).all():
                allowed.append(candidate)
    return min(allowed, key=lambda candidate: float(((candidate - gradient) ** 2).sum()))


@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_projection_equals_brute_force(count: int) -> None:
    numbers = np.random.default_rng(count)
    for _ in range(200):
        references, gradient = numbers.normal(size=(count, 5)), numbers.normal(size=5)
        v = multipliers(references @ references.T, references @ gradient)
        assert (v >= 0).all()
        assert np.allclose(gradient + references.T @ v, brute_force(references, gradient))


def test_many_constraints_hold_and_equal_ones_do_no_harm() -> None:
    numbers = np.random.default_rng(0)
    references, gradient = numbers.normal(size=(19, 400)), numbers.normal(size=400)
    references = np.concatenate([references, references[:3]])
    v = multipliers(references @ references.T, references @ gradient, 0.5)
    assert (v >= 0.5).all()
    assert (references @ (gradient + references.T @ v) >= -1e-8).all()
    assert multipliers(np.zeros((2, 2)), np.zeros(2), 0.5).tolist() == [0.5, 0.5]


def line(*numbers: float) -> nn.Parameter:
    return nn.Parameter(torch.tensor(numbers))


def step(references: list[list[float]] | None, gradient: list[float]) -> list[float]:
    parameter = line(0.0, 0.0)
    rows = None if references is None else torch.tensor(references)
    optimizer = Projected(torch.optim.SGD([parameter], lr=1.0), lambda: rows)
    optimizer.zero_grad()
    parameter.grad = torch.tensor(gradient)
    optimizer.step()
    return parameter.detach().tolist()


def test_a_step_goes_along_the_border_of_what_is_allowed() -> None:
    assert step(None, [1.0, 2.0]) == [-1.0, -2.0]
    assert step([[1.0, 0.0]], [1.0, 2.0]) == [-1.0, -2.0]
    assert step([[-1.0, 0.0]], [1.0, 2.0]) == pytest.approx([0.0, -2.0])
    assert step([[-1.0, 0.0], [0.0, -3.0]], [1.0, 2.0]) == pytest.approx([0.0, 0.0])


def test_with_one_reference_it_is_the_closed_form_of_averaged_gem() -> None:
    g, r = torch.tensor([1.0, -2.0]), torch.tensor([-3.0, 1.0])
    expected = g - (g @ r) / (r @ r) * r
    assert step([r.tolist()], g.tolist()) == pytest.approx((-expected).tolist())


def filled() -> LosslessMemory:
    memory = LosslessMemory((1, 28, 28), LastOfEachTask(4, 3), lossless().carried, rng=rng())
    for number in (0, 1):
        own = task(number)
        tasks = torch.full_like(own.y_train, number)
        memory.write(Batch(own.x_train.float() / 255, own.y_train, task=tasks))
    return memory


def test_references_are_the_gradients_of_the_loss_on_each_earlier_task() -> None:
    network, memory, loss = student(), filled(), WithinTask(HardLabels(), MASK)
    reference = OfEarlierTasks(Labels(), network, loss, memory)
    assert reference() is None
    reference.begin(2)
    rows = reference()
    assert rows is not None
    assert all(p.grad is None for p in network.parameters())
    for number, row in enumerate(rows):
        network.zero_grad()
        loss(Labels(), network, memory.of_task(number)).backward()
        own = torch.cat([p.grad.flatten() for p in network.parameters()])
        torch.testing.assert_close(row, own)


def test_a_projected_step_increases_no_earlier_loss_to_first_order() -> None:
    network, memory, loss = student(), filled(), WithinTask(HardLabels(), MASK)
    reference = OfEarlierTasks(Labels(), network, loss, memory)
    reference.begin(2)
    optimizer = Projected(torch.optim.SGD(network.parameters(), lr=1e-3), reference)
    rows = reference()
    assert rows is not None
    for p, part in zip(
        network.parameters(),
        (-rows.sum(0)).split([p.numel() for p in network.parameters()]),
        strict=True,
    ):
        p.grad = part.view_as(p).clone()
    optimizer.step()
    gradient = torch.cat([p.grad.flatten() for p in network.parameters()])
    assert (rows @ gradient >= -1e-4).all()
    one = OfTheMemory(Labels(), network, loss, memory, n=5)
    assert one() is None
    one.begin(1)
    assert one().shape == (1, rows.shape[1])


def test_a_negative_margin_is_refused() -> None:
    with pytest.raises(ValueError, match="margin is -1: a number from 0"):
        Projected(torch.optim.SGD([line(1.0)], lr=1.0), lambda: None, margin=-1)
