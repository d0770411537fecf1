"""Slopes decide a density over the plane and nothing over bits; ratios decide bits."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from distillery.losses import KL, Loss, RatioMatching, ScoreMatching
from distillery.losses.score import neighbours
from distillery.models.mixture import Mixture
from distillery.models.nade import NADE
from distillery.models.once import once
from distillery.models.rbm import RBM
from distillery.partition.enumeration import every_state
from distillery.protocols import Batch
from distillery.teachers import Formula, Frozen, Recorded


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def tensor(values: object) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def normal(mean: list[float], variance: float) -> Mixture:
    return Mixture(
        tensor([1.0]), tensor([mean]), variance * torch.eye(len(mean), dtype=torch.float64)[None]
    )


def points(n: int = 20, dimension: int = 2) -> Tensor:
    return torch.randn(n, dimension, generator=rng(3), dtype=torch.float64)


class Table(nn.Module):
    """Any distribution over three bits, by its eight logits."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.logits = nn.Parameter(logits.clone())

    def forward(self, x: Tensor) -> Tensor:
        return self.logits.log_softmax(0)[(x.long() * torch.tensor([4, 2, 1])).sum(1)]


# ---- score matching


def test_between_shifted_normals_it_is_half_the_squared_shift_over_the_squared_variance() -> None:
    each = ScoreMatching().each(
        Frozen(normal([1.0, 2.0], 0.5)), normal([0.0, -1.0], 0.5), Batch(points())
    )
    torch.testing.assert_close(each, torch.full((20,), 0.5 * (1 + 9) / 0.25, dtype=torch.float64))


def test_between_normals_of_two_widths_it_grows_with_the_distance_from_the_mean() -> None:
    each = ScoreMatching().each(
        Frozen(normal([0.0, 0.0], 0.5)), normal([0.0, 0.0], 2.0), Batch(points())
    )
    torch.testing.assert_close(each, 0.5 * (1 / 0.5 - 1 / 2.0) ** 2 * points().square().sum(1))


def test_equal_densities_are_at_distance_zero_whatever_z_is() -> None:
    density = Mixture(
        tensor([0.3, 0.7]),
        tensor([[0.0, 1.0], [-2.0, 3.0]]),
        torch.eye(2, dtype=torch.float64).expand(2, 2, 2),
    )
    each = ScoreMatching().each(Formula(lambda x: density(x) + 436.49), density, Batch(points()))
    torch.testing.assert_close(each, torch.zeros(20, dtype=torch.float64))


def test_its_gradient_is_that_of_finite_differences() -> None:
    teacher, student, batch = (
        Frozen(normal([0.5, -0.5], 1.0)),
        normal([0.0, 1.0], 2.0),
        Batch(points()),
    )
    loss, step = ScoreMatching(), 1e-5
    for parameter in (student.means, student.factors):
        found = torch.autograd.grad(loss(teacher, student, batch), parameter)[0].flatten()
        for i in range(len(found)):
            values = []
            for sign in (1, -1):
                with torch.no_grad():
                    parameter.view(-1)[i] += sign * step
                values.append(loss(teacher, student, batch).item())
                with torch.no_grad():
                    parameter.view(-1)[i] -= sign * step
            assert float(found[i]) == pytest.approx((values[0] - values[1]) / (2 * step), abs=1e-7)


def test_it_barely_sees_how_much_mass_distant_modes_hold() -> None:
    """Twelve deviations apart, weights of 0.5 and of 0.9 differ by half a nat, and their slopes by
    nothing where samples are.
    """
    variances = torch.ones(2, dtype=torch.float64)
    teacher, student = (
        Mixture(tensor([w, 1 - w]), tensor([-6.0, 6.0]), variances) for w in (0.5, 0.9)
    )
    x = torch.linspace(-14, 14, 2001, dtype=torch.float64)[:, None]
    p = teacher(x).detach().exp() * 28 / 2000
    slopes = (p * ScoreMatching().each(Frozen(teacher), student, Batch(x))).sum()
    divergence = (p * (teacher(x) - student(x))).sum()
    assert divergence.item() == pytest.approx(
        0.5 * math.log(0.5 / 0.9) + 0.5 * math.log(0.5 / 0.1), abs=1e-6
    )
    assert slopes.item() < 1e-6


