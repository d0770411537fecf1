from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

from distillery.losses.densities import KL, LogSquareError, SoftBits
from distillery.models.nade import NADE
from distillery.models.rbm import RBM
from distillery.protocols import Batch
from distillery.teachers import Frozen, Given


@pytest.fixture
def world() -> tuple[RBM, NADE, Tensor, Tensor, Tensor]:
    """A machine, a student, all states, their exact log probabilities, log Z."""
    rng = torch.Generator().manual_seed(0)
    machine = RBM.from_arrays(
        *(torch.randn(shape, generator=rng, dtype=torch.float64) for shape in ((5, 3), (5,), (3,)))
    )
    student = NADE(5, 4, rng=rng).double()
    states = torch.tensor(list(itertools.product([0, 1], repeat=5)))
    log_density = machine.log_density(states).detach()
    return machine, student, states, log_density.log_softmax(0), log_density.logsumexp(0)


def test_the_likelihood_is_the_kl_divergence_plus_the_teachers_entropy(
    world: tuple[RBM, NADE, Tensor, Tensor, Tensor],
) -> None:
    machine, student, states, log_probs, _ = world
    probs = log_probs.exp()
    each = KL().each(Frozen(machine), student, Batch(states))
    divergence = (probs * (log_probs - student.log_prob(states))).sum()
    entropy = -(probs * log_probs).sum()
    torch.testing.assert_close((probs * each).sum(), divergence + entropy)


@pytest.mark.parametrize("gap", [0.0, 1.5, 20.0])
def test_the_square_error_splits_as_equation_4_10_says(
    world: tuple[RBM, NADE, Tensor, Tensor, Tensor], gap: float
) -> None:
    machine, student, states, log_probs, log_z = world
    each = LogSquareError(float(log_z) - gap).each(Frozen(machine), student, Batch(states))
    probs, difference = log_probs.exp(), log_probs - student.log_prob(states)
    expected = (
        (probs * difference.square()).sum() / 2 + gap * (probs * difference).sum() + gap**2 / 2
    )
    torch.testing.assert_close((probs * each).sum(), expected)


def test_a_perfect_student_leaves_half_the_squared_gap(
    world: tuple[RBM, NADE, Tensor, Tensor, Tensor],
) -> None:
    machine, _, states, log_probs, log_z = world

    class Perfect(torch.nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return log_probs

    each = LogSquareError(float(log_z) - 2).each(Frozen(machine), Perfect(), Batch(states))
    torch.testing.assert_close(each, torch.full((32,), 2.0, dtype=torch.float64))


@pytest.mark.parametrize(
    "loss", [KL(), LogSquareError(1.0), 0.5 * KL() + 0.5 * LogSquareError(1.0)]
)
def test_gradients_reach_the_student_and_not_the_teacher(
    world: tuple[RBM, NADE, Tensor, Tensor, Tensor], loss: KL
) -> None:
    machine, student, states, _, _ = world
    loss(Frozen(machine), student, Batch(states)).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in student.parameters())
    assert all(p.grad is None for p in machine.parameters())


def test_a_constant_that_is_not_finite_is_refused() -> None:
    with pytest.raises(ValueError, match="c is inf"):
        LogSquareError(float("inf"))


def test_soft_bits_have_the_gradient_of_kl_and_less_variance(
    world: tuple[RBM, NADE, Tensor, Tensor, Tensor],
) -> None:
    machine, student, x, log_probs, log_z = world
    h = torch.tensor(list(itertools.product([0, 1], repeat=machine.hidden)), dtype=torch.float64)
    exponent = (
        torch.einsum("nv,vh,mh->nm", x.double(), machine.W, h)
        + (x.double() @ machine.a)[:, None]
        + h @ machine.b
    )
    joint = (exponent - log_z).exp().detach()
    torch.testing.assert_close(joint.sum(1), log_probs.exp())
    every_x, every_h = x.repeat_interleave(len(h), 0), h.repeat(len(x), 1)
    weights = joint.flatten()
    soft = gradients(
        SoftBits().each(Given(machine.visible_probs), student, Batch(every_x, draw=every_h)),
        student,
    )
    hard = gradients(KL().each(Frozen(machine), student, Batch(every_x)), student)
    mean_soft, mean_hard = weights @ soft, weights @ hard
    torch.testing.assert_close(mean_soft, mean_hard)
    spread_soft, spread_hard = (weights @ (g - mean_hard).square().sum(1) for g in (soft, hard))
    assert spread_soft < 0.9 * spread_hard


def gradients(each: Tensor, student: NADE) -> Tensor:
    """One row an example."""
    rows = [
        torch.autograd.grad(value, list(student.parameters()), retain_graph=True) for value in each
    ]
    return torch.stack([torch.cat([part.flatten() for part in row]) for row in rows])


def test_soft_bits_refuse_a_student_without_logits() -> None:
    with pytest.raises(
        TypeError, match=r"SoftBits: student Linear has no logits\(x\): a NADE or a MADE is needed"
    ):
        SoftBits().each(
            Given(lambda h: h),
            torch.nn.Linear(2, 2),
            Batch(torch.zeros(1, 2), draw=torch.zeros(1, 2)),
        )
