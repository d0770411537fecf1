"""Chapter 8, beyond the toy: a posterior over 31 weights on real data, and one over a small
network's (Bayesian dark knowledge).
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import torch
from torch import Tensor

from distillery import metrics
from distillery_book.chapters.predictive_classifier import cancer, digits
from distillery_book.chapters.predictive_classifier.split import (
    TASKS,
    LogProbs,
    Split,
    jittered,
    split,
)
from distillery_book.results.study import Cell, Context, Outcome, Profile, Scalar, Study

__all__ = ["CANCER", "DIGITS", "STUDY", "TASKS", "calibration_error", "jittered", "run", "split"]

CANCER, DIGITS = cancer.METHODS, digits.METHODS


def cells(profile: Profile) -> Sequence[Cell]:
    """Every method on both tasks; `steps` are those of distillation, and of the chain beside it."""
    if profile == "smoke":
        some = [("cancer", "units 10", 50), ("cancer", "laplace", 50), ("digits", "online", 100)]
        return [Cell(_params(*row), 0) for row in some]
    grid = [_params("cancer", method, 1000) for method in CANCER]
    grid += [_params("digits", method, 4000) for method in DIGITS]
    return [Cell(params, seed) for seed in range(10) for params in grid]


def _params(task: str, method: str, steps: int) -> dict[str, Scalar]:
    return {"task": task, "method": method, "steps": steps}


def run(cell: Cell, context: Context) -> Outcome:
    """Learn one predictor and test it on inputs it has not seen."""
    task, steps = str(cell.params["task"]), int(cell.params["steps"])
    data, rng = split(task, cell.seed), torch.Generator().manual_seed(cell.seed)
    learn = cancer.predictor if task == "cancer" else digits.predictor
    start = time.perf_counter()
    predictor = learn(str(cell.params["method"]), data, steps, rng)
    seconds = time.perf_counter() - start
    context.report(0.9)
    measured = {
        "training_seconds": seconds,
        "numbers_stored": float(predictor.numbers),
        **predictor.extras,
        **_tested(predictor.log_probs, data, predictions=True),
    }
    if task == "digits":
        return Outcome({**measured, **_tested_on_noise(predictor.log_probs, data, cell.seed)})
    beside = _divergence(cancer.reference(cell.seed, steps), predictor.log_probs(data.x_test))
    return Outcome({**measured, "kl_from_mcmc": beside})


def _tested_on_noise(log_probs: LogProbs, data: Split, seed: int) -> dict[str, float]:
    """The same measures where the test images have noise that no training image had."""
    rng = torch.Generator().manual_seed(seed)
    noisy = data.x_test + 0.3 * torch.randn(data.x_test.shape, generator=rng)
    shifted = _tested(log_probs, Split(data.x, data.y, noisy, data.y_test))
    return {f"noisy_{name}": value for name, value in shifted.items()}


def _tested(log_probs: LogProbs, data: Split, *, predictions: bool = False) -> dict[str, float]:
    start = time.perf_counter()
    answers = log_probs(data.x_test)
    seconds = (time.perf_counter() - start) * 1000 / len(data.x_test)
    measures = {
        "accuracy": metrics.accuracy(answers, data.y_test).value,
        "log_prob": metrics.mean_log_prob(answers, data.y_test).value,
        "calibration_error": calibration_error(answers, data.y_test),
    }
    return {**measures, "prediction_seconds": seconds} if predictions else measures


def calibration_error(log_probs: Tensor, labels: Tensor, *, bins: int = 15) -> float:
    """The mean distance between confidence and accuracy over bins of confidence, weighted by how
    many examples fall in each.
    """
    confidence, answer = log_probs.exp().max(1)
    gap = (answer == labels).double() - confidence.double()
    place = (confidence * bins).long().clamp(max=bins - 1)
    gaps = torch.zeros(bins, dtype=torch.float64).index_add(0, place, gap)
    return float(gaps.abs().sum() / len(labels))


def _divergence(reference: Tensor, log_probs: Tensor) -> float:
    return float((reference.exp() * (reference - log_probs)).sum(1).mean())


STUDY = Study(
    "dark_knowledge", 1, "A chain's knowledge on real data", cells, run, precision="float32"
)
