from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, jvp

from distillery import Batch
from distillery.losses import DerivativeSquareError, Loss, SoftTargets, TwoSampleDerivatives
from distillery.losses.derivatives import slopes
from distillery.models.mlp import MLP
from distillery.protocols import Teacher
from distillery.teachers import Average, Formula, Frozen, Labels, Probabilities


class Posterior(Teacher):
    """t(x, w): logits (0, w . x) for the draw w in the batch."""

    def forward(self, batch: Batch) -> Tensor:
        score = (batch.x * batch.draw).sum(-1)
        return torch.stack([torch.zeros_like(score), score], -1)


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def smooth(seed: int, outputs: int = 3, inputs: int = 2) -> nn.Module:
    return MLP([inputs, 8, outputs], rng=rng(seed), activation=nn.Tanh()).double()


def points(n: int = 5, inputs: int = 2) -> Tensor:
    return torch.randn(n, inputs, generator=rng(9)).double()


def finite(function: Callable[[Tensor], Tensor], x: Tensor, width: float = 1e-5) -> Tensor:
    """Derivatives by central differences, (B, K, D)."""
    columns = []
    for d in range(x.shape[1]):
        step = torch.zeros_like(x)
        step[:, d] = width
        columns.append((function(x + step) - function(x - step)) / (2 * width))
    return torch.stack(columns, -1).detach()


def log_probs(network: nn.Module) -> Callable[[Tensor], Tensor]:
    return lambda x: network(x).log_softmax(-1)


def test_slopes_agree_with_finite_differences() -> None:
    network, x = smooth(0), points().requires_grad_()
    torch.testing.assert_close(
        slopes(network(x), x, keep=False, of="student"),
        finite(network, x.detach()),
        rtol=1e-6,
        atol=1e-8,
    )


def test_slopes_keep_the_shape_of_pictures() -> None:
    network, x = MLP([12, 4], rng=rng()), torch.randn(2, 3, 2, 2, generator=rng()).requires_grad_()
    found = slopes(network(x), x, keep=False, of="student")
    assert found.shape == (2, 4, 3, 2, 2)
    torch.testing.assert_close(found[0], network.layers[1].weight.reshape(4, 3, 2, 2))


def test_the_derivative_loss_is_equation_2_18_by_finite_differences() -> None:
    teacher, student, x = smooth(0), smooth(1), points()
    gap = finite(log_probs(student), x) - finite(log_probs(teacher), x)
    expected = gap.square().sum(-1).sum(-1) / (2 * 3)
    torch.testing.assert_close(
        DerivativeSquareError().each(Frozen(teacher), student, Batch(x)).detach(),
        expected,
        rtol=1e-6,
        atol=1e-8,
    )


def test_without_logarithms_outputs_are_compared_as_they_are() -> None:
    teacher, student, x = smooth(0), smooth(1), points()
    expected = (finite(student, x) - finite(teacher, x)).square().sum(-1).sum(-1) / 6
    found = DerivativeSquareError(log_probs=False).each(Frozen(teacher), student, Batch(x)).detach()
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-8)


def test_teacher_weighting_is_equation_3_24() -> None:
    """t E_1 + (1 - t) E_0, with E_1 and E_0 of equations 3.25 and 3.26."""
    teacher, student, x = smooth(0, outputs=2), smooth(1, outputs=2), points().requires_grad_()

    def half_square(column: int) -> Tensor:
        mine = torch.autograd.grad(log_probs(student)(x)[:, column].sum(), x)[0]
        theirs = torch.autograd.grad(log_probs(teacher)(x)[:, column].sum(), x)[0]
        return 0.5 * (mine - theirs).square().sum(-1)

    t = teacher(x).softmax(-1)[:, 1]
    expected = t * half_square(1) + (1 - t) * half_square(0)
    found = DerivativeSquareError(weighting="teacher").each(
        Frozen(teacher), student, Batch(x.detach())
    )
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(
    "loss",
    [
        DerivativeSquareError(),
        DerivativeSquareError(log_probs=False),
        DerivativeSquareError(weighting="teacher"),
    ],
)
def test_the_gradient_of_a_derivative_loss_agrees_with_finite_differences(loss: Loss) -> None:
    teacher, student, batch = Frozen(smooth(0)), smooth(1), Batch(points())
    parameters = list(student.parameters())
    found = torch.autograd.grad(loss(teacher, student, batch), parameters, allow_unused=True)
    for p, gradient in zip(parameters, found, strict=True):
        for index in range(min(4, p.numel())):
            sides = []
            for sign in (1, -1):
                with torch.no_grad():
                    p.view(-1)[index] += sign * 1e-6
                sides.append(float(loss(teacher, student, batch).detach()))
                with torch.no_grad():
                    p.view(-1)[index] -= sign * 1e-6
            slope = 0.0 if gradient is None else float(gradient.view(-1)[index])
            assert slope == pytest.approx((sides[0] - sides[1]) / 2e-6, rel=1e-4, abs=1e-8)


