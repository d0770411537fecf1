"""A bank trains exactly what separate runs would."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import nn

from distillery import History, distill
from distillery.generators import Generator, Noise, Parallel, Resample
from distillery.losses import HardLabels, Loss, SoftTargets, SquareError
from distillery.models.bank import Bank, PerStudent, clip_gradients
from distillery.models.mlp import MLP
from distillery.teachers import Frozen, Labels
from distillery.training.schedules import linear_to_zero

SGD = partial(torch.optim.SGD, lr=0.1, momentum=0.9, weight_decay=0.01)
ADAM = partial(torch.optim.Adam, lr=0.01)
ADADELTA = partial(torch.optim.Adadelta, lr=1.0, rho=0.95, eps=1e-6)
BOTH = pytest.mark.parametrize("stacked", [False, True], ids=["list", "stacked"])


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def students(count: int = 3) -> list[nn.Module]:
    return [MLP([2, 8, 3], rng=rng(seed)) for seed in range(count)]


def train(
    student: nn.Module, optimizer: Any, generator: Generator | None = None, **more: Any
) -> History:
    teacher = Frozen(MLP([2, 16, 3], rng=rng(50)))
    settings: dict[str, Any] = {"steps": 25, "batch_size": 12, "loss": SoftTargets()} | more
    return distill(
        teacher, student, generator or Noise(2, rng=rng(9)), optimizer=optimizer, **settings
    )


def close(one: nn.Module, other: nn.Module) -> None:
    for p, q in zip(one.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=1e-4, atol=1e-6)


@BOTH
@pytest.mark.parametrize("make", [SGD, ADAM, ADADELTA], ids=["SGD", "Adam", "Adadelta"])
@pytest.mark.parametrize(
    "loss",
    [SoftTargets(2.0), SquareError(), 0.3 * SoftTargets() + 0.7 * SquareError()],
    ids=["soft", "square", "sum"],
)
def test_a_bank_trains_what_separate_runs_train(
    stacked: bool, make: Callable[..., Any], loss: Loss
) -> None:
    apart, bank = students(), Bank(students(), stacked=stacked)
    histories = [train(s, make(s.parameters()), loss=loss) for s in apart]
    history = train(bank, make(bank.parameters()), loss=loss)
    torch.testing.assert_close(
        history.losses, torch.stack([h.losses for h in histories], 1), rtol=1e-4, atol=1e-6
    )
    for index, student in enumerate(apart):
        close(bank.student(index), student)


@BOTH
def test_a_bank_learns_from_labels_too(stacked: bool) -> None:
    x = torch.randn(60, 2, generator=rng())
    y = (x[:, 0] > 0).to(torch.uint8)
    apart, bank = students(), Bank(students(), stacked=stacked)

    def go(student: nn.Module) -> None:
        optimizer = ADAM(student.parameters())
        distill(
            Labels(),
            student,
            Resample(x, y, rng=rng()),
            HardLabels(),
            optimizer=optimizer,
            steps=20,
            batch_size=12,
        )

    for student in [*apart, bank]:
        go(student)
    for index, student in enumerate(apart):
        close(bank.student(index), student)


@BOTH
def test_each_student_of_a_bank_is_clipped_by_itself(stacked: bool) -> None:
    def wild() -> list[nn.Module]:
        made = students()
        with torch.no_grad():
            made[1].layers[-1].weight.mul_(
                30
            )  # would drag the others' gradients down under a common norm
        return made

    apart, bank = wild(), Bank(wild(), stacked=stacked)
    for student in [*apart, bank]:
        train(student, SGD(student.parameters()), clip=0.2)
    for index, student in enumerate(apart):
        close(bank.student(index), student)


def test_clipping_scales_student_and_loss_each_to_its_own_norm() -> None:
    student, loss = nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False)
    student.weight.grad, loss.weight.grad = torch.full((2, 2), 5.0), torch.full((2, 2), 0.01)
    clip_gradients(student, loss, 1.0)
    assert student.weight.grad.norm() == pytest.approx(1.0)
    assert student.weight.grad[0, 0] == student.weight.grad[1, 1]
    assert loss.weight.grad.equal(torch.full((2, 2), 0.01))
    clip_gradients(student, loss, None)
    assert student.weight.grad.norm() == pytest.approx(1.0)


def test_students_of_a_list_have_their_own_rates_by_parameter_groups() -> None:
    rates, apart, bank = [0.3, 0.03, 0.003], students(), Bank(students())
    for student, rate in zip(apart, rates, strict=True):
        train(student, torch.optim.SGD(student.parameters(), lr=rate), schedule=linear_to_zero(25))
    groups = [
        {"params": s.parameters(), "lr": rate} for s, rate in zip(bank.students, rates, strict=True)
    ]
    train(bank, torch.optim.SGD(groups), schedule=linear_to_zero(25))
    for index, student in enumerate(apart):
        close(bank.student(index), student)


@pytest.mark.parametrize(
    "make",
    [
        partial(torch.optim.SGD, momentum=0.9),
        torch.optim.Adam,
        partial(torch.optim.AdamW, weight_decay=0.1),
        torch.optim.Adadelta,
    ],
    ids=["momentum", "Adam", "AdamW", "Adadelta"],
)
def test_students_of_a_stack_have_their_own_rates_by_an_optimizer_around_the_optimizer(
    make: Callable[..., Any],
) -> None:
    rates, apart, bank = [0.05, 0.01, 0.002], students(), Bank(students(), stacked=True)
    for student, rate in zip(apart, rates, strict=True):
        train(student, make(student.parameters(), lr=rate), schedule=linear_to_zero(25))
    # AdamW shrinks weights by rate x decay: proportional to the rate as well
    train(bank, PerStudent(make(bank.parameters(), lr=1.0), rates), schedule=linear_to_zero(25))
    for index, student in enumerate(apart):
        for p, q in zip(bank.student(index).parameters(), student.parameters(), strict=True):
            torch.testing.assert_close(p, q, rtol=1e-3, atol=1e-5)


def test_rates_a_student_need_a_stack_of_as_many() -> None:
    with pytest.raises(
        ValueError,
        match=(
            r"rates has 2 entries, a parameter shape \(3, 8, 2\): a stacked Bank of as many is"
            r" needed"
        ),
    ):
        PerStudent(SGD(Bank(students(), stacked=True).parameters()), [1.0, 0.1])
    with pytest.raises(ValueError, match="a stacked Bank"):
        PerStudent(SGD(Bank(students(2)).parameters()), [1.0, 0.1])


def test_per_student_rates_keep_the_inner_optimizers_state() -> None:
    bank = Bank(students(), stacked=True)
    outer = PerStudent(ADAM(bank.parameters()), [1.0, 1.0, 1.0])
    train(bank, outer, steps=3)
    assert all(entry["step"] == 3 for entry in outer.state_dict()["state"].values())
    again = PerStudent(ADAM(bank.parameters()), [1.0, 1.0, 1.0])
    again.load_state_dict(outer.state_dict())
    assert all(entry["step"] == 3 for entry in again.optimizer.state.values())


@BOTH
def test_students_with_streams_of_their_own_train_as_separate_runs_on_separate_streams(
    stacked: bool,
) -> None:
    apart, bank = students(), Bank(students(), stacked=stacked, own_streams=True)
    for seed, student in enumerate(apart):
        train(student, ADAM(student.parameters()), Noise(2, rng=rng(100 + seed)))
    streams = Parallel([Noise(2, rng=rng(100 + seed)) for seed in range(3)])
    train(bank, ADAM(bank.parameters()), streams, batch_size=36)
    for index, student in enumerate(apart):
        close(bank.student(index), student)


@BOTH
def test_a_batch_that_cannot_be_shared_out_is_refused(stacked: bool) -> None:
    with pytest.raises(
        ValueError,
        match="a batch of 10 cannot be shared out among 3 students: a multiple of 3 is needed",
    ):
        Bank(students(), stacked=stacked, own_streams=True)(torch.zeros(10, 2))


def test_a_list_holds_students_of_different_widths() -> None:
    def widths() -> list[nn.Module]:
        return [MLP([2, width, 3], rng=rng(width)) for width in (2, 5, 17)]

    apart, bank = widths(), Bank(widths())
    for student in [*apart, bank]:
        train(student, ADAM(student.parameters()))
    for index, student in enumerate(apart):
        close(bank.student(index), student)
    with pytest.raises(
        ValueError, match="students of different layers or shapes cannot be stacked"
    ):
        Bank(widths(), stacked=True)


def test_students_of_equal_shapes_but_different_layers_are_not_stacked() -> None:
    """Their weights would stack, and all would silently be run with the first one's nonlinearity."""
    two = [MLP([2, 8, 3], rng=rng()), MLP([2, 8, 3], rng=rng(), activation=nn.Tanh())]
    with pytest.raises(ValueError, match="students of different layers"):
        Bank(two, stacked=True)
    x = torch.randn(4, 2, generator=rng())
    assert Bank(two)(x)[1].equal(two[1](x))


