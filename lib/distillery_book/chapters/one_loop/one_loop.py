"""Chapter 1: one teacher that can be drawn, one loop; what changes is where it is asked."""

from __future__ import annotations

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
from distillery_book.results.study import Cell, Context, Outcome, Profile, Study

GENERATORS = ("uniform", "data", "wrong place")
LOSSES = ("values", "slopes", "both")
QUESTIONS = (8, 16, 32, 64, 128, 256)
SIDE = 3.0


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
    return Noise(2, rng=rng, mean=torch.full((2,), 2.2, device=rng.device), scale=0.5)


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
    x = ring(4000, rng=torch.Generator().manual_seed(4000))
    with torch.no_grad():
        return float((network(x) - surface(x)).square().mean().sqrt())


def cells(profile: Profile) -> Sequence[Cell]:
    """Nine choices of where and what, then how many questions slopes save; five seeds but for the
    smoke run.
    """
    steps, seeds = (400, range(1)) if profile == "smoke" else (5000, range(5))
    places = [(place, what, 0) for place in GENERATORS for what in LOSSES]
    counts = [("uniform", what, count) for count in QUESTIONS for what in ("values", "both")]
    return [
        Cell({"generator": place, "loss": what, "questions": count, "steps": steps}, seed)
        for seed in seeds
        for place, what, count in places + counts
    ]


def run(cell: Cell, context: Context) -> Outcome:
    """Train one student. `questions` > 0 asks at that many fixed places only, again and again."""
    rng = torch.Generator(context.device).manual_seed(cell.seed)
    steps, questions = int(cell.params["steps"]), int(cell.params["questions"])
    source = generator(str(cell.params["generator"]), rng=rng)
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
    is_shown = cell.seed == 0 and not questions
    return Outcome(metrics, arrays=_picture(network, context) if is_shown else {})


def _picture(network: nn.Module, context: Context) -> dict[str, Tensor]:
    answers = network(square(61, context.device)).detach().cpu()
    return {"answers": answers.reshape(61, 61).half()}


STUDY = Study("one_loop", 1, "Where to ask, and what", cells, run, precision="float32")
