"""Students abreast answer and learn as each would by itself, to rounding."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor, nn

from distillery import distill
from distillery.generators import Hardest, Parallel, Resample
from distillery.losses import SoftTargets
from distillery.models.abreast import Abreast
from distillery.models.bank import Bank
from distillery.models.lenet import LeNet
from distillery.models.mlp import MLP
from distillery.teachers import Recorded


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def lenet(seed: int) -> nn.Module:
    return LeNet(rng=rng(seed), widths=(3, 5, 7))


def mlp(seed: int) -> nn.Module:
    return MLP([784, 9, 8, 10], rng=rng(seed))


BOTH = pytest.mark.parametrize("make", [lenet, mlp], ids=["LeNet", "MLP"])
Make = Callable[[int], nn.Module]


def pictures(count: int, seed: int = 0) -> Tensor:
    return torch.rand(count, 1, 28, 28, generator=rng(seed))


def adam(student: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.Adam(student.parameters(), lr=1e-3)


def assert_close(one: nn.Module, other: nn.Module) -> None:
    for p, q in zip(one.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=1e-4, atol=2e-5)


@BOTH
@pytest.mark.parametrize("batch", [1, 4])
def test_each_answers_its_own_inputs_as_it_does_alone(make: Make, batch: int) -> None:
    students, x = [make(seed) for seed in range(3)], pictures(3 * batch)
    together = Abreast(students)(x)
    apart = torch.stack([s(part) for s, part in zip(students, x.split(batch), strict=True)])
    torch.testing.assert_close(together, apart, rtol=1e-5, atol=1e-5)


@BOTH
@pytest.mark.parametrize("own_streams", [True, False])
def test_many_pictures_without_gradients_are_answered_the_same(
    make: Make, own_streams: bool
) -> None:
    students, x = [make(seed) for seed in range(3)], pictures(3 * 40)
    parts = x.split(40) if own_streams else [x] * 3
    with torch.no_grad():
        together = Abreast(students, own_streams=own_streams)(x)
        apart = torch.stack([s(part) for s, part in zip(students, parts, strict=True)])
    torch.testing.assert_close(together, apart, rtol=1e-5, atol=1e-5)


@BOTH
def test_on_a_common_stream_all_answer_the_same_inputs(make: Make) -> None:
    students, x = [make(seed) for seed in range(3)], pictures(4)
    together = Abreast(students, own_streams=False)(x)
    torch.testing.assert_close(
        together, torch.stack([s(x) for s in students]), rtol=1e-5, atol=1e-5
    )


@BOTH
@pytest.mark.parametrize("batch", [1, 3])
def test_gradients_are_those_of_the_students_alone(make: Make, batch: int) -> None:
    students, x = [make(seed) for seed in range(3)], pictures(3 * batch)
    bank = Abreast(students)
    bank(x).square().sum().backward()
    for index, (student, part) in enumerate(zip(students, x.split(batch), strict=True)):
        student(part).square().sum().backward()
        mine = [p.grad[index] for p in bank.parameters()]
        for p, q in zip(mine, student.parameters(), strict=True):
            torch.testing.assert_close(p, q.grad, rtol=1e-4, atol=1e-4)


@BOTH
@pytest.mark.parametrize("batch", [1, 2])
def test_students_abreast_train_as_they_would_one_by_one(make: Make, batch: int) -> None:
    """Each has its own stream of pictures and recorded answers; after thirty steps of Adam all of
    their weights agree.
    """
    x, y = pictures(40), 3 * torch.randn(40, 10, generator=rng(1))
    bank, apart = Abreast([make(s) for s in range(4)]), [make(s) for s in range(4)]

    def go(student: nn.Module, seeds: list[int]) -> Tensor:
        streams = Parallel([Resample(x, y, rng=rng(seed)) for seed in seeds])
        history = distill(
            Recorded(), student, streams, SoftTargets(),
            optimizer=adam(student), batch_size=batch * len(seeds), steps=30,
        )  # fmt: skip
        return history.losses

    together = go(bank, [10, 11, 12, 13])
    one_by_one = torch.stack([go(student, [10 + s]) for s, student in enumerate(apart)], 1)
    torch.testing.assert_close(together, one_by_one, rtol=1e-4, atol=1e-4)
    for index, student in enumerate(apart):
        assert_close(bank.student(index), student)


def test_active_students_abreast_each_keep_what_they_themselves_do_worst_on() -> None:
    """Candidates of a student's own stream, scored by that student: the same weights as one by one."""
    x, y = pictures(40), 3 * torch.randn(40, 10, generator=rng(1))
    bank, apart = Abreast([mlp(s) for s in range(3)]), [mlp(s) for s in range(3)]

    def go(student: nn.Module, seeds: list[int]) -> None:
        loss, teacher = SoftTargets(), Recorded()
        streams = Parallel([Resample(x, y, rng=rng(seed), replacement=True) for seed in seeds])
        hardest = Hardest(streams, partial(loss.each, teacher, student), of=5)
        distill(
            teacher, student, hardest, loss,
            optimizer=adam(student), batch_size=2 * len(seeds), steps=15,
        )  # fmt: skip

    go(bank, [10, 11, 12])
    for index, student in enumerate(apart):
        go(student, [10 + index])
        assert_close(bank.student(index), student)


