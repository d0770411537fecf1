"""The posterior of a logistic regression distilled into ten logistic units, as chapter 8 does it on
real data.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from distillery.distillation import distill
from distillery.generators import Alongside, Augmented, Chain, Generator, Resample
from distillery.inference.laplace import Laplace, laplace
from distillery.losses import SoftTargets
from distillery.models.bayes import LogisticPosterior
from distillery.models.logistic import MeanOfLogistics, PosteriorLogistic
from distillery.samplers.density import check_count
from distillery.samplers.hmc import HMC, tuned
from distillery.tools.compact.estimator import Estimator, as_tensor, check_positive, sklearn
from distillery.training.schedules import linear_to_zero


class CompactClassifier(Estimator):
    """Two classes by the predictive distribution of a logistic regression, in `units` weight
    vectors in place of a chain's thousands (thesis, section 3.3).

    While `chains` Hamiltonian chains run over the weights, whose prior is N(0, prior_variance I),
    a mean of logistic units learns what each draw says of the inputs that are given, moved by
    normal noise of deviation `jitter`: `steps` batches, none of which is kept. Inputs are
    standardised, and a constant is added. After `fit`, `model_` is the `MeanOfLogistics` that
    learnt, `classes_` are the two labels.
    """

    def __init__(
        self,
        units: int = 10,
        *,
        prior_variance: float = 1.0,
        steps: int = 1000,
        chains: int = 64,
        warm_up: int = 300,
        jitter: float = 0.5,
        random_state: Any = None,
    ) -> None:
        self.units = units
        self.prior_variance = prior_variance
        self.steps = steps
        self.chains = chains
        self.warm_up = warm_up
        self.jitter = jitter
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> Self:
        """Learn from inputs X (N, D) and their labels y (N,), of two classes."""
        self._check_parameters()
        X, y = self._checked(X, y=y, reset=True)
        labels = self._labels(y)
        x = as_tensor(X)
        self.mean_, deviation = x.mean(0), x.std(0, correction=0)
        self.scale_ = torch.where(deviation > 0, deviation, 1.0)
        self.model_ = self._distilled(self._inputs(X), labels, self._rng(self.random_state))
        return self

    @torch.no_grad()
    def predict_proba(self, X: Any) -> Any:
        """The probabilities of the two classes, (N, 2), in the order of `classes_`."""
        X = self._checked(X)
        return self.model_(self._inputs(X)).exp().numpy()

    def predict(self, X: Any) -> Any:
        """The likelier class of every input, (N,)."""
        probs = self.predict_proba(X)
        return self.classes_[probs.argmax(1)]

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """The share of inputs whose likelier class is theirs."""
        found: float = sklearn("metrics").accuracy_score(
            y, self.predict(X), sample_weight=sample_weight
        )
        return found

    def __sklearn_tags__(self) -> Any:
        utils = sklearn("utils")
        return utils.Tags(
            estimator_type="classifier",
            target_tags=utils.TargetTags(required=True),
            classifier_tags=utils.ClassifierTags(multi_class=False),
        )

    def _distilled(self, x: Tensor, y: Tensor, rng: torch.Generator) -> MeanOfLogistics:
        posterior = LogisticPosterior(x, y, prior_variance=self.prior_variance)
        mode = laplace(posterior)
        student = MeanOfLogistics(around(mode, self.units, rng=rng))
        source = Alongside(
            jittered(x, self.jitter, rng=rng),
            posterior_chain(posterior, mode, self.chains, rng=rng, warm_up=self.warm_up),
        )
        distill(
            PosteriorLogistic(),
            student,
            source,
            SoftTargets(),
            optimizer=torch.optim.Adam(student.parameters(), lr=0.03),
            batch_size=self.chains,
            steps=self.steps,
            schedule=linear_to_zero(self.steps),
        )
        return student.eval()

    def _inputs(self, X: Any) -> Tensor:
        """Standardised as the training inputs were, with a constant at the end."""
        x = (as_tensor(X) - self.mean_) / self.scale_
        return torch.cat([x, torch.ones(len(x), 1, dtype=x.dtype)], 1)

    def _labels(self, y: Any) -> Tensor:
        """0 and 1 in place of the two classes, which are kept."""
        sklearn("utils.multiclass").check_classification_targets(y)
        self.classes_, index = np.unique(y, return_inverse=True)
        count = len(self.classes_)
        if count != 2:
            raise ValueError(
                f"y has {count} {'class' if count == 1 else 'classes'}: exactly two are needed."
                " Only binary classification is supported."
            )
        return torch.as_tensor(index)

    def _check_parameters(self) -> None:
        for name in ("units", "steps", "chains", "warm_up"):
            check_count(name, getattr(self, name))
        check_positive("prior_variance", self.prior_variance)
        check_positive("jitter", self.jitter)


def around(mode: Laplace, count: int, *, rng: torch.Generator) -> Tensor:
    """Weight vectors around the mode of a posterior, as wide as Laplace's Gaussian, (count, D)."""
    scale = torch.linalg.cholesky(mode.covariance)
    noise = torch.randn(count, len(mode.mean), generator=rng, dtype=torch.float64)
    return mode.mean + noise @ scale.T


def posterior_chain(
    posterior: LogisticPosterior,
    mode: Laplace,
    chains: int,
    *,
    rng: torch.Generator,
    warm_up: int = 300,
) -> Chain:
    """Hamiltonian chains, started from Laplace's Gaussian and tuned: a step length per weight, ten
    steps a trajectory.
    """
    variances = mode.covariance.diagonal()
    noise = torch.randn(chains, posterior.dimension, generator=rng, dtype=torch.float64)
    sampler, state = tuned(
        HMC(posterior.log_density, 0.2, 10, 1 / variances),
        mode.mean + noise * variances.sqrt(),
        rng,
        sweeps=warm_up,
    )
    return Chain(sampler, state, rng=rng)


def jittered(x: Tensor, amount: float, *, rng: torch.Generator) -> Generator:
    """The training inputs, drawn again and again, each time with fresh Gaussian noise; the last
    column is a constant, and noise moves it too.
    """
    return Augmented(
        Resample(x, rng=rng),
        lambda x, rng: x + amount * torch.randn(x.shape, generator=rng, dtype=x.dtype),
        rng=rng,
    )
