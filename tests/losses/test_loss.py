from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from distillery import Batch, distill
from distillery.generators import Noise
from distillery.losses import DerivativeSquareError, Loss, SoftTargets, SquareError, Sum
from distillery.models.mlp import MLP
from distillery.models.once import look, once
from distillery.teachers import Average, Frozen


class Counted(nn.Module):
    """Counts its runs on a submodule."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.network, self.runs = (
            MLP([2, 8, 3], rng=torch.Generator().manual_seed(seed), activation=nn.Tanh()),
            0,
        )
        self.network.layers[1].register_forward_pre_hook(self._count)

    def _count(self, *_: object) -> None:
        self.runs += 1

    def forward(self, x: Tensor) -> Tensor:
        return self.network(x)


class Hints(Loss):
    student_layers = ("network.layers.2",)
    teacher_layers = ("network.network.layers.2",)

    def each(self, teacher: nn.Module, student: nn.Module, batch: Batch) -> Tensor:
        _, mine = look(student, batch.x, self.student_layers)
        _, theirs = look(teacher, batch, self.teacher_layers)
        return (mine[self.student_layers[0]] - theirs[self.teacher_layers[0]]).square().mean(-1)


def parts() -> tuple[Frozen, Counted, Batch]:
    return (
        Frozen(Counted(1)),
        Counted(2),
        Batch(torch.randn(5, 2, generator=torch.Generator().manual_seed(0))),
    )


def test_a_loss_is_the_mean_over_the_batch() -> None:
    teacher, student, batch = parts()
    loss = SoftTargets()
    torch.testing.assert_close(
        loss(teacher, student, batch), loss.each(teacher, student, batch).mean()
    )


@pytest.mark.parametrize(
    ("made", "weights"),
    [
        (SoftTargets() + SquareError(), [1.0, 1.0]),
        (0.9 * SoftTargets() + 0.1 * SquareError(), [0.9, 0.1]),
        (SoftTargets() * 0.9 + SquareError() * 0.1, [0.9, 0.1]),
        (2 * (0.5 * SoftTargets() + SquareError()), [1.0, 2.0]),
        ((0.5 * SoftTargets() + SquareError()) * 2, [1.0, 2.0]),
        (SoftTargets() + (3 * SquareError() + SquareError()), [1.0, 3.0, 1.0]),
        (1 * SoftTargets(), [1.0]),
    ],
)
def test_a_sum_has_the_value_of_its_weighted_terms(made: Sum, weights: list[float]) -> None:
    teacher, student, batch = parts()
    assert made.weights == pytest.approx(weights)
    expected = sum(
        w * term.each(teacher, student, batch) for w, term in zip(weights, made.terms, strict=True)
    )
    torch.testing.assert_close(made.each(teacher, student, batch), expected)


def test_making_a_sum_changes_none_of_its_terms() -> None:
    first = 0.5 * SoftTargets()
    both = first + SquareError()
    assert (len(first.terms), len(both.terms)) == (1, 2)
    assert (2 * both).weights == [1.0, 2.0]
    assert both.weights == [0.5, 1.0]


def test_a_sum_learns_what_its_terms_must_learn() -> None:
    class Scaled(SoftTargets):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.ones(1))

    assert [name for name, _ in (SoftTargets() + 0.1 * Scaled()).named_parameters()] == [
        "terms.1.scale"
    ]


@pytest.mark.parametrize(
    "loss",
    [
        SoftTargets() + SquareError(),
        0.5 * SoftTargets() + 0.5 * DerivativeSquareError(),
        DerivativeSquareError() + DerivativeSquareError(weighting="teacher") + SquareError(),
        SoftTargets() + 0.1 * Hints() + SquareError(),
        SoftTargets() + (Hints() + Sum([(1.0, Sum([(2.0, DerivativeSquareError())]))])),
    ],
    ids=["values", "values and slopes", "slopes twice", "layers", "everything, nested"],
)
def test_the_terms_of_a_sum_share_one_run_of_each_network(loss: Loss) -> None:
    teacher, student, batch = parts()
    with once(teacher, student, loss):
        value = loss(teacher, student, batch)
    assert (teacher.network.runs, student.runs) == (1, 1)
    torch.testing.assert_close(value, loss(teacher, student, batch))


def test_a_step_of_the_loop_runs_each_network_once() -> None:
    teacher, student, _ = parts()
    loss = SoftTargets() + DerivativeSquareError() + Hints()
    optimizer = torch.optim.SGD(student.parameters(), lr=0.1)
    distill(
        teacher,
        student,
        Noise(2, rng=torch.Generator().manual_seed(0)),
        loss,
        optimizer=optimizer,
        steps=3,
        batch_size=4,
    )
    assert (teacher.network.runs, student.runs) == (3, 3)


def test_each_member_of_an_average_runs_once_a_step() -> None:
    _, student, batch = parts()
    members = [Counted(seed) for seed in range(3)]
    teacher, loss = Average([Frozen(m) for m in members]), SoftTargets() + DerivativeSquareError()
    with once(teacher, student, loss):
        loss(teacher, student, batch)
    assert [m.runs for m in members] == [1, 1, 1]


def test_gradients_of_a_sum_are_the_sum_of_gradients() -> None:
    teacher, student, batch = parts()
    loss = 0.5 * SoftTargets() + 2.0 * DerivativeSquareError() + Hints()
    parameters = list(student.parameters())
    with once(teacher, student, loss):
        together = torch.autograd.grad(loss(teacher, student, batch), parameters)
    apart = [
        torch.autograd.grad(w * term(teacher, student, batch), parameters, allow_unused=True)
        for w, term in loss._weighted()
    ]
    for index, gradient in enumerate(together):
        torch.testing.assert_close(gradient, sum(g[index] for g in apart if g[index] is not None))
