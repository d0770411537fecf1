from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from distillery import Batch
from distillery.losses import Loss
from distillery.models.mlp import MLP
from distillery.models.once import look, once, quietly
from distillery.teachers import Frozen


class Counted(nn.Module):
    """A network that counts its runs on a submodule: a hook on the network itself would count the
    questions.
    """

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self.first, self.last, self.runs = (
            nn.Sequential(MLP([2, 4], rng=rng(seed)), nn.Tanh()),
            MLP([4, 3], rng=rng(seed + 1)),
            0,
        )
        self.first.register_forward_pre_hook(self._count)

    def _count(self, *_: object) -> None:
        self.runs += 1

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.first(x))


class Hints(Loss):
    """A loss that looks into a layer of each network."""

    def __init__(self, layer: str = "first") -> None:
        super().__init__()
        self.student_layers, self.teacher_layers = (layer,), ("network.first",)

    def each(self, teacher: nn.Module, student: nn.Module, batch: Batch) -> Tensor:
        _, mine = look(student, batch.x, self.student_layers)
        _, theirs = look(teacher, batch, self.teacher_layers)
        return (mine[self.student_layers[0]] - theirs["network.first"]).square().mean(-1)


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def parts() -> tuple[Frozen, Counted, Tensor]:
    return Frozen(Counted(5)), Counted(), torch.randn(6, 2, generator=rng())


def test_within_once_the_same_question_is_answered_once() -> None:
    teacher, student, x = parts()
    with once(teacher, student):
        assert student(x) is student(x)
        assert student.runs == 1


def test_outside_once_every_question_is_answered() -> None:
    teacher, student, x = parts()
    with once(teacher, student):
        student(x)
    assert student(x) is not student(x)
    assert student.runs == 3
    assert "forward" not in vars(student)


def test_another_tensor_is_another_question_even_with_equal_numbers() -> None:
    teacher, student, x = parts()
    with once(teacher, student):
        student(x), student(x.clone())
        for _ in range(20):
            student(x + 1)  # tensors that are gone do not lend their identity to the next
    assert student.runs == 22


def test_with_and_without_gradients_are_two_questions() -> None:
    teacher, student, x = parts()
    with once(teacher, student):
        with torch.no_grad():
            assert not student(x).requires_grad
        assert student(x).requires_grad
    assert student.runs == 2


def test_the_teacher_is_remembered_by_its_batch() -> None:
    teacher, student, x = parts()
    batch = Batch(x)
    with once(teacher, student):
        assert teacher(batch) is teacher(batch)
        teacher(Batch(x))
    assert teacher.network.runs == 2


def test_gradients_through_a_shared_run_are_those_of_two_runs() -> None:
    teacher, student, x = parts()
    (student(x).square().mean() + student(x).abs().mean()).backward()
    apart = [p.grad.clone() for p in student.parameters()]
    student.zero_grad()
    with once(teacher, student):
        (student(x).square().mean() + student(x).abs().mean()).backward()
    for p, expected in zip(student.parameters(), apart, strict=True):
        torch.testing.assert_close(p.grad, expected)


def test_a_nested_once_shares_the_memory_and_leaves_it_to_the_outer_one() -> None:
    teacher, student, x = parts()
    with once(teacher, student):
        first = student(x)
        with once(teacher, student):
            assert student(x) is first
        assert student(x) is first
    assert student.runs == 1
    assert "_memory" not in vars(student)


def test_one_network_may_be_teacher_and_student() -> None:
    _, student, x = parts()
    with once(student, student):
        assert student(x) is student(x)
    assert student.runs == 1


def test_an_error_inside_leaves_the_networks_as_they_were() -> None:
    teacher, student, x = parts()
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"), once(teacher, student):
        teacher(Batch(student(x)))
    assert "forward" not in vars(student)
    assert "forward" not in vars(teacher)
    assert not student.first._forward_hooks


def test_a_forward_of_the_instances_own_returns_after_once() -> None:
    teacher, student, x = parts()
    usual = student.forward
    student.forward = lambda x: 2 * usual(x)  # type: ignore[method-assign]
    expected, own = student(x), student.forward
    with once(teacher, student):
        assert student(x).equal(expected)
    assert vars(student)["forward"] is own