def test_a_student_with_a_stream_of_its_own_is_not_stacked() -> None:
    class Drawing(nn.Linear):
        def get_extra_state(self) -> Any:
            return torch.zeros(1)

        def set_extra_state(self, state: Any) -> None:
            pass

    with pytest.raises(ValueError, match="random streams of their own cannot be stacked"):
        Bank([Drawing(2, 2), Drawing(2, 2)], stacked=True)


def test_an_empty_bank_is_refused() -> None:
    with pytest.raises(ValueError, match="students is empty"):
        Bank([])


@BOTH
def test_a_bank_of_one_is_that_one(stacked: bool) -> None:
    bank, x = Bank(students(1), stacked=stacked), torch.randn(5, 2, generator=rng())
    torch.testing.assert_close(bank(x), students(1)[0](x)[None])
    assert len(bank) == 1


@BOTH
@pytest.mark.parametrize("own_streams", [False, True])
def test_running_means_are_kept_by_each_student(stacked: bool, own_streams: bool) -> None:
    def normalised() -> list[nn.Module]:
        return [
            nn.Sequential(MLP([2, 4], rng=rng(seed)), nn.BatchNorm1d(4), nn.Linear(4, 3))
            for seed in range(3)
        ]

    torch.manual_seed(0)
    apart = normalised()
    bank = Bank(copy.deepcopy(apart), stacked=stacked, own_streams=own_streams).train()
    x = torch.randn(9, 2, generator=rng())
    for part, student in zip(x.split(3) if own_streams else [x] * 3, apart, strict=True):
        student.train()(part)
    bank(x)
    for index, student in enumerate(apart):
        mine, theirs = bank.student(index).state_dict(), student.state_dict()
        assert mine.keys() == theirs.keys()
        for name in theirs:
            torch.testing.assert_close(mine[name], theirs[name])