def test_the_derivative_loss_is_zero_where_slopes_agree_whatever_the_heights() -> None:
    teacher = smooth(0)
    shifted = nn.Sequential(smooth(0), nn.Linear(3, 3).double())
    with torch.no_grad():
        shifted[1].weight.copy_(torch.eye(3))
        shifted[1].bias.copy_(torch.tensor([1.0, -2.0, 5.0]))
    assert DerivativeSquareError(log_probs=False)(
        Frozen(teacher), shifted, Batch(points())
    ).item() == pytest.approx(0, abs=1e-20)
    assert (
        DerivativeSquareError()(Frozen(teacher), shifted, Batch(points())).item() > 1e-3
    )  # normalisation: heights matter
    with torch.no_grad():
        shifted[1].bias.fill_(3.0)
    assert DerivativeSquareError()(
        Frozen(teacher), shifted, Batch(points())
    ).item() == pytest.approx(0, abs=1e-20)


def test_the_derivative_loss_leaves_the_batch_and_the_teacher_as_they_were() -> None:
    teacher, batch = Frozen(smooth(0)), Batch(points())
    DerivativeSquareError()(teacher, smooth(1), batch).backward()
    assert not batch.x.requires_grad
    assert batch.x.grad is None
    assert all(p.grad is None for p in teacher.parameters())


