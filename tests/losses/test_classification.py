from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from distillery import Batch, distill
from distillery.generators import Resample
from distillery.losses import HardLabels, Loss, SoftTargets, SquareError
from distillery.models.bank import Bank
from distillery.models.mlp import MLP
from distillery.teachers import Formula, Frozen, Labels, Recorded


class Giving(nn.Module):
    """A student that answers with the numbers it was made with."""

    def __init__(self, answer: Tensor) -> None:
        super().__init__()
        self.answer = nn.Parameter(answer)

    def forward(self, x: Tensor) -> Tensor:
        return self.answer


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def each(loss: Loss, answer: Tensor, target: Tensor) -> Tensor:
    return loss.each(Recorded(), Giving(answer), Batch(torch.zeros(len(target), 1), target))


def test_soft_targets_are_the_cross_entropy_of_equation_2_17() -> None:
    mine, theirs = torch.randn(6, 4, generator=rng()), torch.randn(6, 4, generator=rng(1))
    t, f = (
        theirs.exp() / theirs.exp().sum(-1, keepdim=True),
        mine.exp() / mine.exp().sum(-1, keepdim=True),
    )
    torch.testing.assert_close(each(SoftTargets(), mine, theirs), -(t * f.log()).sum(-1))


def test_soft_targets_agree_with_torch() -> None:
    mine, theirs = torch.randn(6, 4, generator=rng()), torch.randn(6, 4, generator=rng(1))
    torch.testing.assert_close(
        each(SoftTargets(), mine, theirs),
        F.cross_entropy(mine, theirs.softmax(-1), reduction="none"),
    )


def test_soft_targets_are_least_where_the_student_agrees_and_there_they_are_the_entropy() -> None:
    logits = torch.randn(5, 3, generator=rng())
    least = each(SoftTargets(), logits, logits)
    torch.testing.assert_close(least, torch.distributions.Categorical(logits=logits).entropy())
    for seed in range(20):
        assert (
            each(SoftTargets(), logits + 0.3 * torch.randn(5, 3, generator=rng(seed)), logits)
            > least
        ).all()


def test_normalised_log_probabilities_serve_as_logits() -> None:
    mine, theirs = torch.randn(6, 4, generator=rng()), torch.randn(6, 4, generator=rng(1))
    torch.testing.assert_close(
        each(SoftTargets(3.0), mine, theirs),
        each(SoftTargets(3.0), mine.log_softmax(-1), theirs.log_softmax(-1)),
    )


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0, 20.0])
def test_a_temperature_divides_both_logits_and_multiplies_the_value_by_its_square(
    temperature: float,
) -> None:
    mine, theirs = torch.randn(6, 4, generator=rng()), torch.randn(6, 4, generator=rng(1))
    expected = temperature**2 * F.cross_entropy(
        mine / temperature, (theirs / temperature).softmax(-1), reduction="none"
    )
    torch.testing.assert_close(each(SoftTargets(temperature), mine, theirs), expected)


def test_gradients_keep_their_size_at_a_high_temperature_and_tend_to_those_of_centred_logits() -> (
    None
):
    """Hinton et al. (2015), their equation 4: (v_i - mean) - (z_i - mean), over the number of
    classes.
    """
    mine, theirs = (
        torch.randn(6, 4, generator=rng()).double(),
        torch.randn(6, 4, generator=rng(1)).double(),
    )
    student = Giving(mine)
    SoftTargets(1000.0).each(Recorded(), student, Batch(torch.zeros(6, 1), theirs)).sum().backward()
    expected = ((mine - mine.mean(-1, keepdim=True)) - (theirs - theirs.mean(-1, keepdim=True))) / 4
    torch.testing.assert_close(student.answer.grad, expected, rtol=5e-3, atol=5e-3)


def test_soft_targets_are_finite_at_extreme_logits() -> None:
    mine, theirs = torch.tensor([[300.0, -300.0]]), torch.tensor([[-500.0, 500.0]])
    assert each(SoftTargets(), mine, theirs).tolist() == [600.0]


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan")])
def test_a_temperature_that_is_not_positive_is_refused(temperature: float) -> None:
    with pytest.raises(ValueError, match=r"temperature is .*: a positive number is needed"):
        SoftTargets(temperature)


