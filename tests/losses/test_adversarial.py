"""The game between student and adversary, where every sample can be listed."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from distillery import distill
from distillery.generators import Noise
from distillery.losses import Adversarial
from distillery.losses.adversarial import reversed_gradient, score_function
from distillery.models.mixture import Mixture
from distillery.models.mlp import MLP
from distillery.models.nade import NADE
from distillery.protocols import Batch
from distillery.teachers import Formula

STATES = torch.arange(4)[:, None]
NOBODY = Formula(lambda x: x)  # the teacher is never asked


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class Table(nn.Module):
    """One number for each of four states: a distribution's logits, or an adversary's."""

    def __init__(self, values: list[float], *, log_probs: bool) -> None:
        super().__init__()
        self.values, self.log_probs = (
            nn.Parameter(torch.tensor(values, dtype=torch.float64)),
            log_probs,
        )

    def forward(self, x: Tensor) -> Tensor:
        return (self.values.log_softmax(0) if self.log_probs else self.values)[x.flatten().long()]


class Scripted(Table):
    """A student whose samples are prescribed."""

    script: Tensor

    def sample(self, n: int, *, rng: torch.Generator) -> Tensor:
        assert len(self.script) == n
        return self.script


class Shift(nn.Module):
    """Standard normal noise, shifted: samples with derivatives."""

    def __init__(self) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.tensor([0.5, -1.0], dtype=torch.float64))

    def rsample(self, n: int, *, rng: torch.Generator) -> Tensor:
        return self.mean + torch.randn(n, 2, generator=rng, dtype=torch.float64)


def game() -> tuple[Scripted, Table]:
    return Scripted([0.3, -1.0, 0.8, 0.0], log_probs=True), Table(
        [1.5, -0.5, 0.2, -2.0], log_probs=False
    )


@pytest.mark.parametrize("n", [1, 2, 3])
def test_over_all_samples_the_score_function_gives_the_exact_gradient(n: int) -> None:
    """The student climbs the adversary's cross entropy on its own samples, summed over every state
    with its probability.
    """
    student, adversary = game()
    loss, found = Adversarial(adversary, rng=rng()), torch.zeros(4, dtype=torch.float64)
    log_probs = student(STATES).detach()
    for picked in itertools.product(range(4), repeat=n):
        student.script = STATES[list(picked)]
        gradient = torch.autograd.grad(
            loss(NOBODY, student, Batch(STATES[:1].expand(n, 1))), student.values
        )[0]
        found += log_probs[list(picked)].sum().exp() * gradient
    climbed = 0.5 * (student(STATES).exp() * F.softplus(adversary.values.detach())).sum()
    torch.testing.assert_close(found, -torch.autograd.grad(climbed, student.values)[0])


def test_a_reward_that_all_samples_share_moves_nothing() -> None:
    log_probs = torch.randn(5, generator=rng(), requires_grad=True)
    estimate = score_function(torch.full((5,), 3.0), log_probs)
    assert torch.equal(estimate, torch.zeros(5))
    assert torch.equal(torch.autograd.grad(estimate.sum(), log_probs)[0], torch.zeros(5))


def test_the_best_adversary_leaves_log_2_minus_the_jensen_shannon_divergence() -> None:
    """Probabilities in sixteenths, so that sixteen examples are a distribution exactly."""
    p, q = torch.tensor([8, 4, 3, 1]), torch.tensor([2, 5, 1, 8])
    student, _ = game()
    student.script = STATES.repeat_interleave(q, 0)
    best = Table((p / q).log().tolist(), log_probs=False)
    loss, batch = Adversarial(best, rng=rng()), Batch(STATES.repeat_interleave(p, 0))
    value = loss(NOBODY, student, batch)
    p, q = p.double() / 16, q.double() / 16
    middle = (p + q) / 2
    divergence = 0.5 * (p * (p / middle).log()).sum() + 0.5 * (q * (q / middle).log()).sum()
    assert value.item() == pytest.approx(math.log(2) - divergence.item(), abs=1e-6)
    torch.testing.assert_close(
        torch.autograd.grad(value, best.values)[0],
        torch.zeros(4, dtype=torch.float64),
        atol=1e-7,
        rtol=0,
    )


def test_the_adversary_descends_the_cross_entropy_and_the_student_behind_the_reversal_climbs_it() -> (
    None
):
    student, adversary = Shift(), MLP([2, 8, 1], rng=rng(), activation=nn.Tanh()).double()
    real = torch.randn(6, 2, generator=rng(1), dtype=torch.float64)
    loss = Adversarial(adversary, rng=rng(2))
    loss(NOBODY, student, Batch(real)).backward()
    found = [p.grad for p in adversary.parameters()]
    logits = adversary(torch.cat([real, student.rsample(6, rng=rng(2))])).flatten()
    labels = torch.tensor([1.0, 0.0], dtype=torch.float64).repeat_interleave(6)
    entropy = F.binary_cross_entropy_with_logits(logits, labels)
    expected = torch.autograd.grad(entropy, [*adversary.parameters(), student.mean])
    torch.testing.assert_close(found, list(expected[:-1]))
    torch.testing.assert_close(student.mean.grad, -expected[-1])


def test_reversal_changes_no_value_and_every_sign() -> None:
    x = torch.randn(3, 2, generator=rng(), requires_grad=True)
    assert torch.equal(reversed_gradient(x), x)
    torch.testing.assert_close(
        torch.autograd.grad(reversed_gradient(x).square().sum(), x)[0], -2 * x
    )


def test_both_ways_to_the_student_estimate_one_gradient() -> None:
    variances = torch.tensor([1.0, 0.5], dtype=torch.float64)
    student = Mixture(
        torch.tensor([0.4, 0.6]).double(), torch.tensor([-1.0, 1.5]).double(), variances
    )
    adversary = MLP([1, 5, 1], rng=rng(), activation=nn.Tanh()).double()
    batch = Batch(torch.zeros(4000, 1, dtype=torch.float64))
    means, errors = [], []
    for way in ("samples", "score"):
        loss = Adversarial(adversary, rng=rng(1), through=way)
        runs = [
            torch.autograd.grad(loss(NOBODY, student, batch), list(student.parameters()))
            for _ in range(20)
        ]
        each = torch.stack([torch.cat([g.flatten() for g in gradients]) for gradients in runs])
        means.append(each.mean(0))
        errors.append(each.std(0) / 20**0.5)
    assert (means[0] - means[1]).norm() < 0.2 * means[1].norm()
    assert (
        (means[0] - means[1]).abs() < 4 * (errors[0].square() + errors[1].square()).sqrt()
    ).all()


def test_the_ordinary_loop_plays_the_game() -> None:
    """The student's mean comes to the teacher's, and the adversary, which could tell them apart at
    first, cannot.
    """
    student, adversary = Shift(), MLP([2, 16, 1], rng=rng(), activation=nn.Tanh()).double()
    loss = Adversarial(adversary, rng=rng(1))
    optimizer = torch.optim.Adam(
        [{"params": student.parameters(), "lr": 0.02}, {"params": loss.parameters(), "lr": 0.01}],
        betas=(0.5, 0.99),
    )
    generator = Noise(2, rng=rng(2), mean=torch.tensor([2.0, 1.0]))
    history = distill(
        NOBODY, student, generator, loss, optimizer=optimizer, batch_size=100, steps=300
    )
    torch.testing.assert_close(
        student.mean.detach(), torch.tensor([2.0, 1.0]).double(), atol=0.3, rtol=0
    )
    assert float(history.losses[:100].min()) < 0.6
    assert float(history.losses[-50:].mean()) == pytest.approx(math.log(2), abs=0.02)


def test_an_adversary_that_nobody_trains_is_refused() -> None:
    student, loss = Shift(), Adversarial(MLP([2, 3, 1], rng=rng()).double(), rng=rng())
    optimizer = torch.optim.SGD(student.parameters(), lr=0.1)
    with pytest.raises(ValueError, match=r"misses loss\.adversary\.layers\.1\.weight"):
        distill(
            NOBODY, student, Noise(2, rng=rng()), loss, optimizer=optimizer, batch_size=5, steps=1
        )


def test_samples_in_bytes_come_to_the_adversary_in_its_own_precision() -> None:
    student, adversary = NADE(4, 3, rng=rng(), kernel=False), MLP([4, 3, 1], rng=rng()).double()
    loss = Adversarial(adversary, rng=rng())
    loss(
        NOBODY, student, Batch(torch.randint(2, (5, 4), generator=rng(), dtype=torch.uint8))
    ).backward()
    assert all(
        p.grad is not None and p.grad.abs().sum() > 0
        for p in (student.W, student.b, *adversary.parameters())
    )


def test_the_students_samples_go_on_where_a_checkpoint_left_them() -> None:
    student, adversary = Shift(), MLP([2, 3, 1], rng=rng()).double()
    loss, other = (
        Adversarial(adversary, rng=rng()),
        Adversarial(MLP([2, 3, 1], rng=rng(5)).double(), rng=rng(5)),
    )
    batch = Batch(torch.zeros(4, 2).double())
    loss(NOBODY, student, batch)
    other.load_state_dict(loss.state_dict())
    torch.testing.assert_close(
        loss.each(NOBODY, student, batch), other.each(NOBODY, student, batch), rtol=0, atol=0
    )


def test_games_that_cannot_be_played_are_refused() -> None:
    adversary, batch = MLP([2, 3, 1], rng=rng()), Batch(torch.zeros(4, 2))
    with pytest.raises(TypeError, match=r"adversary is a Tanh: an nn\.Module with parameters"):
        Adversarial(nn.Tanh(), rng=rng())
    with pytest.raises(ValueError, match="unknown through 'sample'; did you mean 'samples'"):
        Adversarial(adversary, rng=rng(), through="sample")
    with pytest.raises(
        TypeError, match=r"student is a MLP without sample\(n, rng=rng\): through='auto' needs it"
    ):
        Adversarial(adversary, rng=rng())(NOBODY, MLP([2, 1], rng=rng()), batch)
    with pytest.raises(
        TypeError,
        match=r"student is a NADE without rsample\(n, rng=rng\): through='samples' needs it",
    ):
        Adversarial(adversary, rng=rng(), through="samples")(NOBODY, NADE(2, 2, rng=rng()), batch)
    with pytest.raises(
        ValueError,
        match=r"the adversary answered 4 examples with shape \(4, 3\): one logit each is needed",
    ):
        Adversarial(MLP([2, 3], rng=rng()), rng=rng())(
            NOBODY, NADE(2, 2, rng=rng(), kernel=False), batch
        )
    with pytest.raises(
        ValueError,
        match=r"log_probs has shape \(4, 1\), rewards \(4,\): one of each a sample is needed",
    ):
        score_function(torch.zeros(4), torch.zeros(4, 1))
