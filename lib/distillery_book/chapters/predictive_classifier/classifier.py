"""Chapter 8: the posterior of a logistic regression distilled into ten logistic units, beside the
exact answer and the rivals.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from torch import Tensor

from distillery.models.bayes import LogisticPosterior
from distillery.models.logistic import MeanOfLogistics
from distillery_book.chapters.predictive_classifier.predictors import (
    Predictor,
    chain,
    distilled,
    loss,
    rival,
    student,
)
from distillery_book.chapters.predictive_classifier.truth import (
    VARIANCES,
    bias,
    data,
    divergence,
    errors,
    exact,
    inputs,
    prediction_seconds,
    square,
)
from distillery_book.results.study import Cell, Context, Outcome, Profile, Scalar, Study

__all__ = [
    "STUDY",
    "MeanOfLogistics",
    "bias",
    "chain",
    "data",
    "divergence",
    "errors",
    "exact",
    "inputs",
    "loss",
    "square",
    "student",
]

DISTILLED = ("batch_ce", "batch_dse", "online_ce", "online_dse", "online_two_sample")
RIVALS = ("mcmc", "ep", "ep_mackay", "laplace")
SMOKE_METHODS = ("batch_ce", "online_ce", "online_dse")
# Ours, by method: steps, and inputs a step.
LONGER = {
    "batch_ce": (2000, 32),
    "batch_dse": (2000, 32),
    "online_ce": (5000, 400),
    "online_dse": (2500, 400),
    "online_two_sample": (2500, 400),
}


def cells(profile: Profile) -> Sequence[Cell]:
    """Five distilled classifiers from both input distributions, the rivals, then what ten units and
    ten clouds can do trained longer; ten seeds but for the smoke run.
    """
    rivals = [_params(method, "none", "thesis", ("none", 0), (0, 0)) for method in RIVALS]
    if profile == "smoke":
        thesis = [_thesis(method, VARIANCES[0], 200) for method in SMOKE_METHODS]
        clouds = _params("online_ce", "square", "ours", ("clouds", 10), (200, 400))
        return [Cell(params, 0) for params in (*thesis, *rivals, clouds)]
    thesis = [_thesis(method, variance, 5000) for method in DISTILLED for variance in VARIANCES]
    grid = [*thesis, *rivals, *_ours()]
    return [Cell(params, seed) for seed in range(10) for params in grid]


def _thesis(method: str, variance: int, steps: int) -> dict[str, Scalar]:
    return _params(method, f"variance {variance}", "thesis", ("units", 10), (steps, 10))


def _ours() -> list[dict[str, Scalar]]:
    """Ten clouds; ten units by every method; fewer clouds, more units, clouds by slopes."""
    students = [("clouds", 4), ("units", 40)]
    by_values = LONGER["online_ce"]
    return [
        _params("online_ce", "square", "ours", ("clouds", 10), by_values),
        *(_params(method, "square", "ours", ("units", 10), LONGER[method]) for method in DISTILLED),
        *(_params("online_ce", "square", "ours", made, by_values) for made in students),
        _params("online_dse", "square", "ours", ("clouds", 10), LONGER["online_dse"]),
    ]


def _params(
    method: str, inputs: str, protocol: str, student: tuple[str, int], length: tuple[int, int]
) -> dict[str, Scalar]:
    """The student is a kind and how many of it, the length steps and inputs a step."""
    (kind, units), (steps, batch) = student, length
    return {
        "method": method,
        "inputs": inputs,
        "protocol": protocol,
        "student": kind,
        "units": units,
        "steps": steps,
        "batch": batch,
    }


def run(cell: Cell, context: Context) -> Outcome:
    """Train or compute one predictor, and measure it against quadrature over the two weights."""
    x, y, rng = data(cell.seed)
    posterior = LogisticPosterior(x, y)
    method = str(cell.params["method"])
    start = time.perf_counter()
    if method in DISTILLED:
        predictor = distilled(cell, posterior, rng, context)
    else:
        predictor = rival(method, posterior, rng)
    seconds = time.perf_counter() - start
    metrics = {
        **predictor.metrics,
        **errors(predictor.log_probs, cell.seed),
        "training_seconds": seconds,
        "prediction_seconds": prediction_seconds(predictor.log_probs),
    }
    pictures = _pictures(predictor, posterior) if cell.seed == 0 else {}
    return Outcome(metrics, departures=_departures(cell), arrays=pictures)


def _pictures(predictor: Predictor, posterior: LogisticPosterior) -> dict[str, Tensor]:
    """The surface and the weights; the chain's run also keeps what all methods share."""
    own = {
        "probs": predictor.log_probs(square())[:, 1].exp().reshape(61, 61).float(),
        "weights": predictor.weights.float(),
    }
    if len(predictor.weights) != 500:
        return own
    truth = exact(0)["square"][1].reshape(61, 61).float()
    return {**own, "truth": truth, "x": posterior.x.float(), "y": posterior.y}


def _departures(cell: Cell) -> dict[str, list[Scalar]]:
    """The text's protocol against this cell's."""
    here: dict[str, tuple[Scalar, Scalar]] = {
        "p(x)": ("variance 100", cell.params["inputs"]),
        "steps": (5000, cell.params["steps"]),
        "batch": (10, cell.params["batch"]),
        "optimizer": ("SGD", "SGD" if cell.params["protocol"] == "thesis" else "Adam"),
        "student": ("units 10", f"{cell.params['student']} {cell.params['units']}"),
    }
    return {
        name: list(pair)
        for name, pair in here.items()
        if cell.params["student"] != "none" and pair[0] != pair[1]
    }


BEST: dict[str, Scalar] = {
    "method": "online_ce",
    "protocol": "ours",
    "student": "clouds",
    "units": 10,
    "steps": 5000,
}
AIMS = [("classifier_error", "largest_error", BEST)]
STUDY = Study(
    "classifier",
    1,
    "A posterior distilled into ten logistic units",
    cells,
    run,
    aims=AIMS,
    precision="float64",
)