def test_soft_targets_refuse_labels() -> None:
    with pytest.raises(
        TypeError,
        match=(
            "SoftTargets: the teacher gave integer labels: logits are needed, or the loss"
            " HardLabels"
        ),
    ):
        each(SoftTargets(), torch.zeros(3, 2), torch.tensor([0, 1, 1]))


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.uint8])
def test_hard_labels_are_minus_the_log_probability_of_the_label(dtype: torch.dtype) -> None:
    logits, labels = torch.randn(6, 4, generator=rng()), torch.tensor([0, 3, 1, 1, 2, 0])
    expected = -logits.log_softmax(-1)[torch.arange(6), labels]
    torch.testing.assert_close(each(HardLabels(), logits, labels.to(dtype)), expected)


def test_hard_labels_are_soft_targets_of_a_teacher_who_is_certain() -> None:
    logits, labels = torch.randn(6, 4, generator=rng()), torch.tensor([0, 3, 1, 1, 2, 0])
    certain = torch.where(F.one_hot(labels, 4) == 1, 0.0, -math.inf)
    torch.testing.assert_close(
        each(SoftTargets(), logits, certain), each(HardLabels(), logits, labels)
    )


def test_hard_labels_refuse_logits_and_a_wrong_number_of_labels() -> None:
    with pytest.raises(
        TypeError,
        match=(
            r"HardLabels: the teacher gave torch\.float32 and batch\.y is torch\.float32: integer"
            r" labels are needed from one of them"
        ),
    ):
        each(HardLabels(), torch.zeros(3, 2), torch.zeros(3, 2))
    with pytest.raises(
        ValueError,
        match=(
            r"labels have shape \(3, 1\) for logits of shape \(3, 2\): one label an example is"
            r" needed"
        ),
    ):
        each(HardLabels(), torch.zeros(3, 2), torch.zeros(3, 1).long())
    with pytest.raises(TypeError, match=r"the teacher gave list and batch\.y is None: integer"):
        HardLabels().each(
            Formula(lambda x: [0, 1, 1]), Giving(torch.zeros(3, 2)), Batch(torch.zeros(3, 1))
        )


def mixed() -> Loss:
    return 0.9 * SoftTargets(temperature=4.0) + 0.1 * HardLabels()


def test_the_mixed_loss_of_a_network_and_labels_is_the_sum_that_its_line_says() -> None:
    x, y = torch.randn(6, 2, generator=rng()), torch.tensor([0, 2, 1, 1, 2, 0])
    teacher, student = MLP([2, 8, 3], rng=rng(1)), MLP([2, 4, 3], rng=rng(2))
    value = mixed()(Frozen(teacher), student, Batch(x, y))
    probs, soft = (teacher(x) / 4.0).softmax(-1), (student(x) / 4.0).log_softmax(-1)
    of_targets = -16.0 * (probs * soft).sum(-1)
    of_labels = -student(x).log_softmax(-1)[torch.arange(6), y]
    torch.testing.assert_close(value, (0.9 * of_targets + 0.1 * of_labels).mean())


def test_the_mixed_loss_trains_a_student_to_labels_that_its_teacher_does_not_know() -> None:
    """The teacher tells apart classes 0 and 1 and never answers 2; the labels know all three."""
    x = torch.randn(300, 2, generator=rng())
    y = torch.where(x[:, 1] > 0.5, 2, (x[:, 0] > 0).long())
    teacher = Formula(lambda x: torch.stack([-4 * x[:, 0], 4 * x[:, 0], 0 * x[:, 0] - 9], -1))
    student = MLP([2, 32, 3], rng=rng(1))
    history = distill(
        teacher,
        student,
        Resample(x, y, rng=rng(2)),
        0.02 * SoftTargets(temperature=4.0) + 0.98 * HardLabels(),
        optimizer=torch.optim.Adam(student.parameters(), lr=0.02),
        batch_size=50,
        steps=300,
    )
    assert history.losses[-20:].mean() < 0.7 * history.losses[:20].mean()
    assert (student(x).argmax(-1) == y).double().mean() > 0.9


def test_a_teacher_that_answers_labels_is_heard_before_the_batch() -> None:
    logits = torch.randn(3, 2, generator=rng())
    teacher = Formula(lambda x: torch.tensor([1, 1, 0]))
    batch = Batch(torch.zeros(3, 1), torch.tensor([0, 0, 0]))
    expected = -logits.log_softmax(-1)[torch.arange(3), torch.tensor([1, 1, 0])]
    torch.testing.assert_close(HardLabels().each(teacher, Giving(logits), batch), expected)


