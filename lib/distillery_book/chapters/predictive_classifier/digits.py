"""Digits: the posterior of a small network's weights, by a Langevin chain that runs while a student
learns (Bayesian dark knowledge), and by rivals.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from distillery.distillation import distill
from distillery.generators import Alongside, Chain, Resample
from distillery.generators.shared import Shared
from distillery.losses import HardLabels
from distillery.models.mlp import MLP
from distillery.samplers.langevin import SGLD, MinibatchGradient
from distillery.teachers import Labels
from distillery.teachers.stochastic import StochasticNetwork
from distillery.training.schedules import linear_to_zero
from distillery_book.chapters.predictive_classifier.split import (
    Predictor,
    Split,
    detached,
    jittered,
    parameters,
    taught,
)

METHODS = ("chain", "online", "online, data only", "one draw", "map", "sgd")
WIDTHS = (64, 50, 10)
START_STEPS = 1500  # on the labels, before a chain begins


def predictor(method: str, data: Split, steps: int, rng: torch.Generator) -> Predictor:
    """What a method makes of the labelled images; all begin with a network trained on them."""
    network = MLP(WIDTHS, rng=rng)
    _start(network, data, rng, decay=0.0 if method == "sgd" else 1 / len(data.x))
    if method in ("map", "sgd"):
        return Predictor(detached(network), parameters(network))
    teacher = StochasticNetwork(network)
    chain = network_chain(teacher, data, teacher.flat(network), rng=rng, burn_in=3 * steps // 4)
    if not method.startswith("online"):
        draws = chain.trace(steps)[:: max(steps // 100, 1), 0]
        return _average(teacher, draws[-1:] if method == "one draw" else draws)
    is_plain = method == "online, data only"
    inputs = Resample(data.x, rng=rng) if is_plain else jittered(data.x, 0.1, rng=rng)
    taught(teacher, network, Alongside(inputs, Shared(chain)), steps, rate=2e-3, batch=100)
    return Predictor(detached(network), parameters(network))


def network_chain(
    teacher: StochasticNetwork, data: Split, start: Tensor, *, rng: torch.Generator, burn_in: int
) -> Chain:
    """Langevin at a fixed step, gradients from minibatches of 100, the prior N(0, I) over all
    weights (Welling and Teh, 2011).
    """

    def log_prior(weights: Tensor) -> Tensor:
        return -0.5 * weights.square().sum(1)

    def log_likelihood(states: Tensor, x: Tensor, y: Tensor) -> Tensor:
        log_probs = teacher.each(states, x).log_softmax(-1)
        return log_probs.gather(-1, y.expand(len(states), -1)[..., None])[..., 0]

    gradient = MinibatchGradient(log_prior, log_likelihood, (data.x, data.y), 100)
    return Chain(SGLD(gradient, 2e-3), start[None], rng=rng, burn_in=burn_in)


def _start(network: MLP, data: Split, rng: torch.Generator, *, decay: float) -> None:
    """Momentum on the labels; with decay it seeks the mode of the posterior."""
    optimizer = torch.optim.SGD(network.parameters(), lr=0.3, momentum=0.9, weight_decay=decay)
    distill(
        Labels(),
        network,
        Resample(data.x, data.y, rng=rng),
        HardLabels(),
        optimizer=optimizer,
        batch_size=100,
        steps=START_STEPS,
        schedule=linear_to_zero(START_STEPS),
    )


def _average(teacher: StochasticNetwork, draws: Tensor) -> Predictor:
    """The mean probability of the networks with these weights."""

    def log_probs(x: Tensor) -> Tensor:
        return teacher.each(draws, x).log_softmax(-1).logsumexp(0) - math.log(len(draws))

    return Predictor(log_probs, draws.numel())
