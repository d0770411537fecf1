from __future__ import annotations

import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from distillery.tools.compact import CompactClassifier

QUICK = {"steps": 60, "chains": 16, "warm_up": 30, "random_state": 0}


def blobs(n: int = 60, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.repeat(["no", "yes"], n // 2)
    return rng.normal(size=(n, 2)) + 1.5 * (labels == "yes")[:, None], labels


def test_it_keeps_the_conventions_of_scikit_learn() -> None:
    """Every check that scikit-learn has, on a short training; it raises at the first that fails."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check_estimator(CompactClassifier(steps=20, chains=16, warm_up=5, random_state=0))


def test_on_real_data_it_is_as_right_as_logistic_regression_and_less_sure_of_its_errors() -> None:
    x, y = load_breast_cancer(return_X_y=True)
    ours = CompactClassifier(steps=400, random_state=0).fit(x[::2], y[::2])
    rival = make_pipeline(StandardScaler(), LogisticRegression(C=1e4, max_iter=5000))
    rival.fit(x[::2], y[::2])

    def log_score(model) -> float:
        probs = model.predict_proba(x[1::2])[np.arange(len(y[1::2])), y[1::2]]
        return float(np.log(probs.clip(1e-12)).mean())

    assert ours.model_.weights.shape == (10, 31)
    assert ours.score(x[1::2], y[1::2]) > 0.95
    assert log_score(ours) > log_score(rival)


def test_far_from_the_data_it_is_less_sure_than_its_likeliest_weights_alone() -> None:
    """It answers with the mean over the posterior, whose draws disagree there."""
    x, y = blobs()
    model = CompactClassifier(steps=200, random_state=0).fit(x, y)
    far = np.array([[20.0, -14.0]])
    rival = make_pipeline(StandardScaler(), LogisticRegression(C=1.0)).fit(x, y)
    sure, surest = model.predict_proba(far).max(), rival.predict_proba(far).max()
    assert 0.5 < sure < surest - 0.01


def test_labels_are_those_that_were_given_and_probabilities_add_up() -> None:
    x, y = blobs()
    model = CompactClassifier(**QUICK).fit(x, y)
    assert model.classes_.tolist() == ["no", "yes"]
    assert model.n_features_in_ == 2
    probs = model.predict_proba(x)
    assert np.allclose(probs.sum(1), 1)
    assert (model.predict(x) == np.where(probs[:, 1] > 0.5, "yes", "no")).all()
    assert model.score(x, y) == (model.predict(x) == y).mean()


def test_a_seed_decides_everything_and_a_clone_has_learnt_nothing() -> None:
    x, y = blobs()
    first = CompactClassifier(**QUICK).fit(x, y)
    again = clone(first)
    assert not hasattr(again, "model_")
    assert torch.equal(again.fit(x, y).model_.weights, first.model_.weights)
    other = clone(first).set_params(random_state=1).fit(x, y)
    assert not torch.equal(other.model_.weights, first.model_.weights)


def test_it_stands_in_pipelines_and_cross_validation() -> None:
    x, y = blobs(90)
    pipeline = make_pipeline(StandardScaler(), CompactClassifier(**QUICK))
    assert cross_val_score(pipeline, x, y, cv=3).mean() > 0.75


def test_what_it_has_learnt_ships_as_any_model_of_the_library(tmp_path) -> None:
    x, y = blobs()
    model = CompactClassifier(**QUICK).fit(x, y).model_
    model.save_pretrained(tmp_path)
    assert torch.equal(type(model).from_pretrained(tmp_path).weights, model.weights)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"units": 0}, r"units is 0: a whole number of at least 1"),
        ({"steps": 2.5}, r"steps is 2\.5: a whole number"),
        ({"prior_variance": -1.0}, r"prior_variance is -1\.0: a number above 0"),
        ({"jitter": "wide"}, r"jitter is 'wide': a number above 0"),
    ],
)
def test_parameters_are_checked_when_it_learns(changes: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        CompactClassifier(**changes).fit(*blobs())


def test_three_classes_and_unknown_parameters_are_refused() -> None:
    x, _ = blobs()
    with pytest.raises(ValueError, match=r"y has 3 classes: exactly two are needed"):
        CompactClassifier().fit(x, np.arange(60) % 3)
    with pytest.raises(ValueError, match=r"unknown parameter of .*'unit'; did you mean 'units'\?"):
        CompactClassifier().set_params(unit=3)


def test_scikit_learn_is_imported_when_it_is_needed_and_its_absence_is_a_sentence() -> None:
    script = (
        "import sys; from distillery.tools.compact import CompactClassifier as C;"
        " C().get_params(); print('sklearn' in sys.modules); sys.modules['sklearn'] = None\n"
        "try: C().fit([[0.0], [1.0]], [0, 1])\nexcept ImportError as error: print(error)"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    first, second = run.stdout.splitlines()
    assert first == "False"
    assert "is not installed: pip install scikit-learn" in second
