"""Every bad input of the loop is refused in one sentence that names the argument, its value and
what is allowed.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from distillery import Batch, Exhausted, distill
from distillery.generators import Generator, Noise
from distillery.losses import HardLabels, Loss, SoftTargets, SquareError
from distillery.models.bank import Bank
from distillery.teachers import Average, Formula, Frozen, Labels


class Probing(Loss):
    """A loss that must learn something of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.regressor = nn.Linear(2, 2)

    def each(self, teacher: nn.Module, student: nn.Module, batch: Batch) -> Tensor:
        return (self.regressor(student(batch.x)) - teacher(batch)).square().mean(-1)


class Returning(Loss):
    """A loss whose mean is whatever it was told."""

    def __init__(self, value: Any) -> None:
        super().__init__()
        self.value = value

    def each(self, teacher: nn.Module, student: nn.Module, batch: Batch) -> Tensor:
        return student(batch.x).sum(-1)

    def forward(self, teacher: nn.Module, student: nn.Module, batch: Batch) -> Any:
        return self.value


class Drawing(Generator):
    """A generator that draws whatever it was told."""

    def __init__(self, drawn: Any) -> None:
        self.drawn = drawn

    def draw(self, n: int) -> Any:
        return self.drawn


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def go(**changed: Any) -> Any:
    student = changed.pop("student", nn.Linear(3, 2))
    parameters = (
        list(student.parameters())
        if isinstance(student, nn.Module)
        else [nn.Parameter(torch.zeros(1))]
    )
    parts: dict[str, Any] = {
        "teacher": Formula(lambda x: x[:, :2]),
        "student": student,
        "generator": Noise(3, rng=rng()),
        "loss": SquareError(),
        "optimizer": (
            torch.optim.SGD(parameters, lr=0.01)
            if parameters
            else torch.optim.SGD([torch.zeros(1)], lr=0.01)
        ),
        "batch_size": 4,
        "steps": 2,
    }
    return distill(**(parts | changed))


def test_good_input_passes_the_door() -> None:
    assert len(go()) == 2


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"batch_size": 0}, r"batch_size is 0: a whole number of at least 1 is needed"),
        ({"batch_size": 2.5}, r"batch_size is 2\.5: a whole number"),
        ({"batch_size": True}, r"batch_size is True: a whole number"),
        ({"steps": -1}, r"steps is -1: a whole number of at least 0 is needed"),
        ({"every": 0}, r"every is 0: a whole number of at least 1"),
        ({"probe_at": 0}, r"probe_at is 0: a whole number of at least 1"),
        ({"clip": 0.0}, r"clip is 0\.0: a positive norm is needed, or None"),
        ({"clip": float("nan")}, r"clip is nan: a positive norm is needed"),
        ({"clip": "1.0"}, r"clip is '1\.0': a positive norm is needed"),
        ({"probe_at": [5, -1]}, r"a step of probe_at is -1: a whole number of at least 0"),
        ({"probe_at": "10"}, r"probe_at is '10': a whole number of at least 1"),
        (
            {"dtype": "bf16"},
            (
                r"dtype is 'bf16': torch\.float32, torch\.bfloat16, torch\.float16 or None is"
                r" needed"
            ),
        ),
        ({"dtype": torch.int8}, r"dtype is torch\.int8: torch\.float32, torch\.bfloat16"),
        ({"dtype": torch.float64}, r"dtype is torch\.float64: torch\.float32"),
    ],
)
def test_numbers_out_of_range_are_refused(changed: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        go(**changed)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        (
            {"teacher": nn.Linear(3, 2)},
            (
                r"teacher is a Linear: a Teacher is needed, such as"
                r" distillery\.teachers\.Frozen\(network\)"
            ),
        ),
        ({"teacher": Labels}, r"teacher is the class Labels itself: a Teacher is needed"),
        ({"student": lambda x: x}, r"student is a function: an nn\.Module is needed"),
        ({"student": nn.Linear}, r"student is the class Linear itself: an nn\.Module is needed"),
        (
            {"generator": torch.zeros(3)},
            (
                r"generator is a Tensor: a Generator is needed, such as"
                r" distillery\.generators\.Resample"
            ),
        ),
        ({"loss": nn.MSELoss()}, r"loss is a MSELoss: a Loss is needed"),
        (
            {"loss": SoftTargets},
            (
                r"loss is the class SoftTargets itself: a Loss is needed, such as"
                r" distillery\.losses\.SoftTargets\(\)"
            ),
        ),
        (
            {"optimizer": torch.optim.Adam},
            r"optimizer is the class Adam itself: an instance is needed",
        ),
        ({"optimizer": None}, r"optimizer is a NoneType: an instance is needed"),
        (
            {"probes": [lambda student: 1.0]},
            r"probes is \[<.*: a dictionary of functions by their names is needed",
        ),
        (
            {"probes": {"accuracy": 0.9}},
            r"probes holds 'accuracy': 0\.9, but a name and a function",
        ),
        ({"schedule": 0.5}, r"schedule is 0\.5: a function is needed, or None"),
        ({"schedule": lambda step: "half"}, r"schedule\(0\) is 'half': a number is needed"),
        ({"progress": "bar"}, r"progress is 'bar': a function is needed, or None"),
        ({"checkpoint": 3}, r"checkpoint is 3: the path of a file is needed, or None"),
    ],
)
def test_parts_of_the_wrong_kind_are_refused(changed: dict[str, Any], sentence: str) -> None:
    with pytest.raises(TypeError, match=sentence):
        go(**changed)