def test_a_network_of_several_arguments_runs_as_often_as_it_is_asked() -> None:
    class Two(nn.Module):
        def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
            return x if y is None else x + y

    two, x = Two(), torch.ones(2)
    with once(two, two):
        assert two(x, x).equal(two(x, y=x))
        assert two(x).equal(x)


def test_look_gives_the_answer_and_what_the_layers_put_out() -> None:
    _, student, x = parts()
    answer, seen = look(student, x, ["first", "last.layers"])
    assert answer.equal(student(x))
    assert seen["first"].equal(student.first(x))
    assert seen["last.layers"].equal(answer)
    assert not student.first._forward_hooks


def test_look_refuses_a_layer_that_is_not_there_and_lists_those_that_are() -> None:
    _, student, x = parts()
    with pytest.raises(KeyError, match=r"layer 'frist' is not in Counted: it has first, first\.0"):
        look(student, x, ["frist"])


def test_declared_layers_come_from_the_one_run() -> None:
    teacher, student, x = parts()
    loss, batch = Hints() + Hints(), Batch(x)
    expected = loss(teacher, student, batch)
    teacher.network.runs = student.runs = 0
    with once(teacher, student, loss):
        (
            student(x),
            teacher(batch),
        )  # an answer asked for before anybody looks inside still has the layers
        value = loss(teacher, student, batch)
    assert value.equal(expected)
    assert (student.runs, teacher.network.runs) == (1, 1)


def test_an_undeclared_layer_is_refused_with_the_place_to_declare_it() -> None:
    teacher, student, x = parts()
    with (
        once(teacher, student, Hints()),
        pytest.raises(
            KeyError,
            match=(
                r"layers \['last'\] of Counted are not declared: name them in the loss's"
                r" student_layers"
            ),
        ),
    ):
        look(student, x, ["first", "last"])


def test_a_declared_layer_that_is_not_there_is_refused_at_the_first_question() -> None:
    teacher, student, x = parts()
    with (
        once(teacher, student, Hints("frist")),
        pytest.raises(KeyError, match="layer 'frist' is not in Counted"),
    ):
        student(x)
    assert not student.first._forward_hooks


def test_gradients_flow_through_looked_at_layers() -> None:
    teacher, student, x = parts()
    loss = Hints()
    with once(teacher, student, loss):
        loss(teacher, student, Batch(x)).backward()
    assert student.first[0].layers[1].weight.grad.abs().sum() > 0
    assert all(p.grad is None for p in student.last.parameters())


class Drawing(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.rng = rng()

    def forward(self, x: Tensor) -> Tensor:
        return x + torch.rand(1, generator=self.rng)

    def get_extra_state(self) -> Tensor:
        return self.rng.get_state()

    def set_extra_state(self, state: Tensor) -> None:
        self.rng.set_state(state)


def test_quietly_leaves_modes_and_streams_as_they_were_and_keeps_no_gradients() -> None:
    network = nn.Sequential(Drawing(), nn.Dropout(), nn.Linear(1, 1).eval())
    network.train()
    network[2].eval()
    own, default = network[0].rng.get_state(), torch.get_rng_state()
    with quietly(network):
        assert not any(m.training for m in network.modules())
        assert not network(torch.ones(3, 1)).requires_grad
        torch.rand(3)
    assert [m.training for m in network] == [True, True, False]
    assert network[0].rng.get_state().equal(own)
    assert torch.get_rng_state().equal(default)
    assert torch.is_grad_enabled()


def test_quietly_cleans_up_after_an_error_too() -> None:
    network = nn.Sequential(Drawing(), nn.Linear(3, 3)).train()
    own = network[0].rng.get_state()
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"), quietly(network):
        network(torch.ones(1, 2))
    assert network.training
    assert network[0].rng.get_state().equal(own)


def test_what_a_layer_takes_in_is_named_by_its_input() -> None:
    _, student, x = parts()
    answer, seen = look(student, x, ["last:input", "first", "first:input"])
    assert seen["last:input"] is seen["first"]
    assert seen["first:input"] is x
    assert answer.equal(student.last(seen["last:input"]))
    assert not student.last._forward_pre_hooks
