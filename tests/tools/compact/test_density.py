from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from distillery.inference.mixture_truth import MixtureTruth
from distillery.inference.quadrature import divergence
from distillery.models.bayes import MixturePosterior, mixture_data
from distillery.tools.compact import CompactDensity

QUICK = {"chains": 200, "draws": 4000, "restarts": 2, "random_state": 0}
X = mixture_data(20, torch.Generator().manual_seed(1)).numpy()


@pytest.fixture(scope="module")
def fitted() -> CompactDensity:
    return CompactDensity(**QUICK).fit(X)


def test_it_is_near_the_exact_predictive_density(fitted: CompactDensity) -> None:
    truth = MixtureTruth(MixturePosterior(torch.from_numpy(X)))
    apart = divergence(truth.log_prob, fitted.model_.log_prob, truth.interval, points=2001)
    assert float(apart) < 0.01


def test_it_is_a_density_whose_scores_are_log_densities(fitted: CompactDensity) -> None:
    grid = np.linspace(-60, 60, 20_001)[:, None]
    densities = np.exp(fitted.score_samples(grid))
    assert densities.sum() * (grid[1, 0] - grid[0, 0]) == pytest.approx(1, abs=1e-3)
    assert fitted.score(X) == pytest.approx(fitted.score_samples(X).mean())
    probs = fitted.predict_proba(X)
    assert probs.shape == (20, 3)
    assert np.allclose(probs.sum(1), 1)
    assert fitted.n_features_in_ == 1


def test_draws_have_the_moments_of_the_mixture(fitted: CompactDensity) -> None:
    drawn = fitted.sample(40_000, random_state=0)
    assert drawn.shape == (40_000, 1)
    mixture = fitted.model_
    mean = (mixture.weights * mixture.means[:, 0]).sum().item()
    assert drawn.mean() == pytest.approx(mean, abs=4 * drawn.std() / 200)
    assert np.array_equal(fitted.sample(5, random_state=3), fitted.sample(5, random_state=3))


def test_a_seed_decides_everything_and_a_clone_has_learnt_nothing(fitted: CompactDensity) -> None:
    again = clone(fitted)
    with pytest.raises(NotFittedError):
        again.score(X)
    with pytest.raises(NotFittedError):
        again.sample()
    assert np.array_equal(again.fit(X).score_samples(X), fitted.score_samples(X))


def test_what_it_cannot_learn_from_is_refused() -> None:
    with pytest.raises(ValueError, match=r"X has 2 features: this density is one of single number"):
        CompactDensity().fit(np.zeros((5, 2)))
    with pytest.raises(ValueError, match=r"restarts is 0: a whole number of at least 1"):
        CompactDensity(restarts=0).fit(X)
    with pytest.raises(ValueError, match="contains NaN"):
        CompactDensity().fit([[np.nan]])