def test_on_bits_distributions_that_differ_have_equal_slopes_at_every_corner() -> None:
    """3x² - 2x³ is level at 0 and at 1, yet rises by one between them."""
    machine = RBM.from_arrays(
        *(
            torch.randn(shape, generator=rng(), dtype=torch.float64)
            for shape in ((3, 2), (3,), (2,))
        )
    )
    tilt = nn.Parameter(tensor([1.0, -2.0, 0.5]))

    class Tilted(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return machine.log_density(x) + (3 * x.square() - 2 * x.pow(3)) @ tilt

    batch = Batch(every_state(3, torch.float64))
    probs, others = machine(batch.x).softmax(0), Tilted()(batch.x).softmax(0)
    assert (probs - others).abs().sum().item() / 2 > 0.1
    assert ScoreMatching()(Frozen(machine), Tilted(), batch).item() == pytest.approx(0, abs=1e-20)
    assert RatioMatching(3, rng=rng())(Frozen(machine), Tilted(), batch).item() == pytest.approx(
        0.5 * (1 + 4 + 0.25)
    )


def test_in_a_sum_it_shares_the_one_run_of_each_network_with_other_terms() -> None:
    teacher, student, batch = (
        Frozen(normal([1.0, 2.0], 0.5)),
        normal([0.0, -1.0], 0.5),
        Batch(points()),
    )
    with once(teacher, student):
        both = (0.5 * KL() + 2 * ScoreMatching())(teacher, student, batch)
    torch.testing.assert_close(
        both, 0.5 * KL()(teacher, student, batch) + 2 * ScoreMatching()(teacher, student, batch)
    )


class Blind(nn.Module):
    """A density that answers without looking, though it could learn."""

    def __init__(self) -> None:
        super().__init__()
        self.level = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        return self.level.expand(len(x))


def test_what_has_no_slopes_is_refused() -> None:
    good, batch = normal([0.0, 0.0], 1.0), Batch(points())
    with pytest.raises(
        ValueError,
        match=(
            "the student's log density has no derivative with respect to the input: a density"
            " that is"
        ),
    ):
        ScoreMatching()(Frozen(good), Blind(), batch)
    with pytest.raises(ValueError, match="the teacher's log density has no derivative"):
        ScoreMatching()(Formula(lambda x: good(x).detach()), good, batch)
    with pytest.raises(
        ValueError,
        match=(
            r"the student's answer has shape \(20, 2\) for 20 inputs: one log density each, \(20,\)"
        ),
    ):
        ScoreMatching()(Frozen(good), nn.Identity(), batch)
    with pytest.raises(
        TypeError, match=r"batch\.x is torch\.uint8: floating-point inputs are needed"
    ):
        ScoreMatching()(Frozen(good), good, Batch(torch.zeros(3, 2, dtype=torch.uint8)))


# ---- ratio matching


def test_ratios_decide_a_distribution_over_bits() -> None:
    """As a function of log p_student - log p_teacher the loss is a quadratic form: zero for
    constants, positive for all else.
    """
    logits = torch.randn(8, generator=rng(), dtype=torch.float64)
    teacher, batch, probs = (
        Frozen(Table(logits)),
        Batch(every_state(3, torch.float64)),
        logits.softmax(0),
    )

    def value(difference: Tensor) -> Tensor:
        return (
            (probs * RatioMatching(3, rng=rng()).each(teacher, Table(logits + difference), batch))
            .sum()
            .detach()
        )

    unit = torch.eye(8, dtype=torch.float64)
    form = tensor([[(value(a + b) - value(a - b)) / 2 for b in unit] for a in unit])
    curvatures, directions = torch.linalg.eigh(form)
    assert float(curvatures[0]) == pytest.approx(0, abs=1e-12)
    assert float(curvatures[1]) > 0.01
    torch.testing.assert_close(
        directions[:, 0].abs(), torch.full((8,), 8**-0.5, dtype=torch.float64)
    )


@pytest.mark.parametrize("flips", [1, 2])
def test_a_few_random_flips_estimate_all_of_them_without_bias(flips: int) -> None:
    teacher, student = (
        Table(torch.randn(8, generator=rng(seed), dtype=torch.float64)) for seed in (0, 1)
    )
    states = every_state(3, torch.float64)
    exact = RatioMatching(3, rng=rng()).each(Frozen(teacher), student, Batch(states)).detach()
    found = (
        RatioMatching(flips, rng=rng())
        .each(Frozen(teacher), student, Batch(states.repeat(2000, 1)))
        .detach()
        .view(2000, 8)
    )
    assert ((found.mean(0) - exact).abs() < 4 * found.std(0) / 2000**0.5).all()
    assert (found.std(0) > 0.01 * exact).all()


def test_an_example_of_d_bits_has_d_neighbours_one_flip_away() -> None:
    batch = Batch(
        torch.tensor([[0, 1, 1, 0], [1, 1, 1, 1]], dtype=torch.uint8),
        y=torch.ones(2),
        task=torch.tensor([5, 6]),
    )
    beside = neighbours(batch, 4, rng=rng())
    assert beside.x.dtype == torch.uint8
    assert beside.y is None
    assert beside.task is not None
    assert beside.task.tolist() == [5] * 4 + [6] * 4
    changed = (beside.x != batch.x.repeat_interleave(4, 0)).view(2, 4, 4)
    assert (changed.sum(2) == 1).all()
    assert (changed.sum(1) == 1).all()


def test_bits_of_any_dtype_are_bits() -> None:
    machine, x = RBM(5, 3, rng=rng(), scale=1.0), torch.randint(2, (6, 5), generator=rng())
    values = [
        RatioMatching(2, rng=rng())(
            Frozen(machine), NADE(5, 4, rng=rng(2), kernel=False), Batch(x.to(dtype))
        )
        for dtype in (torch.uint8, torch.bool, torch.float32, torch.float64)
    ]
    torch.testing.assert_close(values[1:], values[:1] * 3)


def test_the_flips_go_on_where_a_checkpoint_left_them() -> None:
    loss, other = RatioMatching(rng=rng()), RatioMatching(rng=rng(1))
    teacher, student = (
        Table(torch.randn(8, generator=rng(seed), dtype=torch.float64)) for seed in (0, 1)
    )
    batch = Batch(every_state(3, torch.float64))
    loss(Frozen(teacher), student, batch)
    other.load_state_dict(loss.state_dict())
    torch.testing.assert_close(
        loss.each(Frozen(teacher), student, batch), other.each(Frozen(teacher), student, batch)
    )


@pytest.mark.parametrize("loss", [ScoreMatching(), RatioMatching(3, rng=rng())])
def test_gradients_reach_the_student_and_neither_the_teacher_nor_the_batch(loss: Loss) -> None:
    machine, student, batch = (
        RBM(6, 3, rng=rng(), scale=1.0),
        NADE(6, 4, rng=rng(), kernel=False),
        Batch(every_state(6)),
    )
    loss(Frozen(machine), student, batch).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in student.parameters())
    assert all(p.grad is None for p in machine.parameters())
    assert not batch.x.requires_grad


def test_what_has_no_ratios_is_refused() -> None:
    machine, student = Frozen(RBM(3, 2, rng=rng())), NADE(3, 2, rng=rng())
    with pytest.raises(ValueError, match="flips is 0: a whole number of at least 1 is needed"):
        RatioMatching(0, rng=rng())
    with pytest.raises(ValueError, match="flips is 4: examples of 3 bits have 3 neighbours"):
        RatioMatching(4, rng=rng())(machine, student, Batch(every_state(3)))
    with pytest.raises(ValueError, match=r"batch\.x holds 0\.5: every entry must be 0 or 1"):
        RatioMatching(rng=rng())(machine, student, Batch(torch.full((2, 3), 0.5)))
    with pytest.raises(ValueError, match="the batch carries no y"):
        RatioMatching(rng=rng())(Recorded(), student, Batch(every_state(3), y=torch.zeros(8)))