def test_students_of_a_stack_drop_out_different_units() -> None:
    torch.manual_seed(0)
    bank = Bank(
        [nn.Sequential(nn.Dropout(0.5), nn.Linear(2, 2)) for _ in range(2)], stacked=True
    ).train()
    masks = Bank([nn.Sequential(nn.Dropout(0.5)), nn.Sequential(nn.Dropout(0.5))])(
        torch.ones(20, 5)
    )
    assert not masks[0].equal(masks[1])
    with torch.no_grad():
        for name, p in bank.named_parameters():
            p.copy_(torch.eye(2).expand_as(p) if "weight" in name else torch.zeros_like(p))
    answers = bank(torch.ones(20, 2))
    assert not answers[0].equal(answers[1])
    assert bank.eval()(torch.ones(20, 2)).equal(torch.ones(2, 20, 2))


def test_a_frozen_layer_stays_frozen_in_a_stack() -> None:
    def half_frozen() -> list[nn.Module]:
        made = [
            nn.Sequential(
                MLP([2, 4], rng=rng(seed)).requires_grad_(False), MLP([4, 3], rng=rng(seed))
            )
            for seed in range(2)
        ]
        return list(made)

    bank = Bank(half_frozen(), stacked=True)
    assert [p.requires_grad for p in bank.parameters()] == [False, False, True, True]
    start = bank.student(1)[0].layers[1].weight.clone()
    train(bank, SGD([p for p in bank.parameters() if p.requires_grad]))
    assert bank.student(1)[0].layers[1].weight.equal(start)


@BOTH
def test_a_bank_comes_back_from_its_state(stacked: bool) -> None:
    bank, other = Bank(students(), stacked=stacked), Bank(students()[::-1], stacked=stacked)
    other.load_state_dict(bank.state_dict())
    x = torch.randn(4, 2, generator=rng())
    assert other(x).equal(bank(x))


@BOTH
def test_a_bank_answers_in_the_precision_of_its_students(stacked: bool) -> None:
    bank = Bank(students(), stacked=stacked).double()
    assert bank(torch.zeros(2, 2, dtype=torch.float64)).dtype == torch.float64
    assert next(bank.student(0).parameters()).dtype == torch.float64
