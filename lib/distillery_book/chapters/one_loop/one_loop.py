"""Chapter 1: one teacher that can be drawn, one loop; what changes is where it is asked."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from distillery.distillation import distill
from distillery.generators import Generator, Noise, Resample, Uniform
from distillery.losses import DerivativeSquareError, Loss, SquareError
from distillery.models.mlp import MLP
from distillery.teachers import Formula
from distillery.training.schedules import one_cycle
from distillery_book.results.study import Cell, Context, Outcome, Profile, Scalar, Study

GENERATORS = ("uniform", "data", "wrong place")
LOSSES = ("values", "slopes", "both")
QUESTIONS = (8, 16, 32, 64, 128, 256)
SIDE = 3.0
# Where the middle of a movable generator may stand, along either input.
MIDDLES = (-2.4, -1.2, 0.0, 1.2, 2.4)
SCALE, MOVED = 0.5, "moved"
# The grids on which recorded students answer, points a side; the moved one's are many, and small.
POINTS, MOVED_POINTS = 61, 25


def surface(x: Tensor) -> Tensor:
    """The teacher: waves that bend, under a bell. Two inputs, one output."""
    first, second = x[:, :1], x[:, 1:]
    return torch.sin(2 * first + second.square() / 2) * torch.exp(
        -x.square().sum(1, keepdim=True) / 8
    )


def ring(n: int, *, rng: torch.Generator, radius: float = 2.0, thickness: float = 0.2) -> Tensor:
    """Where the data of this chapter lie: a thick ring around the origin."""
    angle = torch.rand(n, generator=rng, device=rng.device) * 2 * math.pi
    length = radius + thickness * torch.randn(n, generator=rng, device=rng.device)
    return torch.stack([length * angle.cos(), length * angle.sin()], 1)


def generator(name: str, *, rng: torch.Generator) -> Generator:
    """Three places to ask: everywhere in the square, at 500 points of the ring, in a corner far
    from it.
    """
    if name == "uniform":
        return Uniform(2, rng=rng, low=-SIDE, high=SIDE)
    if name == "data":
        return Resample(ring(500, rng=rng), rng=rng)
    return around(2.2, 2.2, rng=rng)


def around(first: float, second: float, *, rng: torch.Generator) -> Generator:
    """Asks near one point of the plane: normal inputs with a standard deviation of a half."""
    mean = torch.tensor([first, second], device=rng.device)
    return Noise(2, rng=rng, mean=mean, scale=SCALE)


def loss(name: str) -> Loss:
    """Three things to ask: the value, its slopes, or both."""
    slopes = DerivativeSquareError(log_probs=False)
    return {"values": SquareError(), "slopes": slopes, "both": SquareError() + slopes}[name]


def student(*, rng: torch.Generator) -> MLP:
    """A small smooth network of two hidden layers of 32."""
    return MLP([2, 32, 32, 1], rng=rng, activation=nn.Tanh()).to(rng.device)


def square(points: int, device: torch.device | str = "cpu") -> Tensor:
    """A regular grid over the square, row by row, the first input running fastest."""
    axis = torch.linspace(-SIDE, SIDE, points, device=device)
    return torch.cartesian_prod(axis, axis).flip(1)


def errors(network: nn.Module, *, rng: torch.Generator) -> dict[str, float]:
    """Root mean square differences from the teacher: on the ring, on the square, and on the square
    up to a constant.
    """
    with torch.no_grad():
        on_ring, on_square = (
            network(x) - surface(x) for x in (ring(4000, rng=rng), square(81, rng.device))
        )
    return {
        "rmse_ring": float(on_ring.square().mean().sqrt()),
        "rmse_square": float(on_square.square().mean().sqrt()),
        "rmse_square_centred": float(on_square.std()),
    }


def error_on_ring(network: nn.Module) -> float:
    """Root mean square difference from the teacher at 4000 points of the ring, the same at every
    call.
    """
    return _error_at(network, ring(4000, rng=torch.Generator().manual_seed(4000)))


@torch.no_grad()
def _error_at(network: nn.Module, x: Tensor) -> float:
    return float((network(x) - surface(x)).square().mean().sqrt())


def cells(profile: Profile) -> Sequence[Cell]:
    """Nine choices of where and what, then how many questions slopes save; five seeds but for the
    smoke run. Then a generator that is moved over the square, a student at each of its places.
    """
    steps, seeds = (400, range(1)) if profile == "smoke" else (5000, range(5))
    places = [(place, what, 0) for place in GENERATORS for what in LOSSES]
    counts = [("uniform", what, count) for count in QUESTIONS for what in ("values", "both")]
    chosen = [
        Cell({"generator": place, "loss": what, "questions": count, "steps": steps}, seed)
        for seed in seeds
        for place, what, count in places + counts
    ]
    middles = (MIDDLES[0], MIDDLES[-1]) if profile == "smoke" else MIDDLES
    return chosen + [Cell(moved(*pair, steps), 0) for pair in itertools.product(middles, middles)]


def moved(first: float, second: float, steps: int = 5000) -> dict[str, Scalar]:
    """The parameters of the run whose generator asks around one point, for values."""
    where: dict[str, Scalar] = {"generator": MOVED, "first": first, "second": second}
    return where | {"loss": "values", "questions": 0, "steps": steps}


def run(cell: Cell, context: Context) -> Outcome:
    """Train one student. `questions` > 0 asks at that many fixed places only, again and again."""
    rng = torch.Generator(context.device).manual_seed(cell.seed)
    steps, questions = int(cell.params["steps"]), int(cell.params["questions"])
    source = _generator(cell, rng)
    if questions:
        source = Resample(source.draw(questions).x, rng=rng)
    network = student(rng=rng)
    history = distill(
        Formula(surface),
        network,
        source,
        loss(str(cell.params["loss"])),
        optimizer=torch.optim.Adam(network.parameters(), lr=1e-2),
        batch_size=32,
        steps=steps,
        schedule=one_cycle(steps),
        progress=lambda done, _: context.report(done / steps),
    )
    metrics = {
        **errors(network, rng=rng),
        "training_loss": float(history.losses[-100:].mean()),
    }
    if cell.params["generator"] == MOVED:
        return Outcome(
            metrics | {"rmse_asked": _error_at(network, source.draw(4000).x)},
            arrays=_picture(network, context, MOVED_POINTS),
        )
    is_shown = cell.seed == 0 and not questions
    return Outcome(metrics, arrays=_picture(network, context, POINTS) if is_shown else {})


def _generator(cell: Cell, rng: torch.Generator) -> Generator:
    if cell.params["generator"] == MOVED:
        return around(float(cell.params["first"]), float(cell.params["second"]), rng=rng)
    return generator(str(cell.params["generator"]), rng=rng)


def _picture(network: nn.Module, context: Context, points: int) -> dict[str, Tensor]:
    """The student's answers on a grid of so many points a side."""
    answers = network(square(points, context.device)).detach().cpu()
    return {"answers": answers.reshape(points, points).half()}


STUDY = Study("one_loop", 1, "Where to ask, and what", cells, run, precision="float32")
