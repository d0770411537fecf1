"""Numbers with their errors: accuracy, mean log probability, L1 distortion, paired differences,
means over seeds.

Every average is an `Estimate`: value, standard error, and how many observations it averages.
Percentages and bits are made where they are shown; here accuracies are fractions and log
probabilities nats.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Estimate:
    """An average of n observations and its standard error (not a number when n is 1: one
    observation says nothing of its error).
    """

    value: float
    error: float
    n: int

    @property
    def spread(self) -> float:
        """The standard deviation of a single observation."""
        return self.error * math.sqrt(self.n)

    def interval(self, deviations: float = 2.0) -> tuple[float, float]:
        """The value plus and minus so many standard errors."""
        return self.value - deviations * self.error, self.value + deviations * self.error

    def __str__(self) -> str:
        """The value ± two standard errors, as everywhere in the book."""
        return f"{self.value:.4g} ± {2 * self.error:.2g}"


def accuracy(logits: Tensor, labels: Tensor) -> Estimate:
    """The fraction of examples whose largest logit is the label's; its error is binomial."""
    return mean_and_error(correct(logits, labels))


def mean_log_prob(logits: Tensor, labels: Tensor) -> Estimate:
    """The mean over examples of log p(label | x), in nats."""
    return mean_and_error(log_prob_of(logits, labels))


def l1_distortion(images: Tensor, reconstructions: Tensor) -> Estimate:
    """The mean absolute error of a pixel, averaged over pixels, then over images."""
    return mean_and_error(l1_each(images, reconstructions))


def paired_difference(first: Tensor, second: Tensor) -> Estimate:
    """The mean over examples of first minus second, both measured on the same examples in the same
    order (thesis, Tables 2.3 and 2.4).

    What makes an example hard for both cancels, so the error is smaller than that of two separate
    means; `.interval(2)` is the thesis'.
    """
    if first.shape != second.shape:
        raise ValueError(
            f"first has shape {tuple(first.shape)} and second {tuple(second.shape)}: one value an"
            " example is needed from each"
        )
    return mean_and_error(first.double() - second.double())


def mean_and_error(values: Tensor | Iterable[float]) -> Estimate:
    """The mean of values over seeds or examples, and its standard error: their standard deviation
    over the root of their number.
    """
    if not isinstance(values, Tensor):
        values = torch.tensor(list(values), dtype=torch.float64)
    observed = values.double().flatten()
    n = len(observed)
    if n == 0:
        raise ValueError("values is empty: at least one value is needed")
    error = math.nan if n == 1 else float(observed.std(correction=1)) / math.sqrt(n)
    return Estimate(float(observed.mean()), error, n)


def correct(logits: Tensor, labels: Tensor) -> Tensor:
    """Whether each example's largest logit is the label's, one or zero; shape (N,)."""
    _check_labels(logits, labels)
    return (logits.argmax(-1) == labels).double()


def log_prob_of(logits: Tensor, labels: Tensor) -> Tensor:
    """The log probability of each example's label, log p(label | x), in nats; shape (N,). Log
    probabilities serve as logits.
    """
    _check_labels(logits, labels)
    log_probs = logits.double().log_softmax(-1)
    return log_probs.gather(-1, labels.long().unsqueeze(-1)).squeeze(-1)


def l1_each(images: Tensor, reconstructions: Tensor) -> Tensor:
    """The mean absolute error of each image's pixels; shape (N,)."""
    if images.shape != reconstructions.shape:
        raise ValueError(
            f"images have shape {tuple(images.shape)} and reconstructions"
            f" {tuple(reconstructions.shape)}: equal shapes are needed"
        )
    if not (images.is_floating_point() and reconstructions.is_floating_point()):
        raise TypeError(
            f"images are {images.dtype} and reconstructions {reconstructions.dtype}: floats in [0,"
            " 1] are needed"
        )
    return (images.double() - reconstructions.double()).abs().flatten(1).mean(1)


def wilson(successes: int, n: int, deviations: float = 1.96) -> tuple[float, float]:
    """Wilson's interval of a fraction: every p that the observed fraction lies within so many
    standard errors of, the errors being those of p (Wilson, 1927).
    """
    if not 0 <= successes <= n or n < 1:
        raise ValueError(
            f"successes is {successes} of n = {n}: between 0 and n are needed, and n at least 1"
        )
    p = successes / n
    square = deviations**2
    center = (p + square / (2 * n)) / (1 + square / n)
    half = deviations / (1 + square / n) * math.sqrt(p * (1 - p) / n + square / (4 * n * n))
    return max(0.0, center - half), min(1.0, center + half)


def _check_labels(logits: Tensor, labels: Tensor) -> None:
    if logits.dim() != 2 or labels.shape != logits.shape[:1]:
        raise ValueError(
            f"logits have shape {tuple(logits.shape)} and labels {tuple(labels.shape)}: (N,"
            " classes) and (N,) are needed"
        )
