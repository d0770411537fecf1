"""A chain over the means of a mixture distilled into one small mixture, as chapter 7 does it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import torch
from torch import Tensor

from distillery.inference.chain_average import ChainAverage
from distillery.inference.restarts import gathered, likeliest, varied_starts
from distillery.inference.sequential import arrived
from distillery.models.bayes import VARIANCES, WEIGHTS, MixturePosterior
from distillery.models.bayes_kernels import mixture_step
from distillery.models.mixture import Mixture
from distillery.samplers.compiled import CompiledSlice
from distillery.samplers.density import check_count
from distillery.tools.compact.estimator import Estimator, as_tensor, check_positive, sklearn

_AT_FIRST = 1000  # points from which starts of EM are chosen


class CompactDensity(Estimator):
    """The density of the next number, given numbers from a mixture of three Gaussians of known
    `weights` and `variances` and unknown means (thesis, section 3.2).

    What a chain over the means predicts is a mixture of thousands of components; here it becomes
    one of `components`: nine numbers for three. `chains` start as the data arrive and take `sweeps`
    steps, `draws` numbers are drawn from what they predict, and EM goes on from the likeliest of
    `restarts` starts. The prior of the means is N(0, prior_variance). After `fit`, `model_` is the
    `Mixture`.
    """

    def __init__(
        self,
        components: int = 3,
        *,
        weights: Sequence[float] = WEIGHTS,
        variances: Sequence[float] = VARIANCES,
        prior_variance: float = 100.0,
        chains: int = 500,
        sweeps: int = 20,
        draws: int = 20_000,
        restarts: int = 4,
        random_state: Any = None,
    ) -> None:
        self.components = components
        self.weights = weights
        self.variances = variances
        self.prior_variance = prior_variance
        self.chains = chains
        self.sweeps = sweeps
        self.draws = draws
        self.restarts = restarts
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn from numbers X (N, 1); y is ignored."""
        self._check_parameters()
        x = self._column(self._checked(X, reset=True))
        posterior = MixturePosterior(
            x,
            weights=tuple(self.weights),
            variances=tuple(self.variances),
            prior_variance=self.prior_variance,
        )
        rng = self._rng(self.random_state)
        start = arrived(posterior, self.chains, step=_slices, rng=rng)
        states = _slices(posterior).trace(start, rng, self.sweeps)
        self.model_ = self._distilled(ChainAverage(posterior, states).sample(self.draws, rng), rng)
        return self

    @torch.no_grad()
    def score_samples(self, X: Any) -> Any:
        """The log density at every number, (N,)."""
        X = self._checked(X)
        return self.model_.log_prob(self._column(X)).numpy()

    def score(self, X: Any, y: Any = None) -> float:
        """The mean log density of numbers; y is ignored."""
        return float(self.score_samples(X).mean())

    @torch.no_grad()
    def predict_proba(self, X: Any) -> Any:
        """How probable it is that each component made a number, (N, components)."""
        X = self._checked(X)
        return self.model_.responsibilities(self._column(X)).numpy()

    def sample(self, n_samples: int = 1, random_state: Any = None) -> Any:
        """Numbers drawn from the density, (n_samples, 1)."""
        sklearn("utils.validation").check_is_fitted(self)
        return self.model_.sample(n_samples, self._rng(random_state)).numpy()

    def __sklearn_tags__(self) -> Any:
        utils = sklearn("utils")
        return utils.Tags(
            estimator_type="density_estimator", target_tags=utils.TargetTags(required=False)
        )

    def _distilled(self, x: Tensor, rng: torch.Generator) -> Mixture:
        points, counts = gathered(x)
        some = points[torch.multinomial(counts, _AT_FIRST, replacement=True, generator=rng)]
        starts = varied_starts(some, self.components, self.restarts, rng=rng)
        return likeliest(points, starts, counts=counts).mixture.eval()

    def _column(self, X: Any) -> Tensor:
        if X.shape[1] != 1:
            raise ValueError(
                f"X has {X.shape[1]} features: this density is one of single numbers, (N, 1)"
            )
        return as_tensor(X)

    def _check_parameters(self) -> None:
        for name in ("components", "chains", "sweeps", "draws", "restarts"):
            check_count(name, getattr(self, name))
        check_positive("prior_variance", self.prior_variance)


def _slices(posterior: MixturePosterior) -> CompiledSlice:
    """Slice sampling whose first guess is as wide as the posterior of so many data."""
    return mixture_step(posterior, 30 / len(posterior.x) ** 0.5)