def test_hard_labels_alone_refuse_a_teacher_that_would_not_be_heard() -> None:
    batch = Batch(torch.zeros(3, 2), torch.tensor([0, 1, 1]))
    with pytest.raises(
        TypeError,
        match=(
            r"HardLabels: the teacher gave torch\.float32, which this loss would not read when it"
            r" stands alone: integer labels are needed, as of the teacher Labels\(\)"
        ),
    ):
        HardLabels()(Frozen(MLP([2, 2], rng=rng())), MLP([2, 2], rng=rng(1)), batch)


@pytest.mark.parametrize("label", [-100, -1, 3, 255])
def test_a_label_that_is_no_class_is_refused_with_the_classes_there_are(label: int) -> None:
    with pytest.raises(
        ValueError,
        match=rf"HardLabels: the labels go from {min(label, 1)} to {max(label, 1)}: whole numbers"
        r" from 0 to 2 are needed for logits of 3 classes",
    ):
        each(HardLabels(), torch.zeros(2, 3), torch.tensor([1, label]))


def test_soft_targets_refuse_a_single_number_an_example() -> None:
    """Over one number a class is no distribution: the sum would run over the batch."""
    with pytest.raises(
        ValueError, match=r"answer with shape \(4,\): logits of every class, \(B, K"
    ):
        each(SoftTargets(), torch.zeros(4), torch.zeros(4))


def test_square_error_is_half_the_mean_square() -> None:
    mine, theirs = torch.randn(6, 4, generator=rng()), torch.randn(6, 4, generator=rng(1))
    torch.testing.assert_close(
        each(SquareError(), mine, theirs), 0.5 * F.mse_loss(mine, theirs, reduction="none").mean(-1)
    )


@pytest.mark.parametrize("loss", [SoftTargets(), SquareError()])
def test_answers_that_would_broadcast_by_accident_are_refused(loss: Loss) -> None:
    for answer, target in [((4, 4), (4,)), ((4, 1), (4,)), ((4, 3), (4, 1)), ((4, 3), (4, 4))]:
        with pytest.raises(ValueError, match="equal shapes are needed"):
            each(loss, torch.zeros(answer), torch.zeros(target))


@pytest.mark.parametrize("loss", [SoftTargets(2.0), SquareError(), HardLabels()])
@pytest.mark.parametrize("own_streams", [False, True])
@pytest.mark.parametrize("stacked", [False, True])
def test_a_bank_has_the_values_of_its_students(
    loss: Loss, own_streams: bool, stacked: bool
) -> None:
    students = [MLP([2, 3], rng=rng(seed)) for seed in range(2)]
    x, y = torch.randn(6, 2, generator=rng()), torch.tensor([0, 1, 2, 2, 1, 0])
    teacher = Labels() if isinstance(loss, HardLabels) else Frozen(MLP([2, 3], rng=rng(5)))
    halves = [slice(0, 3), slice(3, 6)] if own_streams else [slice(0, 6)] * 2
    expected = torch.stack(
        [loss.each(teacher, s, Batch(x, y)[half]) for s, half in zip(students, halves, strict=True)]
    )
    value = loss.each(
        teacher, Bank(students, stacked=stacked, own_streams=own_streams), Batch(x, y)
    )
    torch.testing.assert_close(value, expected)


@pytest.mark.parametrize("loss", [SoftTargets(2.0), SquareError()])
def test_half_precision_outputs_are_summed_in_single_precision(loss: Loss) -> None:
    mine, theirs = (
        torch.randn(6, 1000, generator=rng()).bfloat16(),
        torch.randn(6, 1000, generator=rng(1)).bfloat16(),
    )
    torch.testing.assert_close(each(loss, mine, theirs), each(loss, mine.float(), theirs.float()))


@pytest.mark.parametrize("loss", [SoftTargets(2.0), SquareError()])
def test_no_gradient_reaches_the_teachers_answer(loss: Loss) -> None:
    target = torch.randn(3, 2, generator=rng()).requires_grad_()
    each(loss, torch.zeros(3, 2), target).sum().backward()
    assert target.grad is None