@pytest.mark.parametrize("factor", [-1.0, float("nan"), float("inf")])
def test_a_schedule_that_gives_no_factor_of_a_rate_is_refused(factor: float) -> None:
    with pytest.raises(
        ValueError, match=rf"schedule\(0\) is {factor}: a finite number from 0 is needed"
    ):
        go(schedule=lambda step: factor)


@pytest.mark.parametrize("kind", [float, int, np.float32, torch.tensor])
def test_a_schedule_may_give_any_kind_of_number(kind: Callable[[float], Any]) -> None:
    assert len(go(schedule=lambda step: kind(1))) == 2


def test_an_optimizer_that_evaluates_the_loss_itself_is_refused() -> None:
    student = nn.Linear(3, 2)
    with pytest.raises(
        TypeError,
        match=r"optimizer LBFGS needs a closure for every step: one whose step\(\) needs nothing",
    ):
        go(student=student, optimizer=torch.optim.LBFGS(student.parameters()))


def test_an_optimizer_that_cannot_be_saved_is_refused_with_a_checkpoint(tmp_path: Path) -> None:
    class Bare:
        def __init__(self, optimizer: torch.optim.Optimizer) -> None:
            self.optimizer, self.param_groups = optimizer, optimizer.param_groups
            self.step, self.zero_grad = optimizer.step, optimizer.zero_grad

    student = nn.Linear(3, 2)
    bare = Bare(torch.optim.SGD(student.parameters(), lr=0.1))
    assert len(go(student=student, optimizer=bare)) == 2
    with pytest.raises(TypeError, match="optimizer Bare has no state_dict and load_state_dict"):
        go(student=student, optimizer=bare, checkpoint=tmp_path / "run.ckpt")


def test_types_that_do_not_go_together_are_named_with_whose_they_are() -> None:
    inputs = Noise(3, rng=rng())
    homes = (
        r"batch\.x is {} on cpu, the teacher is {} on cpu, the student is {} on cpu: one type and"
    )
    teacher = Frozen(nn.Linear(3, 2))
    double = Frozen(nn.Linear(3, 2).double())
    with pytest.raises(ValueError, match=homes.format("float32", "float32", "float64")):
        go(student=nn.Linear(3, 2).double(), generator=inputs, teacher=teacher)
    with pytest.raises(ValueError, match=homes.format("float32", "float64", "float32")):
        go(generator=inputs, teacher=double)
    drawn = Drawing(Batch(torch.zeros(4, 3, dtype=torch.float64)))
    with pytest.raises(ValueError, match=homes.format("float64", "float32", "float32")):
        go(generator=drawn, teacher=teacher)