def test_gradients_of_derivatives_pass_through() -> None:
    """A loss of slopes differentiates twice: with respect to the input, then to the weights."""
    students, x = [mlp(seed) for seed in range(2)], pictures(2).requires_grad_()

    def roughness(answer: Tensor) -> Tensor:
        (slope,) = torch.autograd.grad(answer.square().sum(), x, create_graph=True)
        return slope.square().sum()

    bank = Abreast(students)
    roughness(bank(x)).backward()
    roughness(
        torch.stack([s(part) for s, part in zip(students, x.split(1), strict=True)])
    ).backward()
    for index, student in enumerate(students):
        for p, q in zip(bank.parameters(), student.parameters(), strict=True):
            torch.testing.assert_close(p.grad[index], q.grad, rtol=1e-3, atol=1e-4)


def test_a_layer_that_stands_in_two_places_runs_in_both() -> None:
    """All nonlinearities of this network are one and the same module."""
    students = [MLP([4, 5, 5, 3], rng=rng(s), activation=nn.Tanh()) for s in range(2)]
    x = torch.randn(2, 4, generator=rng())
    apart = torch.stack([s(part) for s, part in zip(students, x.split(1), strict=True)])
    torch.testing.assert_close(Abreast(students)(x), apart)


def test_weights_come_from_a_stacked_bank_and_go_back() -> None:
    bank, other = Abreast([lenet(s) for s in range(2)]), Bank([lenet(5), lenet(6)], stacked=True)
    other.load_state_dict(bank.state_dict())
    bank.load_state_dict(other.state_dict())
    assert_close(bank.student(1), lenet(1))


def test_layers_without_biases_and_with_padding_stand_abreast() -> None:
    def make(seed: int) -> nn.Module:
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Conv2d(1, 2, 3, stride=2, padding=1, bias=False), nn.Tanh(), nn.Flatten(),
            nn.Linear(2 * 14 * 14, 4, bias=False),
        )  # fmt: skip

    students, x = [make(s) for s in range(2)], pictures(2)
    apart = torch.stack([s(part) for s, part in zip(students, x.split(1), strict=True)])
    torch.testing.assert_close(Abreast(students)(x), apart, rtol=1e-5, atol=1e-5)


def test_students_that_cannot_stand_abreast_are_refused() -> None:
    with pytest.raises(ValueError, match=r"a student is a Linear: LeNet, MLP or Sequential"):
        Abreast([nn.Linear(2, 2)])
    with pytest.raises(ValueError, match=r"layer 1 of a student is Dropout"):
        Abreast([nn.Sequential(nn.Linear(2, 2), nn.Dropout())])
    with pytest.raises(ValueError, match="students is empty"):
        Abreast([])


@pytest.mark.parametrize(
    ("make", "x", "message"),
    [
        (lenet, torch.zeros(2, 3, 28, 28), r"a convolution of 1 channels met examples of shape \(3, 28, 28\)"),
        (lenet, torch.zeros(2, 1, 32, 32), r"a dense layer of 80 inputs met examples of shape \(125,\)"),
        (mlp, torch.zeros(2, 10), r"a dense layer of 784 inputs met examples of shape \(10,\)"),
    ],
)  # fmt: skip
def test_inputs_of_another_shape_are_refused(make: Make, x: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Abreast([make(0), make(1)])(x)