def test_half_precision_outputs_are_differentiated_in_single_precision() -> None:
    teacher, student, x = Frozen(smooth(0).float()), smooth(1).float(), points().float()
    exact = DerivativeSquareError().each(teacher, student, Batch(x))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = DerivativeSquareError().each(teacher, student, Batch(x))
    assert rough.dtype == torch.float32
    torch.testing.assert_close(rough, exact, rtol=0.2, atol=0.02)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"weighting": "teachers"}, "weighting is 'teachers': 'uniform' or 'teacher' is needed"),
        (
            {"weighting": "teacher", "log_probs": False},
            "outputs that are no probabilities cannot weight",
        ),
    ],
)
def test_settings_that_make_no_loss_are_refused(settings: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        DerivativeSquareError(**settings)


def test_a_teacher_without_slopes_is_refused() -> None:
    batch = Batch(points(), torch.zeros(5, 3).double())
    with pytest.raises(ValueError, match="the teacher's answer has no derivative by the input"):
        DerivativeSquareError(log_probs=False)(
            Formula(lambda x: x.detach() * 0 + torch.zeros(5, 2).double()), smooth(0), batch
        )
    with pytest.raises(
        ValueError,
        match=(
            r"the teacher's outputs have shape \(5,\) for 5 inputs: \(B, K\) is needed for"
            r" derivatives"
        ),
    ):
        DerivativeSquareError(log_probs=False)(
            Labels(), smooth(0), Batch(points(), torch.zeros(5).long())
        )


@pytest.mark.parametrize(
    "settings",
    [{}, {"log_probs": False}, {"weighting": "teacher"}],
    ids=["logarithms", "as they are", "teacher weighting"],
)
def test_products_of_masked_matrices_give_the_loss_and_gradient_of_a_double_backward_pass(
    settings: dict[str, Any],
) -> None:
    teacher = Average([Frozen(MLP([2, 9, 7, 3], rng=rng(seed)).double()) for seed in (0, 1)])
    student, batch = MLP([2, 8, 6, 3], rng=rng(2)).double(), Batch(points())
    found, expected = (
        DerivativeSquareError(closed_form=how, **settings).each(teacher, student, batch)
        for how in (True, False)
    )
    torch.testing.assert_close(found, expected)
    weights = [layer.weight for layer in student.layers if isinstance(layer, nn.Linear)]
    closed, twice = (torch.autograd.grad(value.sum(), weights) for value in (found, expected))
    torch.testing.assert_close(closed, twice)
    assert expected.detach().min() > 1e-3


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:FutureWarning")
def test_the_r_technique_gives_the_gradient_forward_over_reverse() -> None:
    """Equations 2.12 and 2.13, with R as `jvp` around backpropagation (thesis, appendices A and B)."""
    teacher, student, batch = Frozen(smooth(0)), smooth(1), Batch(points())
    weights = {name: p.detach() for name, p in student.named_parameters()}
    inputs = batch.x.clone().requires_grad_()
    mine, theirs = (
        slopes(logits.log_softmax(-1), inputs, keep=False, of="student")
        for logits in (student(inputs), teacher(Batch(inputs)))
    )

    def backprop(x: Tensor, i: int) -> dict[str, Tensor]:
        return grad(
            lambda theta: functional_call(student, theta, (x,)).log_softmax(-1)[:, i].sum()
        )(weights)

    products = [
        jvp(lambda x, i=i: backprop(x, i), (batch.x,), ((mine - theirs)[:, i],))[1]
        for i in range(3)
    ]
    expected = torch.autograd.grad(
        DerivativeSquareError().each(teacher, student, batch).sum(), list(student.parameters())
    )
    for name, gradient in zip(weights, expected, strict=True):
        torch.testing.assert_close(sum(product[name] for product in products) / 3, gradient)


def test_a_sum_with_cross_entropy_is_the_weighted_sum() -> None:
    teacher, student, batch = (
        Frozen(MLP([2, 9, 3], rng=rng(0))),
        MLP([2, 5, 3], rng=rng(1)),
        Batch(points().float()),
    )
    both = (SoftTargets() + 0.1 * DerivativeSquareError())(teacher, student, batch)
    torch.testing.assert_close(
        both,
        SoftTargets()(teacher, student, batch)
        + 0.1 * DerivativeSquareError()(teacher, student, batch),
    )


@pytest.mark.parametrize("closed_form", [True, False])
def test_teacher_and_student_of_different_numbers_of_classes_are_refused(closed_form: bool) -> None:
    teacher, student = Frozen(MLP([2, 9, 4], rng=rng(0))), MLP([2, 5, 3], rng=rng(1))
    with pytest.raises(
        ValueError,
        match=(
            r"slopes have shape \(5, 4, 2\), the student's \(5, 3, 2\): as many classes are needed"
        ),
    ):
        DerivativeSquareError(closed_form=closed_form)(teacher, student, Batch(points().float()))


def test_a_forest_teaches_values_and_is_refused_for_slopes() -> None:
    teacher, student, batch = (
        Probabilities(lambda x: np.eye(3)[(x[:, 0] > 0).astype(int)]),
        smooth(0),
        Batch(points()),
    )
    assert SoftTargets()(teacher, student, batch).isfinite()
    with pytest.raises(
        ValueError,
        match="has no derivative by the input: a differentiable teacher is needed",
    ):
        DerivativeSquareError()(teacher, student, batch)


# ---- random teachers: equations 3.36 to 3.40, and what one draw does to the derivative loss


class World:
    """Three posterior draws of equal weight, and a mean-of-sigmoids student: everything can be
    summed.
    """

    def __init__(self) -> None:
        self.draws = torch.tensor([[2.0, -1.0], [-0.5, 1.5], [1.0, 3.0]]).double()
        self.x, self.student = points(4), smooth(1, outputs=2)

    def predictive(self) -> Teacher:
        return Formula(
            lambda x: torch.stack([_two(x @ w) for w in self.draws]).logsumexp(0) - math.log(3)
        )

    def batch(self, n: int, *shape: int, seed: int) -> Batch:
        """n copies of every point, each with draws of its own."""
        picked = self.draws[torch.randint(3, (n * len(self.x), *shape), generator=rng(seed))]
        return Batch(self.x.repeat(n, 1), draw=picked)

    def gradient(self, loss: Loss, teacher: Teacher, batch: Batch) -> Tensor:
        weight = self.student.layers[1].weight
        return torch.autograd.grad(loss(teacher, self.student, batch), weight)[0].flatten()


def _two(score: Tensor) -> Tensor:
    return torch.stack([torch.zeros_like(score), score], -1).log_softmax(-1)


def squared_weighting(world: World) -> Tensor:
    """1/2 sum_y t_y^2 |d log f_y - d log t_y|^2 at every point, t being the predictive
    distribution.
    """
    x = world.x.clone().requires_grad_()
    theirs, mine = world.predictive()(Batch(x)), world.student(x).log_softmax(-1)
    gap = slopes(mine, x, keep=True, of="student") - slopes(theirs, x, keep=False, of="teacher")
    return 0.5 * (theirs.exp().square() * gap.square().sum(-1)).sum(-1)


def test_one_draw_an_input_is_unbiased_for_cross_entropy() -> None:
    """Equation 3.40: cross entropy is linear in the teacher's probabilities."""
    world = World()
    exact = SoftTargets().each(world.predictive(), world.student, Batch(world.x)).detach()
    values = (
        SoftTargets()
        .each(Posterior(), world.student, world.batch(4000, seed=0))
        .detach()
        .reshape(4000, 4)
    )
    error = values.std(0) / math.sqrt(4000)
    assert ((values.mean(0) - exact).abs() < 4 * error).all()


def test_two_draws_an_input_are_unbiased_for_the_loss_weighted_by_squared_probabilities() -> None:
    world = World()
    exact = squared_weighting(world).detach()
    values = (
        TwoSampleDerivatives()
        .each(Posterior(), world.student, world.batch(4000, 2, seed=0))
        .detach()
        .reshape(4000, 4)
    )
    error = values.std(0) / math.sqrt(4000)
    assert error.mean() < 0.1 * exact.mean()
    assert ((values.mean(0) - exact).abs() < 4 * error).all()
    assert (values < 0).any()  # as its docstring warns


def test_over_all_pairs_of_draws_the_two_sample_loss_and_its_gradient_are_exact() -> None:
    world = World()
    pairs = torch.cartesian_prod(torch.arange(3), torch.arange(3))
    batch = Batch(world.x.repeat(9, 1), draw=world.draws[pairs].repeat_interleave(4, 0))
    loss, exact = TwoSampleDerivatives(), squared_weighting(world)
    torch.testing.assert_close(
        loss.each(Posterior(), world.student, batch).reshape(9, 4).mean(0), exact
    )
    expected = torch.autograd.grad(exact.mean(), world.student.layers[1].weight)[0].flatten()
    torch.testing.assert_close(world.gradient(loss, Posterior(), batch), expected)


def every_draw(world: World) -> Batch:
    """Each point once with each draw: expectations over the posterior without chance."""
    return Batch(world.x.repeat(3, 1), draw=world.draws.repeat_interleave(4, 0))


@pytest.mark.parametrize("weighting", ["teacher", "uniform"])
def test_one_draw_an_input_is_biased_for_the_value_of_the_derivative_loss(weighting: str) -> None:
    world, loss = World(), DerivativeSquareError(weighting=weighting)
    exact = loss.each(world.predictive(), world.student, Batch(world.x)).detach()
    values = (
        loss.each(Posterior(), world.student, world.batch(4000, seed=1)).detach().reshape(4000, 4)
    )
    assert (values.mean(0) - exact > 10 * values.std(0) / math.sqrt(4000)).all()


def test_under_teacher_weighting_that_bias_is_a_constant_and_the_gradient_exact() -> None:
    """t_y |d log f_y - d log t_y|^2 is linear in t, but for |d t_y|^2 / t_y, which no student
    changes.
    """
    world, loss = World(), DerivativeSquareError(weighting="teacher")
    torch.testing.assert_close(
        world.gradient(loss, Posterior(), every_draw(world)),
        world.gradient(loss, world.predictive(), Batch(world.x)),
    )
    excess = []
    for seed in range(3):
        world.student = smooth(seed, outputs=2)
        excess.append(
            loss(Posterior(), world.student, every_draw(world))
            - loss(world.predictive(), world.student, Batch(world.x))
        )
    torch.testing.assert_close(excess[1:], excess[:1] * 2)
    assert excess[0] > 0.1


def test_under_uniform_weighting_the_gradient_is_biased_too() -> None:
    """What one draw an input minimises is then another function: the mean slope of the logarithms,
    not the slope of the mean's.
    """
    world, loss = World(), DerivativeSquareError(weighting="uniform")
    one_draw, exact = (
        world.gradient(loss, Posterior(), every_draw(world)),
        world.gradient(loss, world.predictive(), Batch(world.x)),
    )
    assert (one_draw - exact).norm() > 0.1 * exact.norm()


def test_the_same_draw_twice_is_biased_too() -> None:
    world = World()
    batch = Batch(
        world.x.repeat(3, 1), draw=world.draws.repeat_interleave(4, 0)[:, None].expand(-1, 2, -1)
    )
    values = TwoSampleDerivatives().each(Posterior(), world.student, batch).reshape(3, 4).mean(0)
    assert (values > 1.2 * squared_weighting(world)).all()


@pytest.mark.parametrize("draw", [None, torch.zeros(5, 2), torch.zeros(5, 3, 2)])
def test_the_two_sample_loss_asks_for_two_draws_an_example(draw: Tensor | None) -> None:
    with pytest.raises(
        ValueError, match=r"batch\.draw has shape .*: two draws an example, \(B, 2, …\), are needed"
    ):
        TwoSampleDerivatives()(Posterior(), smooth(0, outputs=2), Batch(points(), draw=draw))
