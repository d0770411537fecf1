from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from distillery import Batch, Diverged, History, distill
from distillery.generators import Noise
from distillery.losses import Loss, SquareError
from distillery.metrics import Estimate
from distillery.models.bank import Bank
from distillery.teachers import Formula
from distillery.training.underway import precision


class Failing(Loss):
    """Zero, but for one step (and, of a Bank, one student)."""

    def __init__(self, at: int, value: float, student: int | None = None) -> None:
        super().__init__()
        self.at, self.value, self.who, self.asked = at, value, student, 0

    def each(self, teacher: nn.Module, student: nn.Module, batch: Batch) -> Tensor:
        added = student(batch.x).sum(-1) * 0.0
        if self.asked == self.at:
            added = (
                added + self.value
                if self.who is None
                else added + torch.eye(len(added))[self.who][:, None] * 0 + self._one(added)
            )
        self.asked += 1
        return added

    def _one(self, values: Tensor) -> Tensor:
        return torch.where(
            torch.arange(len(values))[:, None] == self.who, self.value, 0.0
        ).expand_as(values)


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def go(student: nn.Module | None = None, loss: Loss | None = None, **more: Any) -> History:
    student = student or nn.Linear(2, 2)
    optimizer = torch.optim.SGD(student.parameters(), lr=0.1)
    more = {"steps": 10, "batch_size": 4} | more
    return distill(
        Formula(torch.sin),
        student,
        Noise(2, rng=rng()),
        loss or SquareError(),
        optimizer=optimizer,
        **more,
    )


def test_a_history_holds_the_loss_of_every_step() -> None:
    history = go(steps=150)
    assert history.losses.shape == (150,)
    assert len(history) == 150
    assert not history.losses.requires_grad


def test_a_history_of_a_bank_holds_a_loss_for_every_student() -> None:
    assert go(Bank([nn.Linear(2, 2) for _ in range(3)]), steps=70).losses.shape == (70, 3)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("at", [0, 5, 63, 64, 70])
def test_divergence_is_caught_at_its_step_and_names_step_and_loss(value: float, at: int) -> None:
    student = nn.Linear(2, 2)
    loss = Failing(at, value)
    with pytest.raises(
        Diverged, match=rf"Failing was {value} at step {at}: a finite number is needed"
    ):
        go(student, loss, steps=100)
    assert loss.asked == at + 1  # not a step later, on a CPU
    assert all(p.isfinite().all() for p in student.parameters())


def test_divergence_of_one_student_of_a_bank_shows_which() -> None:
    with pytest.raises(Diverged, match=r"Failing was \[0\.0, nan, 0\.0\] at step 2"):
        go(Bank([nn.Linear(2, 2) for _ in range(3)]), Failing(2, float("nan"), student=1))


def test_a_rate_that_is_too_high_is_told_as_divergence() -> None:
    student = nn.Linear(2, 2)
    optimizer = torch.optim.SGD(student.parameters(), lr=1e30)
    with pytest.raises(Diverged, match="SquareError was"):
        distill(
            Formula(torch.sin),
            student,
            Noise(2, rng=rng()),
            SquareError(),
            optimizer=optimizer,
            steps=50,
            batch_size=4,
        )


def test_values_that_were_not_looked_at_at_once_are_named_by_their_own_step() -> None:
    """On an accelerator values are looked at 64 at a time."""
    history, loss = History(), SquareError()
    history.losses = torch.zeros(64)
    history._pending = [
        torch.tensor(value) for value in (1.0, 2.0, float("nan"), 3.0, float("inf"))
    ]
    with pytest.raises(Diverged, match="SquareError was nan at step 66"):
        history.settle(loss)


@pytest.mark.parametrize(
    ("probe_at", "expected"),
    [
        (4, [4, 8]),
        (1, list(range(1, 11))),
        ((1, 10), [1, 10]),
        ({3}, [3]),
        (range(0, 11, 5), [0, 5, 10]),
        ([0], [0]),
        (1000, []),
    ],
)
def test_probes_are_taken_after_the_steps_asked_for(
    probe_at: int | Collection[int], expected: list[int]
) -> None:
    history = go(probes={"calls": lambda _: 1}, probe_at=probe_at)
    assert [row["step"] for row in history.probes] == expected


def test_a_probe_at_zero_sees_the_student_before_it_learns() -> None:
    student = nn.Linear(2, 2)
    start = student.weight.detach().clone()
    history = go(student, probes={"weight": lambda s: s.weight}, probe_at=(0, 10))
    assert history.probed("weight")[1][0] == start.tolist()
    assert history.probed("weight")[1][1] == student.weight.tolist()


def test_probes_become_numbers_lists_and_dictionaries() -> None:
    probes = {
        "tensor": lambda _: torch.tensor([1.0, 2.0]),
        "estimate": lambda _: Estimate(0.5, 0.1, 25),
        "numpy": lambda _: torch.tensor(3.0).numpy(),
        "several": lambda _: {"a": torch.tensor(1), "b": 2},
    }
    steps, values = go(probes=probes, probe_at=10).probed("estimate")
    assert (steps, values) == ([10], [{"value": 0.5, "error": 0.1, "n": 25}])
    row = go(probes=probes, probe_at=10).probes[0]
    assert row == {
        "step": 10,
        "tensor": [1.0, 2.0],
        "estimate": values[0],
        "numpy": 3.0,
        "several": {"a": 1, "b": 2},
    }


def test_a_probe_that_was_not_taken_is_refused_with_those_that_were() -> None:
    with pytest.raises(KeyError, match=r"no probe 'acuracy' was taken: there are \['accuracy'\]"):
        go(probes={"accuracy": lambda _: 1.0}, probe_at=5).probed("acuracy")


def test_products_take_the_dtype_and_nothing_else_does() -> None:
    x, weight = torch.ones(2, 2), torch.ones(2, 2)
    with precision(torch.bfloat16, x.device):
        assert (x @ weight).dtype == torch.bfloat16
    for dtype in (None, torch.float32):
        with precision(dtype, x.device):
            assert (x @ weight).dtype == torch.float32
            assert (x.double() @ weight.double()).dtype == torch.float64


def test_a_history_says_how_many_steps_it_has_and_where_the_loss_went() -> None:
    assert repr(History()) == "<History of 0 steps>"
    history = History()
    for value in (2.0, 1.0, 0.25):
        history.add(torch.tensor(value), SquareError())
    history.settle(SquareError())
    assert repr(history) == "<History of 3 steps, loss 2 to 0.25>"
