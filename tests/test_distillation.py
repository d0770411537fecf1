"""The contract of the loop, a clause a test."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import distillery
from distillery import Batch, Exhausted, distill
from distillery.generators import Alongside, Augmented, Hardest, Interleave, Noise, Resample
from distillery.losses import HardLabels, Loss, SoftTargets, SquareError
from distillery.models.mlp import MLP
from distillery.protocols import Teacher
from distillery.teachers import Average, Formula, Frozen, Labels, Recorded
from distillery.training.schedules import linear_to_zero


class Gumbel(nn.Module):
    """A stochastic student: it draws in evaluation mode too, from a stream of its own, kept in its
    extra state.
    """

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self.network, self.rng = MLP([2, 8, 3], rng=rng(seed)), rng(seed + 1)

    def forward(self, x: Tensor) -> Tensor:
        logits = self.network(x)
        return logits - 0.1 * torch.rand(logits.shape, generator=self.rng).log().neg().log()

    def get_extra_state(self) -> Tensor:
        return self.rng.get_state()

    def set_extra_state(self, state: Tensor) -> None:
        self.rng.set_state(state)


class Posterior(Teacher):
    """t(x, w): the logits (w . x, 0) for the draw w that rides in the batch."""

    def forward(self, batch: Batch) -> Tensor:
        score = (batch.x * batch.draw).sum(-1)
        return torch.stack([score, torch.zeros_like(score)], -1)


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def dropping(seed: int = 0) -> nn.Module:
    first, last = MLP([2, 8], rng=rng(seed)), MLP([8, 3], rng=rng(seed + 1))
    return nn.Sequential(first, nn.ReLU(), nn.BatchNorm1d(8), nn.Dropout(0.3), last)


def teacher(seed: int = 7) -> Frozen:
    return Frozen(MLP([2, 16, 3], rng=rng(seed)))


def train(
    student: nn.Module, *, steps: int | None = 12, optimizer: Any = None, seed: int = 0, **more: Any
) -> distillery.History:
    torch.manual_seed(seed)  # dropout draws from the default stream
    generator, loss = (
        more.pop("generator", None) or Noise(2, rng=rng(seed)),
        more.pop("loss", SoftTargets()),
    )
    optimizer = optimizer or torch.optim.Adam([*student.parameters(), *loss.parameters()], lr=0.01)
    who = more.pop("teacher", None) or teacher()
    return distill(
        who,
        student,
        generator,
        loss,
        optimizer=optimizer,
        steps=steps,
        batch_size=more.pop("batch_size", 16),
        **more,
    )


def same(one: nn.Module, other: nn.Module) -> bool:
    mine, theirs = one.state_dict(), other.state_dict()
    return mine.keys() == theirs.keys() and all(
        value.equal(theirs[name]) for name, value in mine.items()
    )


# ---- the sentence itself


def test_the_loop_is_gradient_descent_on_the_mean_loss_bit_for_bit() -> None:
    student, generator, frozen = MLP([2, 8, 3], rng=rng()), Noise(2, rng=rng()), teacher()
    optimizer, losses = torch.optim.Adam(student.parameters(), lr=0.01), []
    for _ in range(12):
        x = generator.draw(16).x
        value = -(frozen.network(x).softmax(-1) * student(x).log_softmax(-1)).sum(-1).mean()
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        losses.append(value.item())
    again = MLP([2, 8, 3], rng=rng())
    history = train(again)
    assert same(student, again)
    assert history.losses.tolist() == losses


def test_distilling_brings_the_student_to_the_teacher() -> None:
    student, target = MLP([2, 32, 3], rng=rng()), teacher()
    x = Noise(2, rng=rng(3)).draw(500)
    before = (student(x.x).argmax(-1) == target(x).argmax(-1)).float().mean()
    train(student, steps=300)
    after = (student(x.x).argmax(-1) == target(x).argmax(-1)).float().mean()
    assert before < 0.9
    assert after > 0.95


def test_a_run_depends_on_its_own_streams_alone() -> None:
    losses = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        student, who = MLP([2, 8, 3], rng=rng()), teacher()
        optimizer = torch.optim.SGD(student.parameters(), lr=0.1)
        losses.append(
            distill(
                who,
                student,
                Noise(2, rng=rng()),
                SoftTargets(),
                optimizer=optimizer,
                steps=5,
                batch_size=8,
            ).losses
        )
    assert losses[0].equal(losses[1])


def test_the_loop_itself_draws_nothing_from_the_default_stream() -> None:
    student, frozen, optimizer_of = MLP([2, 8, 3], rng=rng()), teacher(), torch.optim.Adam
    state = torch.get_rng_state()
    distill(
        frozen,
        student,
        Noise(2, rng=rng()),
        SoftTargets(),
        optimizer=optimizer_of(student.parameters()),
        steps=5,
        batch_size=8,
    )
    assert torch.get_rng_state().equal(state)


def test_the_student_learns_in_training_mode_and_is_left_in_evaluation_mode() -> None:
    student, modes = dropping().eval(), []
    student.register_forward_pre_hook(lambda module, _: modes.append(module.training))
    train(student, steps=3)
    assert modes == [True] * 3
    assert not any(module.training for module in student.modules())


# ---- teachers are pure


@pytest.mark.parametrize(
    "make",
    [
        teacher,
        lambda: Frozen(dropping().train()),
        lambda: Average([teacher(1), Frozen(dropping())]),
        lambda: Formula(torch.sin),
        Labels,
        Recorded,
        Posterior,
    ],
)
def test_calling_a_teacher_advances_nothing(make: Callable[[], Teacher]) -> None:
    asked, who = (
        Batch(torch.randn(5, 2, generator=rng()), torch.arange(5), draw=torch.ones(5, 2)),
        make(),
    )
    before, state = copy.deepcopy(who.state_dict()), torch.get_rng_state()
    first, second = who(asked), who(asked)
    assert first.equal(second)
    assert torch.get_rng_state().equal(state)
    assert all(value.equal(before[name]) for name, value in who.state_dict().items())


def test_a_teacher_handed_over_in_training_mode_answers_in_evaluation_mode() -> None:
    class Careless(Teacher):
        def __init__(self) -> None:
            super().__init__()
            self.network = dropping().requires_grad_(False)

        def forward(self, batch: Batch) -> Tensor:
            return self.network(batch.x)

    careless = Careless().train()
    before = copy.deepcopy(careless.state_dict())
    student = MLP([2, 8, 3], rng=rng())
    train(student, teacher=careless)
    again = MLP([2, 8, 3], rng=rng())
    train(again, teacher=Frozen(careless.network))
    assert same(student, again)
    assert all(value.equal(before[name]) for name, value in careless.state_dict().items())


def test_a_posterior_draw_rides_in_the_batch_and_the_student_learns_the_mean_of_the_teachers() -> (
    None
):
    """Cross entropy is linear in the teacher's probabilities: one draw an input has the predictive
    distribution as its minimum.
    """
    generator = Alongside(Noise(2, rng=rng()), Noise(2, rng=rng(1), mean=1.0))
    student = MLP([2, 32, 2], rng=rng(2))
    train(
        student,
        teacher=Posterior(),
        generator=generator,
        steps=1500,
        batch_size=64,
        schedule=linear_to_zero(1500),
    )
    x = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 0.0]])
    draws = 1.0 + torch.randn(20_000, 2, generator=rng(3))
    predictive = torch.sigmoid(x @ draws.T).mean(-1)
    assert student(x).softmax(-1)[:, 0].tolist() == pytest.approx(predictive.tolist(), abs=0.06)
    assert (
        predictive[0] < torch.sigmoid(x[0] @ draws.mean(0)) - 0.05
    )  # the mean of the teachers is not the teacher at the mean


# ---- probes


def _norm(student: nn.Module) -> float:
    return float(sum(p.norm() for p in student.parameters()))


def _intrusive(student: nn.Module) -> list[float]:
    """A probe that draws from every stream it can reach, and asks the student."""
    torch.rand(3)
    return [
        float(student(torch.randn(4, 2)).sum()),
        float(nn.functional.dropout(torch.ones(9)).sum()),
    ]


@pytest.mark.parametrize("make", [dropping, Gumbel], ids=["dropout", "a stream of its own"])
def test_a_probed_run_equals_an_unprobed_one_bit_for_bit(make: Callable[[], nn.Module]) -> None:
    plain, probed = make(), make()
    one = train(plain)
    other = train(probed, probes={"intrusive": _intrusive, "norm": _norm}, probe_at=1)
    assert one.losses.equal(other.losses)
    assert same(plain, probed)
    assert len(other.probed("norm")[1]) == 12


def test_a_probe_that_asks_the_teacher_and_the_loss_changes_nothing_either() -> None:
    class Normalised(Loss):
        def __init__(self) -> None:
            super().__init__()
            self.norm, self.drop = nn.BatchNorm1d(3), nn.Dropout(0.5)

        def each(self, teacher: nn.Module, student: nn.Module, batch: Batch) -> Tensor:
            return (self.drop(self.norm(student(batch.x))) - teacher(batch)).square().mean(-1)

    plain, probed, losses, who = (
        MLP([2, 8, 3], rng=rng()),
        MLP([2, 8, 3], rng=rng()),
        [Normalised(), Normalised()],
        teacher(),
    )
    held_out = Noise(2, rng=rng(9)).draw(32)
    one = train(plain, loss=losses[0], teacher=who)
    probes = {"held_out": lambda student: losses[1](who, student, held_out)}
    other = train(probed, loss=losses[1], teacher=who, probes=probes, probe_at=3)
    assert one.losses.equal(other.losses)
    assert same(plain, probed)
    assert same(*losses)


def test_a_probe_sees_the_student_in_evaluation_mode_without_gradients() -> None:
    seen: list[tuple[bool, bool]] = []
    train(
        dropping(),
        steps=2,
        probes={"mode": lambda s: seen.append((s.training, torch.is_grad_enabled()))},
        probe_at=1,
    )
    assert seen == [(False, False)] * 2


# ---- the optimizer is an instance


@pytest.mark.parametrize(
    "make",
    [
        partial(torch.optim.SGD, lr=0.05, momentum=0.9),
        partial(torch.optim.Adam, lr=0.01),
        torch.optim.Adadelta,
    ],
)
def test_the_optimizers_state_carries_over_from_phase_to_phase(
    make: Callable[..., torch.optim.Optimizer],
) -> None:
    whole, parts, fresh = (MLP([2, 8, 3], rng=rng()) for _ in range(3))
    who = teacher()
    train(whole, steps=20, optimizer=make(whole.parameters()))
    generator, kept = Noise(2, rng=rng()), make(parts.parameters())
    for _ in range(2):
        train(parts, steps=10, generator=generator, optimizer=kept, teacher=who)
    assert same(whole, parts)
    generator = Noise(2, rng=rng())
    for _ in range(2):
        train(fresh, steps=10, generator=generator, optimizer=make(fresh.parameters()), teacher=who)
    assert not same(whole, fresh)


def test_a_second_phase_may_change_the_loss_and_keep_the_rest() -> None:
    student = MLP([2, 8, 3], rng=rng())
    optimizer = torch.optim.Adam(student.parameters(), lr=0.01)
    first = train(student, loss=SquareError(), optimizer=optimizer, steps=150)
    second = train(student, loss=SoftTargets(), optimizer=optimizer, steps=5)
    assert first.losses[-1] < first.losses[0]
    assert (len(first), len(second)) == (150, 5)
    assert all(state["step"] == 155 for state in optimizer.state.values())


def test_what_a_loss_must_learn_is_learned() -> None:
    class Regressed(Loss):
        def __init__(self) -> None:
            super().__init__()
            self.regressor = nn.Linear(8, 3)
            self.log_variance = nn.Parameter(torch.zeros(3))

        def each(self, teacher: nn.Module, student: nn.Module, batch: Batch) -> Tensor:
            miss = (self.regressor(student(batch.x)) - teacher(batch)).square()
            return (0.5 * miss * (-self.log_variance).exp() + 0.5 * self.log_variance).sum(-1)

    torch.manual_seed(0)
    loss, student = Regressed(), MLP([2, 16, 8], rng=rng())
    history = train(student, loss=loss, steps=200)
    assert history.losses[-20:].mean() < history.losses[:20].mean()
    assert (loss.log_variance != 0).all()
    assert not loss.training


def test_parameter_groups_keep_their_own_rates_under_a_schedule() -> None:
    student = nn.Sequential(MLP([2, 8], rng=rng()), nn.ReLU(), MLP([8, 3], rng=rng()))
    groups = [
        {"params": student[0].parameters(), "lr": 0.5},
        {"params": student[2].parameters(), "lr": 0.1},
    ]
    optimizer = torch.optim.SGD(groups)
    seen = _rates_at_each_step(optimizer)
    train(student, steps=4, optimizer=optimizer, schedule=linear_to_zero(4))
    assert [rate for step in seen for rate in step] == pytest.approx(
        [0.5, 0.1, 0.375, 0.075, 0.25, 0.05, 0.125, 0.025]
    )
    assert [group["lr"] for group in optimizer.param_groups] == [0.5, 0.1]


def test_rates_are_as_they_were_after_a_run_that_failed() -> None:
    student = MLP([2, 8, 3], rng=rng())
    optimizer = torch.optim.SGD(student.parameters(), lr=0.5)

    def interrupt(done: int, steps: int | None) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(student, steps=4, optimizer=optimizer, schedule=linear_to_zero(4), progress=interrupt)
    assert optimizer.param_groups[0]["lr"] == 0.5


def test_a_gradient_rule_is_an_optimizer_around_an_optimizer() -> None:
    class Projected:
        """Steps at a right angle to a reference direction: no step helps or hurts it (GEM with one
        constraint, held with equality).
        """

        def __init__(self, optimizer: torch.optim.Optimizer, reference: Tensor) -> None:
            self.optimizer, self.reference = optimizer, reference / reference.norm()

        @property
        def param_groups(self) -> list[dict[str, Any]]:
            return self.optimizer.param_groups

        def zero_grad(self) -> None:
            self.optimizer.zero_grad()

        def step(self) -> None:
            for group in self.param_groups:
                for p in group["params"]:
                    p.grad -= (p.grad * self.reference).sum() * self.reference
            self.optimizer.step()

    student = nn.Linear(2, 3, bias=False)
    start, reference = (
        student.weight.detach().clone(),
        torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 2.0]]),
    )
    inner = torch.optim.SGD(student.parameters(), lr=0.3)
    train(
        student,
        steps=20,
        optimizer=Projected(inner, reference),
        schedule=linear_to_zero(20),
        clip=1.0,
    )
    moved = student.weight.detach() - start
    assert (moved * reference).sum().abs() < 1e-5
    assert moved.norm() > 0.1


def test_an_adversary_lives_in_the_loss_behind_gradient_reversal() -> None:
    """One step: the adversary goes down its loss, the student goes up the same."""

    class Reversed(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            return x.view_as(x)

        @staticmethod
        def backward(ctx: Any, gradient: Tensor) -> Tensor:
            return -gradient

    class Adversary(Loss):
        def __init__(self) -> None:
            super().__init__()
            self.guess = MLP([2, 16, 2], rng=rng(5))

        def each(self, teacher: nn.Module, student: nn.Module, batch: Batch) -> Tensor:
            logits = self.guess(Reversed.apply(student(batch.x)))
            return nn.functional.cross_entropy(logits, teacher(batch), reduction="none")

    student, loss, who = (
        MLP([2, 2], rng=rng()),
        Adversary(),
        Formula(lambda x: (x[:, 0] > 0).long()),
    )
    parameters = [*student.parameters(), *loss.parameters()]
    start, x = [p.detach().clone() for p in parameters], Noise(2, rng=rng()).draw(16).x
    plain = nn.functional.cross_entropy(loss.guess(student(x)), who(Batch(x)))
    slopes = torch.autograd.grad(plain, parameters)
    train(student, loss=loss, teacher=who, steps=1, optimizer=torch.optim.SGD(parameters, lr=0.1))
    signs = [1.0] * 2 + [-1.0] * 4
    for p, before, slope, sign in zip(parameters, start, slopes, signs, strict=True):
        torch.testing.assert_close(p.detach(), before + sign * 0.1 * slope)


def test_a_student_of_several_networks_learns_from_a_sum() -> None:
    class Codec(Loss):
        def each(self, teacher: nn.Module, student: nn.Module, batch: Batch) -> Tensor:
            return (student["codec"](batch.x) - batch.x).square().mean(-1)  # type: ignore[index]

    class Reasoner(Loss):
        def each(self, teacher: nn.Module, student: nn.Module, batch: Batch) -> Tensor:
            return nn.functional.cross_entropy(
                student["reasoner"](batch.x), teacher(batch), reduction="none"
            )  # type: ignore[index]

    x = torch.randn(200, 2, generator=rng())
    student = nn.ModuleDict(
        {"codec": MLP([2, 16, 2], rng=rng()), "reasoner": MLP([2, 16, 2], rng=rng(1))}
    )
    data = Resample(x, (x[:, 0] * x[:, 1] > 0).long(), rng=rng())
    train(student, teacher=Labels(), generator=data, loss=Codec() + Reasoner(), steps=600)
    with torch.no_grad():
        assert (student["codec"](x) - x).square().mean() < 0.05
        assert (student["reasoner"](x).argmax(-1) == data.y).float().mean() > 0.9


# ---- the generator ends the run, or does not


def test_an_exhausted_generator_ends_a_run_without_steps() -> None:
    data = Resample(torch.randn(50, 2, generator=rng()), rng=rng(), passes=3)
    history = train(MLP([2, 3], rng=rng()), generator=data, steps=None)
    assert len(history) == 150 // 16
    with pytest.raises(Exhausted, match="gave out after 0 steps"):
        train(MLP([2, 3], rng=rng()), generator=data, steps=None)


def test_a_generator_that_gives_out_before_the_last_step_is_an_error() -> None:
    data = Resample(torch.randn(50, 2, generator=rng()), rng=rng(), passes=3)
    with pytest.raises(
        Exhausted, match=r"Resample gave out after 9 steps of 16 examples: 10 are needed"
    ):
        train(MLP([2, 3], rng=rng()), generator=data, steps=10)


def test_a_generator_is_asked_once_a_step_and_continues_in_the_next_run() -> None:
    data, student = Resample(torch.arange(24.0).reshape(12, 2), rng=rng()), MLP([2, 3], rng=rng())
    for _ in range(2):
        train(student, generator=data, steps=2, batch_size=3)
    assert (data.position, data.passes_begun) == (12, 1)


def test_no_steps_change_nothing() -> None:
    student, start = dropping(), dropping()
    history = train(student, steps=0)
    assert len(history) == 0
    assert same(student, start)


def test_generators_compose_within_a_run() -> None:
    x = torch.randn(100, 2, generator=rng())
    student, loss, who = dropping(), HardLabels(), Labels()
    score = partial(loss.each, who, student)
    data = Resample(x, (x[:, 0] > 0).long(), rng=rng())
    shaken = Augmented(
        data, lambda x, rng: x + 0.01 * torch.randn(x.shape, generator=rng), rng=rng(1)
    )
    generator = Interleave(
        [Hardest(shaken, score=score, of=3), Resample(x, (x[:, 0] > 0).long(), rng=rng(2))], [1, 3]
    )
    history = train(
        student,
        generator=generator,
        loss=loss,
        teacher=who,
        steps=150,
        schedule=linear_to_zero(150),
    )
    assert history.losses[-20:].mean() < 0.5 * history.losses[:20].mean()


# ---- numbers


def test_clipping_bounds_the_step_and_leaves_small_gradients_alone() -> None:
    def moved(clip: float | None) -> float:
        student = nn.Linear(2, 3)
        with torch.no_grad():
            student.weight.zero_(), student.bias.zero_()
        train(student, steps=1, optimizer=torch.optim.SGD(student.parameters(), lr=1.0), clip=clip)
        return math.sqrt(sum(float(p.detach().square().sum()) for p in student.parameters()))

    assert moved(0.01) == pytest.approx(0.01, rel=1e-4)
    assert moved(100.0) == pytest.approx(moved(None), rel=1e-6)


def test_bfloat16_products_reach_the_same_accuracy() -> None:
    x = torch.cat(
        [
            torch.randn(400, 2, generator=rng(i)) + torch.tensor(c)
            for i, c in enumerate(([2, 0], [-2, 0], [0, 3]))
        ]
    )
    y = torch.arange(3).repeat_interleave(400)
    right, outputs = {}, {}
    for dtype in (None, torch.bfloat16):
        student = MLP([2, 32, 3], rng=rng())
        seen: list[torch.dtype] = []
        hook = student.register_forward_hook(lambda _m, _i, out, seen=seen: seen.append(out.dtype))
        history = train(
            student,
            loss=HardLabels(),
            teacher=Labels(),
            generator=Resample(x, y, rng=rng()),
            steps=300,
            dtype=dtype,
        )
        hook.remove()
        outputs[dtype] = set(seen)
        right[dtype] = (student(x).argmax(-1) == y).double()
        assert history.losses.dtype == torch.float32
        assert all(p.dtype == torch.float32 for p in student.parameters())
    assert outputs == {None: {torch.float32}, torch.bfloat16: {torch.bfloat16}}
    difference = right[None] - right[torch.bfloat16]
    assert right[None].mean() > 0.9
    assert abs(difference.mean()) <= 2 * difference.std() / math.sqrt(len(x)) + 1e-9


def test_float32_as_a_dtype_leaves_every_number_as_it_is() -> None:
    plain, typed = MLP([2, 8, 3], rng=rng()), MLP([2, 8, 3], rng=rng())
    train(plain)
    train(typed, dtype=torch.float32)
    assert same(plain, typed)


def test_precision_follows_the_tensors() -> None:
    student, data = (
        MLP([2, 8, 3], rng=rng()).double(),
        Resample(torch.randn(64, 2, generator=rng()).double(), rng=rng()),
    )
    history = train(student, generator=data, teacher=Frozen(MLP([2, 8, 3], rng=rng(1)).double()))
    assert all(p.dtype == torch.float64 for p in student.parameters())
    assert history.losses.isfinite().all()


def test_progress_is_told_every_step() -> None:
    told: list[tuple[int, int | None]] = []
    train(MLP([2, 3], rng=rng()), steps=3, progress=lambda done, steps: told.append((done, steps)))
    assert told == [(1, 3), (2, 3), (3, 3)]


# ---- one loop


def test_the_loop_fits_on_a_page() -> None:
    lines = Path(distillery.__file__).with_name("distillation.py").read_text().splitlines()
    body = lines[next(i for i, line in enumerate(lines) if line.startswith("def distill")) :]
    assert len(body) <= 60


def _rates_at_each_step(optimizer: torch.optim.Optimizer) -> list[list[float]]:
    seen: list[list[float]] = []
    optimizer.register_step_pre_hook(
        lambda o, _a, _k: seen.append([group["lr"] for group in o.param_groups])
    )
    return seen
