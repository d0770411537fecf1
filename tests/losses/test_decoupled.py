"""Later rivals of soft targets: decoupled, and standardised."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from distillery import Batch
from distillery.losses import DecoupledTargets, SoftTargets, StandardizedTargets
from distillery.losses.loss import Loss
from distillery.teachers import Formula


class Giving(nn.Module):
    """A student that answers with the numbers it was made with."""

    def __init__(self, answer: Tensor) -> None:
        super().__init__()
        self.answer = nn.Parameter(answer)

    def forward(self, x: Tensor) -> Tensor:
        return self.answer


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def each(loss: Loss, mine: Tensor, theirs: Tensor, y: Tensor) -> Tensor:
    return loss.each(
        Formula(lambda x: theirs), Giving(mine), Batch(torch.zeros(len(y), 1), y)
    ).detach()


def answers() -> tuple[Tensor, Tensor, Tensor]:
    mine, theirs = (3 * torch.randn(6, 4, generator=rng(seed)) for seed in (0, 1))
    return mine, theirs, torch.tensor([0, 1, 2, 3, 0, 1])


def test_decoupled_targets_by_hand() -> None:
    mine, theirs, y = answers()
    found = each(DecoupledTargets(2.0, alpha=0.7, beta=3.0), mine, theirs, y)
    for b, label in enumerate(y.tolist()):
        t, s = ([math.exp(v / 2) for v in row[b].tolist()] for row in (theirs, mine))
        t, s = ([v / sum(row) for v in row] for row in (t, s))
        binary = t[label] * math.log(t[label] / s[label])
        binary += (1 - t[label]) * math.log((1 - t[label]) / (1 - s[label]))
        others = 0.0
        for k in range(4):
            if k != label:
                p, q = t[k] / (1 - t[label]), s[k] / (1 - s[label])
                others += p * math.log(p / q)
        assert float(found[b]) == pytest.approx(4 * (0.7 * binary + 3.0 * others), rel=1e-4)


def test_weighted_by_what_the_teacher_leaves_to_others_they_are_soft_targets() -> None:
    """KL = KL of label or not + (1 - p_label) KL of the others, example by example."""
    mine, theirs, y = answers()
    label, others = (
        each(DecoupledTargets(4.0, alpha=a, beta=b), mine, theirs, y) for a, b in ((1, 0), (0, 1))
    )
    left = 1 - (theirs / 4).softmax(-1).gather(1, y[:, None])[:, 0]
    entropy = 16 * torch.distributions.Categorical(logits=theirs / 4).entropy()
    soft = each(SoftTargets(4.0), mine, theirs, y) - entropy
    torch.testing.assert_close(label + left * others, soft, rtol=1e-4, atol=1e-4)


def test_decoupled_targets_are_zero_where_the_student_agrees_and_their_slopes_are_finite() -> None:
    _, theirs, y = answers()
    torch.testing.assert_close(
        each(DecoupledTargets(), theirs, theirs, y), torch.zeros(6), rtol=0, atol=1e-4
    )
    student = Giving(100 * theirs)
    batch = Batch(torch.zeros(6, 1), y)
    DecoupledTargets()(Formula(lambda x: -100 * theirs), student, batch).backward()
    assert student.answer.grad.isfinite().all()


def test_decoupled_targets_need_labels() -> None:
    with pytest.raises(TypeError, match=r"DecoupledTargets: the teacher gave .* integer labels"):
        each(DecoupledTargets(), torch.zeros(2, 3), torch.zeros(2, 3), torch.zeros(2))


def test_standardized_targets_are_soft_targets_of_standard_logits() -> None:
    mine, theirs, y = answers()
    standard = [
        (z - z.mean(1, keepdim=True)) / z.std(1, keepdim=True, correction=0) for z in (mine, theirs)
    ]
    torch.testing.assert_close(
        each(StandardizedTargets(2.0), mine, theirs, y),
        each(SoftTargets(2.0), *standard, y),
    )


def test_standardized_targets_are_blind_to_shift_and_size() -> None:
    mine, theirs, y = answers()
    loss = StandardizedTargets()
    expected = each(loss, mine, theirs, y)
    torch.testing.assert_close(each(loss, 5 * mine + 3, theirs, y), expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(
        each(loss, mine, 0.1 * theirs - 7, y), expected, rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize("loss", [DecoupledTargets, StandardizedTargets])
def test_temperatures_are_positive(loss: type[DecoupledTargets | StandardizedTargets]) -> None:
    with pytest.raises(ValueError, match=r"temperature is 0\.0"):
        loss(0.0)