def test_devices_that_differ_are_named_with_whose_they_are() -> None:
    with pytest.raises(
        ValueError,
        match=r"batch\.x is float32 on cpu, the student is float32 on meta: one type and one device",
    ):
        go(student=nn.Linear(3, 2, device="meta"))


def test_an_error_that_is_not_about_types_is_left_as_it_is() -> None:
    class Breaking(Loss):
        def each(self, teacher: nn.Module, student: nn.Module, batch: Batch) -> Tensor:
            raise RuntimeError("out of patience")

    student = nn.Linear(3, 2).double()
    with pytest.raises(RuntimeError, match=r"^out of patience$"):
        go(student=student, loss=Breaking())


def test_no_sentence_prints_an_array() -> None:
    array = np.zeros(100_000)
    for argument in ("batch_size", "steps", "clip", "dtype", "schedule", "probe_at", "checkpoint"):
        with pytest.raises((TypeError, ValueError)) as refused:
            go(**{argument: array})
        assert len(str(refused.value)) < 200
        assert argument in str(refused.value)


@pytest.mark.parametrize("student", [nn.Flatten(), nn.Linear(3, 2).requires_grad_(False)])
def test_a_student_with_no_trainable_parameters_is_refused(student: nn.Module) -> None:
    with pytest.raises(
        ValueError,
        match="has no trainable parameters: at least one with requires_grad=True is needed",
    ):
        go(student=student)


SAME = (
    r"teacher is a \w+ that holds the student itself, a \w+: two networks are needed, such as a"
    r" teacher Frozen\(copy\.deepcopy\(student\)\)"
)


@pytest.mark.parametrize("trainable", [False, True])
def test_the_student_itself_is_refused_as_its_own_teacher(trainable: bool) -> None:
    student = nn.Linear(3, 2)
    teacher = Average([Labels(), Frozen(student)])
    student.requires_grad_(trainable)
    with pytest.raises(ValueError, match=SAME):
        go(teacher=Frozen(student), student=student)
    with pytest.raises(ValueError, match=SAME):
        go(teacher=teacher, student=student)
    with pytest.raises(ValueError, match=SAME):
        go(teacher=teacher, student=teacher)


def test_a_teacher_may_share_layers_with_the_student_and_an_old_self_may_teach() -> None:
    shared = nn.Linear(3, 3)
    student = nn.Sequential(shared, nn.Linear(3, 2))
    old = Frozen(copy.deepcopy(student))
    assert len(go(student=student, teacher=old)) == 2
    teacher = Formula(lambda x: x[:, :2])
    teacher.layer = shared
    assert len(go(student=student, teacher=teacher)) == 2


def test_an_optimizer_that_misses_a_parameter_of_the_student_is_refused_and_the_parameter_named() -> (
    None
):
    student = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 2))
    with pytest.raises(
        ValueError,
        match=(
            r"optimizer SGD misses student\.1\.weight, student\.1\.bias: it must hold every"
            r" trainable"
        ),
    ):
        go(student=student, optimizer=torch.optim.SGD(student[0].parameters(), lr=0.1))


def test_an_optimizer_that_misses_what_the_loss_must_learn_is_refused_and_the_parameter_named() -> (
    None
):
    with pytest.raises(
        ValueError, match=r"optimizer SGD misses loss\.regressor\.weight, loss\.regressor\.bias"
    ):
        go(loss=Probing())
    with pytest.raises(ValueError, match=r"misses loss\.terms\.1\.regressor\.weight"):
        go(loss=SquareError() + 0.5 * Probing())


def test_an_optimizer_may_miss_what_is_frozen() -> None:
    student = nn.Sequential(nn.Linear(3, 3).requires_grad_(False), nn.Linear(3, 2))
    assert len(go(student=student, optimizer=torch.optim.SGD(student[1].parameters(), lr=0.1))) == 2


def test_an_optimizer_made_for_the_students_before_they_were_stacked_is_refused() -> None:
    students = [nn.Linear(3, 2) for _ in range(2)]
    optimizer = torch.optim.SGD([p for s in students for p in s.parameters()], lr=0.1)
    with pytest.raises(ValueError, match=r"misses student\.weight, student\.bias"):
        go(student=Bank(students, stacked=True), optimizer=optimizer)


