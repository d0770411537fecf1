"""The two posteriors of chapter 3 of the thesis, as log densities over many chains at once, and the
data they condition on.

`log_density(w)` is the logarithm of the joint p(D, w), constants included: its integral over w is
the evidence p(D). `value_and_gradient(w)` adds the gradient in w at little more than the same cost.
Any leading shape of w is chains.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional as F

from distillery.models.mixture import Mixture

WEIGHTS = (1 / 3, 1 / 3, 1 / 3)
MEANS = (-3.0, 0.0, 2.0)
VARIANCES = (2.0, 5.0, 1.0)


class MixturePosterior:
    """Known weights and variances, unknown means with prior N(0, prior_variance I): p(D, m)
    (thesis, equations 3.2 and 3.11 to 3.13).
    """

    def __init__(
        self,
        x: Tensor,
        *,
        weights: tuple[float, ...] = WEIGHTS,
        variances: tuple[float, ...] = VARIANCES,
        prior_variance: float = 100.0,
    ) -> None:
        self.x = _finite("x", x).double().flatten()
        self.weights = torch.tensor(weights, dtype=torch.float64)
        self.variances = torch.tensor(variances, dtype=torch.float64)
        if (
            self.weights.shape != self.variances.shape
            or bool((self.weights <= 0).any())
            or abs(float(self.weights.sum()) - 1) > 1e-9
        ):
            raise ValueError(
                f"weights is {weights}: one positive weight a variance, summing to one, is needed"
            )
        if bool((self.variances <= 0).any()) or prior_variance <= 0:
            raise ValueError(
                f"variances {variances} and prior_variance {prior_variance} must be positive"
            )
        self.prior_variance = float(prior_variance)
        self.dimension = len(weights)
        self._constants = (self.weights.log() - 0.5 * (2 * math.pi * self.variances).log()).tolist()
        self._scales = (0.5 / self.variances).sqrt().tolist()

    def log_density(self, w: Tensor) -> Tensor:
        """log p(D, w) of means w, (..., K) -> (...)."""
        if w.requires_grad:
            return cast(Tensor, _Differentiable.apply(w, self.value_and_gradient))
        w = self._means(w)
        parts = [
            self._log_likelihood(part) for part in w.reshape(-1, self.dimension).split(self._rows)
        ]
        return torch.cat(parts).reshape(w.shape[:-1]) + _log_prior(w, self.prior_variance)

    __call__ = log_density

    def value_and_gradient(self, w: Tensor) -> tuple[Tensor, Tensor]:
        """log p(D, w) and its gradient: responsibilities times distances over variances, less the
        prior's pull.
        """
        w = self._means(w)
        parts = [
            self._likelihood_and_pull(part)
            for part in w.reshape(-1, self.dimension).split(self._rows)
        ]
        values, pulls = (torch.cat(column) for column in zip(*parts, strict=True))
        gradient = pulls.reshape(w.shape) / self.variances - w / self.prior_variance
        return values.reshape(w.shape[:-1]) + _log_prior(w, self.prior_variance), gradient

    def responsibilities(self, w: Tensor) -> Tensor:
        """The probability that component k made x_n, (..., K, N), for each vector of means."""
        return torch.stack(self._exponents(self._means(w)), dim=-2).softmax(-2)

    def given(self, w: Tensor) -> Mixture:
        """p(x | w) for one vector of means, as a mixture."""
        return Mixture(self.weights, w.double()[:, None], self.variances[:, None, None])

    def simulate(self, w: Tensor, rng: torch.Generator) -> Tensor:
        """One x from p(x | w) for each row of w, (n, K) -> (n, 1): ancestral draws."""
        component = torch.multinomial(self.weights, len(w), replacement=True, generator=rng)
        noise = torch.randn(len(w), generator=rng, dtype=torch.float64)
        return (
            w.double().gather(1, component[:, None])[:, 0]
            + noise * self.variances.sqrt()[component]
        )[:, None]

    def _log_likelihood(self, w: Tensor) -> Tensor:
        exponents = self._exponents(w)
        top = exponents[0].clone()
        for exponent in exponents[1:]:
            torch.maximum(top, exponent, out=top)
        total = exponents[0].sub_(top).exp_()
        for exponent in exponents[1:]:
            total += exponent.sub_(top).exp_()
        return total.log_().add_(top).sum(-1)

    def _likelihood_and_pull(self, w: Tensor) -> tuple[Tensor, Tensor]:
        each = torch.stack(self._exponents(w))
        per_point = each.logsumexp(0)
        shares = each.sub_(per_point).exp_()
        return per_point.sum(-1), (shares @ self.x).T - shares.sum(-1).T * w

    def _exponents(self, w: Tensor) -> list[Tensor]:
        pairs = zip(w.unbind(-1), self._constants, self._scales, strict=True)
        return [(self.x * s - (m * s).unsqueeze(-1)).square_().neg_().add_(c) for m, c, s in pairs]

    def _means(self, w: Tensor) -> Tensor:
        if w.shape[-1:] != (self.dimension,):
            raise ValueError(
                f"w has shape {tuple(w.shape)}: its last dimension must hold {self.dimension} means"
            )
        return w.detach().double()

    @property
    def _rows(self) -> int:
        """Chains worked on at a time: what fits in a core's cache."""
        return max(1, 50_000 // len(self.x))


class LogisticPosterior:
    """Logistic regression without a bias under the prior N(0, prior_variance I): p(y, w | X)
    (thesis, equations 3.16, 3.41 and 3.42).
    """

    def __init__(self, x: Tensor, y: Tensor, *, prior_variance: float = 100.0) -> None:
        x, y = _finite("x", x).double(), torch.as_tensor(y)
        if x.dim() != 2 or y.shape != x.shape[:1]:
            raise ValueError(
                f"x has shape {tuple(x.shape)} and y {tuple(y.shape)}: (N, D) and (N,) are needed"
            )
        if not bool(((y == 0) | (y == 1)).all()):
            raise ValueError(
                f"y holds the labels {sorted(set(y.tolist()))}: only 0 and 1 are allowed"
            )
        if prior_variance <= 0:
            raise ValueError(f"prior_variance is {prior_variance}: it must be positive")
        self.x, self.y = x, y.long()
        self.prior_variance = float(prior_variance)
        self.dimension = x.shape[1]
        self.signed = (2 * self.y - 1)[:, None] * x
        self._signed_t = self.signed.T.contiguous()

    def log_density(self, w: Tensor) -> Tensor:
        """log p(y, w | X), (..., D) -> (...)."""
        return F.logsigmoid(w.double() @ self._signed_t).sum(-1) + _log_prior(
            w, self.prior_variance
        )

    __call__ = log_density

    def value_and_gradient(self, w: Tensor) -> tuple[Tensor, Tensor]:
        """log p(y, w | X) and its gradient, sum_n sigmoid(-z_n) s_n - w / prior_variance."""
        z = w.double() @ self._signed_t
        value = F.logsigmoid(z).sum(-1) + _log_prior(w, self.prior_variance)
        return value, torch.sigmoid(-z) @ self.signed - w / self.prior_variance


def mixture_data(n: int, rng: torch.Generator) -> Tensor:
    """n points of the mixture with weights 1/3, means -3, 0, 2 and variances 2, 5, 1, (n, 1)
    (thesis, equation 3.12).
    """
    truth = Mixture(
        *(torch.tensor(values, dtype=torch.float64) for values in (WEIGHTS, MEANS, VARIANCES))
    )
    return truth.sample(n, rng)


def classifier_data(rng: torch.Generator, *, each: int = 12) -> tuple[Tensor, Tensor]:
    """`each` points around (-4, 0) and around (4, 0); labels from w = (1, 0), redrawn until
    balanced and separable by some w . x = 0.

    Where a hundred redraws do not do, the points are drawn again.
    """
    centers = torch.tensor([[-4.0, 0.0], [4.0, 0.0]], dtype=torch.float64).repeat_interleave(
        each, 0
    )
    while True:
        x = centers + torch.randn(2 * each, 2, generator=rng, dtype=torch.float64)
        for _ in range(100):
            y = torch.bernoulli(torch.sigmoid(x[:, 0]), generator=rng).long()
            if int(y.sum()) == each and separable(x, y):
                return x, y


def separable(x: Tensor, y: Tensor) -> bool:
    """Whether some w has w . x > 0 exactly where y = 1: a linear programme, and in the plane a gap
    of more than pi between angles.
    """
    signed = (2 * y - 1)[:, None] * x.double()
    if bool((signed == 0).all(1).any()):
        return False
    if x.shape[1] == 2:
        angles = torch.atan2(signed[:, 1], signed[:, 0]).sort().values
        return bool(torch.cat([angles, angles[:1] + 2 * math.pi]).diff().max() > math.pi)
    from scipy.optimize import linprog

    answer = linprog(
        [0.0] * x.shape[1],
        A_ub=-signed.numpy(),
        b_ub=-torch.ones(len(x)).numpy(),
        bounds=(None, None),
    )
    return bool(answer.status == 0)


class _Differentiable(torch.autograd.Function):
    """A value whose gradient comes with it: autograd need not record how it was computed."""

    @staticmethod
    def forward(
        context: Any, w: Tensor, value_and_gradient: Callable[[Tensor], tuple[Tensor, Tensor]]
    ) -> Tensor:
        value, gradient = value_and_gradient(w)
        context.save_for_backward(gradient)
        return value

    @staticmethod
    def backward(context: Any, *upstream: Tensor) -> tuple[Tensor, None]:
        (gradient,) = context.saved_tensors
        return upstream[0].unsqueeze(-1) * gradient, None


def _log_prior(w: Tensor, variance: float) -> Tensor:
    return w.double().square().sum(-1) * (-0.5 / variance) - 0.5 * w.shape[-1] * math.log(
        2 * math.pi * variance
    )


def _finite(name: str, value: Tensor) -> Tensor:
    value = torch.as_tensor(value)
    if value.numel() == 0 or not bool(value.isfinite().all()):
        bad = (
            "no numbers"
            if value.numel() == 0
            else f"{int((~value.isfinite()).sum())} numbers that are not finite"
        )
        raise ValueError(f"{name} holds {bad}: at least one, and only finite ones, are allowed")
    return value
