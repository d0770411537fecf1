"""Chapter 8: the posterior of a logistic regression distilled into ten logistic units, beside the
exact answer and the rivals.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from distillery.distillation import distill
from distillery.generators import Alongside, Chain
from distillery.inference.ep import expectation_propagation
from distillery.inference.laplace import laplace
from distillery.losses import DerivativeSquareError, Loss, SoftTargets, TwoSampleDerivatives
from distillery.models.bayes import LogisticPosterior
from distillery.models.bayes_kernels import logistic_step
from distillery.models.logistic import MeanOfLogistics, PosteriorLogistic
from distillery.models.moderated import MeanOfModerated
from distillery.protocols import Batch
from distillery.teachers.posterior_mean import PosteriorMean
from distillery.training.schedules import linear_to_zero
from distillery_book.chapters.predictive_classifier.truth import (
    VARIANCES,
    LogProbs,
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
DRAWS, BURN_IN = 10_000, 1000


def loss(method: str) -> Loss:
    """Cross entropy (thesis, equation 3.22), derivative square error (3.24), or the latter's form
    for two independent draws.
    """
    if method.endswith("two_sample"):
        return TwoSampleDerivatives()
    return SoftTargets() if method.endswith("ce") else DerivativeSquareError(weighting="teacher")


def student(
    name: str, units: int, *, rng: torch.Generator, scale: float
) -> MeanOfLogistics | MeanOfModerated:
    """`"units"` are logistic units, two numbers each (thesis, equation 3.44); `"clouds"` are
    moderated ones, five numbers each.
    """
    made = MeanOfLogistics.at_random if name == "units" else MeanOfModerated.at_random
    return made(units, 2, rng=rng, scale=scale)


def chain(
    posterior: LogisticPosterior, chains: int, *, rng: torch.Generator, thin: int = 1
) -> Chain:
    """Slice sampling from the origin: one chain with 1000 steps of burn-in in the thesis (section
    3.3.4).
    """
    start = torch.zeros(chains, posterior.dimension, dtype=torch.float64)
    return Chain(
        logistic_step(posterior), start, rng=rng, burn_in=BURN_IN if chains == 1 else 200, thin=thin
    )


def cells(profile: Profile) -> Sequence[Cell]:
    """Five distilled classifiers from both input distributions, the rivals, then what ten units and
    ten clouds can do trained longer.
    """
    smoke = profile == "smoke"
    thesis = [
        _cell(m, f"variance {v}", "thesis", "units", 10, 200 if smoke else 5000, 10)
        for m in DISTILLED
        for v in VARIANCES
    ]
    rivals = [_cell(method, "none", "thesis", "none", 0, 0, 0) for method in RIVALS]
    ours = [_cell("online_ce", "square", "ours", "clouds", 10, 200 if smoke else 5000, 400)]
    if not smoke:
        longer = {
            "online_ce": (5000, 400),
            "online_dse": (2500, 400),
            "online_two_sample": (2500, 400),
        }
        ours += [
            _cell(m, "square", "ours", "units", 10, *longer.get(m, (2000, 32))) for m in DISTILLED
        ]
        ours += [
            _cell("online_ce", "square", "ours", name, n, 5000, 400)
            for name, n in (("clouds", 4), ("units", 40))
        ]
        ours += [_cell("online_dse", "square", "ours", "clouds", 10, *longer["online_dse"])]
        return [Cell(params, seed) for seed in range(10) for params in thesis + rivals + ours]
    wanted = ("batch_ce", "online_ce", "online_dse")
    return [
        Cell(params, 0)
        for params in [p for p in thesis if p["method"] in wanted][::2] + rivals + ours
    ]


def run(cell: Cell, context: Context) -> Outcome:
    """Train or compute one predictor, and measure it against quadrature over the two weights."""
    x, y, rng = data(cell.seed)
    posterior = LogisticPosterior(x, y)
    start = time.perf_counter()
    made = (
        _distilled(cell, posterior, rng, context)
        if cell.params["method"] in DISTILLED
        else _rival(str(cell.params["method"]), posterior, rng)
    )
    seconds = time.perf_counter() - start
    measured = {**made.metrics, **errors(made.log_probs, cell.seed)}
    metrics = {
        **measured,
        "training_seconds": seconds,
        "prediction_seconds": prediction_seconds(made.log_probs),
    }
    return Outcome(
        metrics,
        departures=_departures(cell),
        arrays=_pictures(made, posterior) if cell.seed == 0 else {},
    )


@dataclass(frozen=True)
class _Predictor:
    """Log probabilities of the two classes, counts of numbers, and points in the space of weights
    that show what it is.
    """

    log_probs: LogProbs
    metrics: dict[str, float]
    weights: Tensor


def _distilled(
    cell: Cell, posterior: LogisticPosterior, rng: torch.Generator, context: Context
) -> _Predictor:
    """Batch and online distillation (thesis, sections 3.3.2 and 3.3.3): the thesis' settings, or
    ours.
    """
    method, thesis = str(cell.params["method"]), cell.params["protocol"] == "thesis"
    steps, batch = int(cell.params["steps"]), int(cell.params["batch"])
    network = student(
        str(cell.params["student"]),
        int(cell.params["units"]),
        rng=rng,
        scale=0.1 if thesis else 3.0,
    )
    source, teacher, held = (
        inputs(str(cell.params["inputs"]), rng=rng),
        _teacher(method, posterior, thesis, rng),
        0,
    )
    if isinstance(teacher, PosteriorMean):
        held = teacher.draws.numel()
    else:
        chains = [
            chain(posterior, 1 if thesis else batch, rng=_split(rng))
            for _ in range(2 if method.endswith("two_sample") else 1)
        ]
        source = Alongside(source, *chains)
        held = len(chains) * 2 * (batch + len(chains[0].state))
    rate = {
        "thesis": torch.optim.SGD(network.parameters(), lr=1.0),
        "ours": torch.optim.Adam(network.parameters(), lr=0.1),
    }
    distill(
        teacher,
        network,
        source,
        loss(method),
        optimizer=rate[str(cell.params["protocol"])],
        batch_size=batch,
        steps=steps,
        schedule=linear_to_zero(steps),
        progress=lambda done, _: context.report(done / steps),
    )
    stored = sum(p.numel() for p in network.parameters())
    counted: dict[str, float] = {"numbers_stored": stored, "numbers_held": stored + held}
    points = network.weights if isinstance(network, MeanOfLogistics) else network.means
    if method == "online_dse" and thesis:
        counted.update(_biases(posterior, rng))
    return _Predictor(torch.no_grad()(network), counted, points.detach())


def _teacher(
    method: str, posterior: LogisticPosterior, thesis: bool, rng: torch.Generator
) -> PosteriorMean | PosteriorLogistic:
    """Ten thousand draws in store: of one chain as they come, or of a hundred chains, fifty sweeps
    apart. Online none is stored.
    """
    if not method.startswith("batch"):
        return PosteriorLogistic()
    own = chain(posterior, 1, rng=rng) if thesis else chain(posterior, 100, rng=rng, thin=50)
    return PosteriorMean(own.trace(DRAWS // len(own.state)).reshape(DRAWS, -1))


def _rival(method: str, posterior: LogisticPosterior, rng: torch.Generator) -> _Predictor:
    """The chain itself (thesis, equation 3.17), EP by either kind of moments (3.46 to 3.48), and
    Laplace's approximation.
    """
    if method == "mcmc":
        draws = chain(posterior, 1, rng=rng).trace(DRAWS)[:, 0]
        teacher = PosteriorMean(draws)
        return _Predictor(
            lambda x: teacher(Batch(x)),
            {"numbers_stored": draws.numel(), "numbers_held": draws.numel()},
            draws[:: DRAWS // 500],
        )
    if method == "laplace":
        mode = laplace(posterior)
        return _Predictor(
            mode.log_probs, {"numbers_stored": 5.0, "numbers_held": 5.0}, mode.mean[None]
        )
    found = expectation_propagation(
        posterior, moments="mackay" if method == "ep_mackay" else "quadrature"
    )
    return _Predictor(
        found.log_probs,
        {"numbers_stored": 5.0, "numbers_held": 5.0 + 2 * len(posterior.x)},
        found.mean[None],
    )


def _biases(posterior: LogisticPosterior, rng: torch.Generator) -> dict[str, float]:
    """Bias of the derivative losses at a student of ten posterior draws, by weighting; forty draws
    stand for the posterior.
    """
    draws = chain(posterior, 1, rng=rng, thin=25).trace(50)[:, 0]
    x, network = inputs("variance 10", rng=rng).draw(64).x.double(), MeanOfLogistics(draws[40:])
    measured = partial(bias, draws=draws[:40], network=network, x=x)
    found = {
        "teacher": DerivativeSquareError(weighting="teacher"),
        "uniform": DerivativeSquareError(),
        "two_sample": TwoSampleDerivatives(),
    }
    both = {name: measured(each) for name, each in found.items()}
    return {
        f"{what}_bias_{name}": pair[i]
        for name, pair in both.items()
        for i, what in enumerate(("value", "gradient"))
    }


def _pictures(made: _Predictor, posterior: LogisticPosterior) -> dict[str, Tensor]:
    """The surface and the weights; the chain's run also keeps what all methods share."""
    own = {
        "probs": made.log_probs(square())[:, 1].exp().reshape(61, 61).float(),
        "weights": made.weights.float(),
    }
    shared = {
        "truth": exact(0)["square"][1].reshape(61, 61).float(),
        "x": posterior.x.float(),
        "y": posterior.y,
    }
    return {**own, **shared} if len(made.weights) == 500 else own


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


def _cell(
    method: str, inputs: str, protocol: str, student: str, units: int, steps: int, batch: int
) -> dict[str, Scalar]:
    return {
        "method": method,
        "inputs": inputs,
        "protocol": protocol,
        "student": student,
        "units": units,
        "steps": steps,
        "batch": batch,
    }


def _split(rng: torch.Generator) -> torch.Generator:
    return torch.Generator().manual_seed(int(torch.randint(2**62, (), generator=rng)))


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