def test_of_many_missed_parameters_the_first_are_named_and_the_others_counted() -> None:
    student = nn.Sequential(*[nn.Linear(3, 3) for _ in range(5)], nn.Linear(3, 2))
    with pytest.raises(
        ValueError,
        match=(
            r"misses student\.1\.weight, student\.1\.bias, student\.2\.weight, student\.2\.bias and"
            r" 6 more"
        ),
    ):
        go(student=student, optimizer=torch.optim.SGD(student[0].parameters(), lr=0.1))


def test_a_generator_that_returns_an_empty_batch_is_refused() -> None:
    with pytest.raises(
        ValueError,
        match=r"Drawing\.draw\(4\) returned 0 examples: exactly 4 are needed, or Exhausted raised",
    ):
        go(generator=Drawing(Batch(torch.zeros(0, 3))))


@pytest.mark.parametrize("n", [3, 5])
def test_a_generator_that_returns_another_number_than_it_was_asked_for_is_refused(n: int) -> None:
    with pytest.raises(ValueError, match=rf"returned {n} examples: exactly 4 are needed"):
        go(generator=Drawing(Batch(torch.zeros(n, 3))))


def test_a_generator_that_returns_no_batch_is_refused() -> None:
    with pytest.raises(
        TypeError, match=r"Drawing\.draw\(4\) returned a Tensor of shape \(4, 3\) and"
    ):
        go(generator=Drawing(torch.zeros(4, 3)))


def test_a_loss_that_returns_a_vector_without_a_bank_is_refused() -> None:
    with pytest.raises(
        ValueError,
        match=(
            r"Returning returned shape \(4,\): one value, shape \(\), is needed \(only a Bank of S"
            r" students"
        ),
    ):
        go(loss=Returning(torch.zeros(4)))


@pytest.mark.parametrize("shape", [(), (3,), (2, 1)])
def test_a_loss_that_returns_anything_but_one_value_a_student_of_a_bank_is_refused(
    shape: tuple[int, ...],
) -> None:
    with pytest.raises(ValueError, match=r"\(2,\), one value a student, is needed"):
        go(student=Bank([nn.Linear(3, 2), nn.Linear(3, 2)]), loss=Returning(torch.zeros(shape)))


def test_a_loss_that_returns_no_tensor_is_refused() -> None:
    with pytest.raises(TypeError, match=r"Returning returned 0\.5: a tensor is needed"):
        go(loss=Returning(0.5))


def test_a_teacher_of_other_outputs_than_the_students_is_refused_with_both_shapes() -> None:
    with pytest.raises(
        ValueError,
        match=r"SquareError: the teacher's answer has shape \(4, 3\), the student's \(4, 2\)",
    ):
        go(teacher=Formula(lambda x: x))


def test_labels_are_asked_for_where_the_batch_carries_none() -> None:
    with pytest.raises(ValueError, match="Labels: the batch carries no y"):
        go(teacher=Labels(), loss=HardLabels())


def test_a_checkpoint_that_could_not_be_written_is_refused_before_the_first_step(
    tmp_path: Path,
) -> None:
    drawn = Noise(3, rng=rng())
    before = drawn.rng.get_state()
    with pytest.raises(
        ValueError, match="a file in a folder that exists and can be written to is needed"
    ):
        go(checkpoint=tmp_path / "nowhere" / "run.ckpt", generator=drawn)
    assert drawn.rng.get_state().equal(before)


def test_a_refusal_at_the_door_leaves_every_part_as_it_was() -> None:
    student = nn.Linear(3, 2).eval()
    before = {name: p.clone() for name, p in student.state_dict().items()}
    with pytest.raises(ValueError, match="clip"):
        go(student=student, clip=-1.0)
    assert not student.training
    assert all(p.equal(before[name]) for name, p in student.state_dict().items())


def test_a_generator_that_gives_nothing_at_all_is_an_error_even_without_steps() -> None:
    class Empty(Generator):
        def draw(self, n: int) -> Batch:
            raise Exhausted

    with pytest.raises(Exhausted, match="Empty gave out after 0 steps of 4 examples: 1 are needed"):
        go(generator=Empty(), steps=None)
