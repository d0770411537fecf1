"""Chapter 8, beyond the toy: a posterior over 31 weights on real data, and one over a small
network's (Bayesian dark knowledge).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from distillery import metrics
from distillery.distillation import distill
from distillery.generators import Alongside, Augmented, Chain, Generator, Resample
from distillery.generators.shared import Shared
from distillery.inference.ep import expectation_propagation
from distillery.inference.laplace import Laplace, laplace
from distillery.losses import HardLabels, SoftTargets
from distillery.models.bayes import LogisticPosterior
from distillery.models.logistic import MeanOfLogistics, PosteriorLogistic
from distillery.models.mlp import MLP
from distillery.models.moderated import MeanOfModerated
from distillery.protocols import Batch, Teacher
from distillery.samplers.diagnostics import split_rhat
from distillery.samplers.hmc import HMC, tuned
from distillery.samplers.langevin import SGLD, MinibatchGradient
from distillery.support.nearest import unknown
from distillery.teachers import Labels
from distillery.teachers.posterior_mean import PosteriorMean
from distillery.teachers.stochastic import StochasticNetwork
from distillery.training.schedules import linear_to_zero
from distillery_book.results.study import Cell, Context, Outcome, Profile, Scalar, Study

TASKS = ("cancer", "digits")
CANCER = ("mcmc", "units 10", "units 50", "cloud 1", "ep", "laplace", "map")
DIGITS = ("chain", "online", "online, data only", "one draw", "map", "sgd")
CHAINS, WARM_UP, PRIOR_VARIANCE = 64, 300, 1.0
WIDTHS, LABELLED = (64, 50, 10), 500

LogProbs = Callable[[Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class Split:
    """Inputs and labels to learn from and to test on; which is which depends on the seed."""

    x: Tensor
    y: Tensor
    x_test: Tensor
    y_test: Tensor


@dataclass(frozen=True)
class Predictor:
    """Log probabilities of the classes, and how many numbers it must store to give them."""

    log_probs: LogProbs
    numbers: int
    extras: Mapping[str, float]


def split(task: str, seed: int) -> Split:
    """`"cancer"`: 569 biopsies, 30 measurements standardised on the training half, and a constant.
    `"digits"`: 8x8 images, 500 labelled.
    """
    from sklearn import datasets

    if task not in TASKS:
        raise ValueError(unknown("task", task, TASKS))
    found = (datasets.load_breast_cancer if task == "cancer" else datasets.load_digits)(
        return_X_y=True
    )
    x, y = (torch.as_tensor(column) for column in found)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    first = LABELLED if task == "digits" else len(x) // 2
    x = x.float() / 16 if task == "digits" else _standardised(x.double(), order[:first])
    return Split(x[order[:first]], y[order[:first]], x[order[first:]], y[order[first:]])


def posterior_chain(
    posterior: LogisticPosterior, mode: Laplace, *, rng: torch.Generator, warm_up: int = WARM_UP
) -> Chain:
    """64 Hamiltonian chains, started from Laplace's Gaussian and tuned: a step length per weight,
    ten steps a trajectory.
    """
    noise = torch.randn(CHAINS, posterior.dimension, generator=rng, dtype=torch.float64)
    start = mode.mean + noise * mode.covariance.diagonal().sqrt()
    sampler, state = tuned(
        HMC(posterior.log_density, 0.2, 10, 1 / mode.covariance.diagonal()),
        start,
        rng,
        sweeps=warm_up,
    )
    return Chain(sampler, state, rng=rng)


def jittered(x: Tensor, amount: float, *, rng: torch.Generator) -> Generator:
    """The training inputs, drawn again and again, each time with fresh Gaussian noise."""
    return Augmented(
        Resample(x, rng=rng),
        lambda x, rng: x + amount * torch.randn(x.shape, generator=rng, dtype=x.dtype),
        rng=rng,
    )


def network_chain(
    teacher: StochasticNetwork, data: Split, start: Tensor, *, rng: torch.Generator, burn_in: int
) -> Chain:
    """Langevin at a fixed step, gradients from minibatches of 100, the prior N(0, I) over all
    weights (Welling and Teh, 2011).
    """

    def log_likelihood(states: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return (
            teacher.each(states, x)
            .log_softmax(-1)
            .gather(-1, y.expand(len(states), -1)[..., None])[..., 0]
        )

    gradient = MinibatchGradient(
        lambda w: -0.5 * w.square().sum(1), log_likelihood, (data.x, data.y), 100
    )
    return Chain(SGLD(gradient, 2e-3), start[None], rng=rng, burn_in=burn_in)


def cells(profile: Profile) -> Sequence[Cell]:
    """Every method on both tasks; `steps` are those of distillation, and of the chain beside it."""
    smoke = profile == "smoke"
    methods = (
        {"cancer": ("units 10", "laplace"), "digits": ("online",)}
        if smoke
        else {"cancer": CANCER, "digits": DIGITS}
    )
    steps = {"cancer": 50 if smoke else 1000, "digits": 100 if smoke else 4000}
    grid: list[dict[str, Scalar]] = [
        {"task": t, "method": m, "steps": steps[t]} for t in TASKS for m in methods[t]
    ]
    return [Cell(params, seed) for seed in range(1 if smoke else 10) for params in grid]


def run(cell: Cell, context: Context) -> Outcome:
    """Learn one predictor and test it on inputs it has not seen."""
    task, method, steps = (
        str(cell.params["task"]),
        str(cell.params["method"]),
        int(cell.params["steps"]),
    )
    data, rng, start = (
        split(task, cell.seed),
        torch.Generator().manual_seed(cell.seed),
        time.perf_counter(),
    )
    made = (_cancer if task == "cancer" else _digits)(method, data, steps, rng)
    found = {
        "training_seconds": time.perf_counter() - start,
        "numbers_stored": float(made.numbers),
        **made.extras,
    }
    context.report(0.9)
    found.update(_tested(made.log_probs, data, predictions=True))
    if task == "digits":
        noisy = data.x_test + 0.3 * torch.randn(
            data.x_test.shape, generator=torch.Generator().manual_seed(cell.seed)
        )
        shifted = _tested(made.log_probs, Split(data.x, data.y, noisy, data.y_test))
        found.update({f"noisy_{name}": value for name, value in shifted.items()})
    else:
        found["kl_from_mcmc"] = _divergence(
            _reference(cell.seed, steps)[0], made.log_probs(data.x_test)
        )
    return Outcome(found)


def _cancer(method: str, data: Split, steps: int, rng: torch.Generator) -> Predictor:
    posterior = LogisticPosterior(data.x, data.y, prior_variance=PRIOR_VARIANCE)
    mode = laplace(posterior)
    parameters = posterior.dimension * (posterior.dimension + 3) // 2
    if method == "laplace":
        return Predictor(mode.log_probs, parameters, {})
    if method == "ep":
        return Predictor(expectation_propagation(posterior).log_probs, parameters, {})
    if method == "map":
        return Predictor(_detached(MeanOfLogistics(mode.mean[None])), posterior.dimension, {})
    if method == "mcmc":
        draws, rhat = _draws(posterior, mode, steps, rng)
        teacher = PosteriorMean(draws)
        return Predictor(lambda x: teacher(Batch(x)), draws.numel(), {"worst_rhat": rhat})
    student = _student(method, mode, rng)
    source = Alongside(
        jittered(data.x, 0.5, rng=rng),
        posterior_chain(posterior, mode, rng=rng, warm_up=min(WARM_UP, steps)),
    )
    _taught(PosteriorLogistic(), student, source, steps, rate=0.03, batch=CHAINS)
    return Predictor(_detached(student), sum(p.numel() for p in student.parameters()), {})


def _student(method: str, mode: Laplace, rng: torch.Generator) -> MeanOfLogistics | MeanOfModerated:
    """`"units 10"` are logistic units, `"cloud 1"` a moderated one: both start around the mode, as
    wide as Laplace's Gaussian.
    """
    kind, count = method.split()
    scale = torch.linalg.cholesky(mode.covariance)
    if kind == "cloud":
        return MeanOfModerated(mode.mean.expand(int(count), -1), scale.expand(int(count), -1, -1))
    return MeanOfLogistics(
        mode.mean
        + torch.randn(int(count), len(mode.mean), generator=rng, dtype=torch.float64) @ scale.T
    )


def _digits(method: str, data: Split, steps: int, rng: torch.Generator) -> Predictor:
    network = MLP(WIDTHS, rng=rng)
    size = sum(p.numel() for p in network.parameters())
    rule = torch.optim.SGD(
        network.parameters(),
        lr=0.3,
        momentum=0.9,
        weight_decay=0.0 if method == "sgd" else 1 / len(data.x),
    )
    labelled, falling = Resample(data.x, data.y, rng=rng), linear_to_zero(1500)
    distill(
        Labels(),
        network,
        labelled,
        HardLabels(),
        optimizer=rule,
        batch_size=100,
        steps=1500,
        schedule=falling,
    )
    if method in ("map", "sgd"):
        return Predictor(_detached(network), size, {})
    teacher = StochasticNetwork(network)
    chain = network_chain(teacher, data, teacher.flat(network), rng=rng, burn_in=3 * steps // 4)
    if method.startswith("online"):
        inputs = (
            Resample(data.x, rng=rng)
            if method == "online, data only"
            else jittered(data.x, 0.1, rng=rng)
        )
        _taught(teacher, network, Alongside(inputs, Shared(chain)), steps, rate=2e-3, batch=100)
        return Predictor(_detached(network), size, {})
    draws = chain.trace(steps)[:: max(steps // 100, 1), 0]
    draws = draws[-1:] if method == "one draw" else draws
    return Predictor(
        lambda x: teacher.each(draws, x).log_softmax(-1).logsumexp(0) - math.log(len(draws)),
        draws.numel(),
        {},
    )


def _taught(
    teacher: Teacher,
    student: torch.nn.Module,
    source: Generator,
    steps: int,
    *,
    rate: float,
    batch: int,
) -> None:
    rule, falling = torch.optim.Adam(student.parameters(), lr=rate), linear_to_zero(steps)
    distill(
        teacher,
        student,
        source,
        SoftTargets(),
        optimizer=rule,
        batch_size=batch,
        steps=steps,
        schedule=falling,
    )


@lru_cache(maxsize=2)
def _reference(seed: int, steps: int) -> tuple[Tensor, float]:
    """What the long chains say of the test inputs, as log probabilities, and the worst split R-hat
    of a weight.
    """
    data = split("cancer", seed)
    posterior = LogisticPosterior(data.x, data.y, prior_variance=PRIOR_VARIANCE)
    draws, rhat = _draws(
        posterior, laplace(posterior), steps, torch.Generator().manual_seed(20_000 + seed)
    )
    return PosteriorMean(draws)(Batch(data.x_test)), rhat


def _draws(
    posterior: LogisticPosterior, mode: Laplace, steps: int, rng: torch.Generator
) -> tuple[Tensor, float]:
    """Half as many sweeps as the student has steps, of 64 chains."""
    trace = posterior_chain(posterior, mode, rng=rng, warm_up=min(WARM_UP, steps)).trace(
        max(steps // 2, 20)
    )
    return trace.flatten(0, 1), float(split_rhat(trace).max())


def _tested(log_probs: LogProbs, data: Split, *, predictions: bool = False) -> dict[str, float]:
    start = time.perf_counter()
    answers = log_probs(data.x_test)
    seconds = (time.perf_counter() - start) * 1000 / len(data.x_test)
    found = {
        "accuracy": metrics.accuracy(answers, data.y_test).value,
        "log_prob": metrics.mean_log_prob(answers, data.y_test).value,
        "calibration_error": calibration_error(answers, data.y_test),
    }
    return {**found, "prediction_seconds": seconds} if predictions else found


def calibration_error(log_probs: Tensor, labels: Tensor, *, bins: int = 15) -> float:
    """The mean distance between confidence and accuracy over bins of confidence, weighted by how
    many examples fall in each.
    """
    confidence, answer = log_probs.exp().max(1)
    gap = (answer == labels).double() - confidence.double()
    place = (confidence * bins).long().clamp(max=bins - 1)
    return float(
        torch.zeros(bins, dtype=torch.float64).index_add(0, place, gap).abs().sum() / len(labels)
    )


def _divergence(reference: Tensor, log_probs: Tensor) -> float:
    return float((reference.exp() * (reference - log_probs)).sum(1).mean())


def _detached(network: torch.nn.Module) -> LogProbs:
    return lambda x: network(x).detach().log_softmax(-1)


def _standardised(x: Tensor, index: Tensor) -> Tensor:
    mean, deviation = x[index].mean(0), x[index].std(0)
    return torch.cat([(x - mean) / deviation, torch.ones(len(x), 1, dtype=x.dtype)], 1)


STUDY = Study(
    "dark_knowledge", 1, "A chain's knowledge on real data", cells, run, precision="float32"
)
