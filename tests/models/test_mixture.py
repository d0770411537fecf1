"""The mixture of Gaussians against closed forms, and its samples against its density."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from distillery.models.mixture import Mixture


def tensor(values: object) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def plane() -> Mixture:
    covariances = tensor([[[2.0, 0.6], [0.6, 0.5]], [[1.0, -0.3], [-0.3, 3.0]]])
    return Mixture(tensor([0.3, 0.7]), tensor([[0.0, 1.0], [-2.0, 3.0]]), covariances)


def test_the_density_is_the_weighted_sum_of_normal_densities() -> None:
    mixture, x = (
        plane(),
        torch.randn(50, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64),
    )
    normals = torch.distributions.MultivariateNormal(mixture.means, mixture.covariances)
    expected = (normals.log_prob(x[:, None]).exp() * mixture.weights).sum(1).log()
    torch.testing.assert_close(mixture.log_prob(x), expected)


def test_a_density_on_the_line_integrates_to_one() -> None:
    mixture = Mixture(tensor([0.2, 0.8]), tensor([-1.0, 3.0]), tensor([0.5, 2.0]))
    x = torch.linspace(-20, 25, 4001, dtype=torch.float64)
    assert float(torch.trapezoid(mixture.log_prob(x).exp(), x).detach()) == pytest.approx(
        1, abs=1e-12
    )


def test_parameters_come_back_as_they_were_given() -> None:
    mixture, other = plane(), plane()
    other.assign(mixture.weights, mixture.means + 1, mixture.covariances * 2)
    torch.testing.assert_close(other.covariances, 2 * mixture.covariances, rtol=1e-14, atol=1e-14)
    torch.testing.assert_close(other.weights, tensor([0.3, 0.7]))


def test_samples_have_the_moments_of_the_mixture() -> None:
    mixture, n = plane(), 40_000
    x = mixture.sample(n, torch.Generator().manual_seed(1))
    mean = mixture.weights @ mixture.means
    second = (
        mixture.weights[:, None, None]
        * (mixture.covariances + mixture.means[:, :, None] * mixture.means[:, None, :])
    ).sum(0)
    products = x[:, :, None] * x[:, None, :]
    assert bool(((x.mean(0) - mean).abs() < 4.5 * x.std(0) / math.sqrt(n)).all())
    assert bool(((products.mean(0) - second).abs() < 4.5 * products.std(0) / math.sqrt(n)).all())


def test_samples_fall_where_the_density_says() -> None:
    mixture, n = Mixture(tensor([0.2, 0.8]), tensor([-1.0, 3.0]), tensor([0.5, 2.0])), 40_000
    share = (mixture.sample(n, torch.Generator().manual_seed(2)) < 0).double().mean()
    cdf = torch.distributions.Normal(mixture.means[:, 0], mixture.covariances[:, 0, 0].sqrt()).cdf(
        tensor(0.0)
    )
    expected = float((mixture.weights @ cdf).detach())
    assert abs(float(share) - expected) < 4.5 * math.sqrt(expected * (1 - expected) / n)


def test_gradients_agree_with_finite_differences() -> None:
    mixture, x = (
        plane(),
        torch.randn(5, 2, generator=torch.Generator().manual_seed(3), dtype=torch.float64),
    )
    named = {
        name: value.detach().clone().requires_grad_() for name, value in mixture.named_parameters()
    }

    def mean(*values: Tensor) -> Tensor:
        return torch.func.functional_call(
            mixture, dict(zip(named, values, strict=True)), (x,)
        ).mean()

    assert torch.autograd.gradcheck(mean, tuple(named.values()))


def test_a_component_of_weight_zero_changes_nothing() -> None:
    x = torch.linspace(-5, 5, 11, dtype=torch.float64)
    with_zero = Mixture(tensor([0.0, 1.0]), tensor([9.0, 1.0]), tensor([1.0, 2.0]))
    alone = Mixture(tensor([1.0]), tensor([1.0]), tensor([2.0]))
    torch.testing.assert_close(with_zero.log_prob(x), alone.log_prob(x))
    with_zero.log_prob(x).mean().backward()
    assert all(bool(p.grad.isfinite().all()) for p in with_zero.parameters() if p.grad is not None)


@pytest.mark.parametrize(
    ("weights", "means", "covariances", "sentence"),
    [
        ([0.5, 0.6], [0.0, 1.0], [1.0, 1.0], "sum to one"),
        ([-0.5, 1.5], [0.0, 1.0], [1.0, 1.0], "non-negative"),
        ([0.5, 0.5], [0.0, 1.0], [1.0, -1.0], r"covariances\[1\] has the eigenvalue -1"),
        ([1.0], [[0.0, 0.0]], [[[1.0, 2.0], [2.0, 1.0]]], "positive definite"),
        ([1.0], [[0.0, 0.0]], [[[1.0, 0.5], [0.0, 1.0]]], "symmetric"),
        ([1.0], [float("nan")], [1.0], "means of a mixture must be finite"),
        ([1.0], [0.0, 1.0], [1.0, 1.0], "do not describe one mixture"),
    ],
)
def test_what_is_no_mixture_is_refused(
    weights: object, means: object, covariances: object, sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        Mixture(tensor(weights), tensor(means), tensor(covariances))


def test_points_of_another_dimension_are_refused() -> None:
    with pytest.raises(ValueError, match=r"points of 2 dimension"):
        plane().log_prob(torch.zeros(4, 3))


def test_draws_with_derivatives_are_the_draws_without() -> None:
    mixture, (first, second, third) = plane(), (torch.Generator().manual_seed(0) for _ in range(3))
    drawn = mixture.rsample(50, rng=first)
    assert drawn.requires_grad
    assert torch.equal(drawn, mixture.sample(50, second))
    with torch.no_grad():
        assert torch.equal(mixture.rsample(50, rng=third), drawn)


def test_a_mean_over_draws_has_the_gradient_of_the_expectation() -> None:
    """The weights' gradient too, which moving every draw along with its own component would miss."""
    mixture, rng = plane(), torch.Generator().manual_seed(0)

    def wave(x: Tensor) -> Tensor:
        return x[:, 0].sin() * x[:, 1] + 0.3 * x[:, 1].square()

    axis = torch.linspace(-14, 14, 281, dtype=torch.float64)
    x = torch.cartesian_prod(axis, axis)
    expected = torch.autograd.grad(
        (mixture.log_prob(x).exp() * wave(x)).sum() * 0.01, list(mixture.parameters())
    )
    runs = [
        torch.autograd.grad(wave(mixture.rsample(1000, rng=rng)).mean(), list(mixture.parameters()))
        for _ in range(40)
    ]
    for found, exact in zip(zip(*runs, strict=True), expected, strict=True):
        each = torch.stack(found)
        assert ((each.mean(0) - exact).abs() <= 4 * each.std(0) / 40**0.5).all()
        assert each.mean(0).abs().sum() > 0.1
