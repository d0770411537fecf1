"""The students of a cell: where they ask the teacher, for what, and how they learn."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from distillery.distillation import distill
from distillery.generators import Asked, Generator
from distillery.generators.resample import as_unit
from distillery.losses import DerivativeSquareError, Loss, SoftTargets
from distillery.losses.each_its_own import EachItsOwn
from distillery.models.bank import Bank
from distillery.protocols import Batch, Teacher
from distillery.support.nearest import unknown
from distillery.teachers import Average, Recorded, RecordedSlopes
from distillery.training.adadelta import Adadelta
from distillery.training.run import History
from distillery.training.schedules import one_cycle
from distillery_book.chapters.ensembles.grid import LOSSES, RECORDED, seen
from distillery_book.chapters.ensembles.measures import at_once
from distillery_book.chapters.ensembles.parts import (
    BATCH,
    Parts,
    Sizes,
    answered,
    drawn,
    inputs,
    remembered,
)
from distillery_book.results.study import Context, Scalar

LATE = 20  # looks at the last tenth of a run, besides those that are even by logarithm

# Of the derivative loss beside cross entropy: its gradients are that much larger.
SLOPE_WEIGHT = 0.001

Params = Mapping[str, Scalar]


def alike(params: Params, sizes: Sizes, *, rng: torch.Generator) -> dict[str, nn.Module]:
    """A student for each loss of a cell, all with the same first weights."""
    first = sizes.network(sizes.student, rng=rng)
    return {name: copy.deepcopy(first) for name in str(params["losses"]).split()}


def loss(name: str, temperature: float = 1.0) -> Loss:
    """Cross entropy (equation 2.17), the derivative square error (2.18), or both, slopes weighing
    little: their numbers are large.
    """
    if name == "both":
        return SoftTargets(temperature) + SLOPE_WEIGHT * DerivativeSquareError()
    if name not in LOSSES:
        raise ValueError(unknown("loss", name, [*LOSSES, "both"]))
    return SoftTargets(temperature) if name == "cross_entropy" else DerivativeSquareError()


def questions(
    params: Params, x: Tensor, teacher: Average, parts: Parts, *, rng: torch.Generator
) -> Generator:
    """Inputs with the teacher's answers; those that come again, of the data, recollections or a
    pool, with answers asked for once.
    """
    name, dtype, slopes = str(params["generator"]), parts.context.dtype, asks_slopes(params)
    if name == "recollections":
        x = remembered(x, parts.context.models(RECORDED)[RECORDED])
    if name in ("mnist", "recollections"):
        return answered(x, teacher, slopes=slopes, dtype=dtype, rng=rng)
    source = inputs(name, x, parts, seen(params), rng=rng, shift=float(params.get("shift", 1.0)))
    if pool := int(params.get("pool", 0)):
        return answered(drawn(source, pool), teacher, slopes=slopes, dtype=dtype, rng=rng)
    return Asked(source, teacher, slopes=slopes, dtype=dtype, at_once=200 if slopes else 1000)


def taught(
    students: Mapping[str, nn.Module],
    source: Generator,
    params: Params,
    *,
    images: int,
    test: tuple[Tensor, Tensor],
    context: Context,
) -> History:
    """Train all students on one stream, each by its loss, for as many passes over so many images as
    the cell says; looked at on the test images, evenly by the logarithm of the steps and often in
    the last tenth of them.
    """
    networks = list(students.values())
    bank = Bank(networks).to(context.device)
    batch = int(params.get("batch", BATCH))
    steps = steps_of(params, images)
    return distill(
        _reader(params),
        bank,
        source,
        EachItsOwn([loss(name, float(params["temperature"])) for name in students]),
        optimizer=_optimizer(bank, params),
        schedule=one_cycle(steps) if params["optimizer"] == "adam" else None,
        batch_size=batch,
        steps=steps,
        probes={"test": lambda _: [at_once(student, *test) for student in networks]},
        probe_at=looks(steps) | late(steps),
        checkpoint=context.scratch / "students.safetensors",
        every=10_000,
        progress=lambda done, _: context.report(done / steps),
    )


def steps_of(params: Params, images: int) -> int:
    """How many steps the students of a cell take."""
    return int(params["passes"]) * images // int(params.get("batch", BATCH))


def looks(steps: int) -> set[int]:
    """After which steps students are looked at for a curve: evenly by their logarithm."""
    return {max(1, round(steps * 10 ** (-k / 8))) for k in range(33)}


def late(steps: int) -> set[int]:
    """Where they are looked at besides: evenly over the last tenth."""
    return {max(1, round(steps * (1 - k / (10 * LATE)))) for k in range(LATE)}


def asks_slopes(params: Params) -> bool:
    """Whether any student of a cell learns from the teacher's slopes."""
    return str(params["losses"]) != "cross_entropy"


@torch.no_grad()
def answers_of(teacher: Average, x: Tensor) -> Tensor:
    """The teacher's log probabilities of pictures, a thousand at a time."""
    return torch.cat([teacher(Batch(as_unit(part))) for part in x.split(1000)])


def _reader(params: Params) -> Teacher:
    return RecordedSlopes() if asks_slopes(params) else Recorded()


def _optimizer(bank: Bank, params: Params) -> torch.optim.Optimizer:
    if params["optimizer"] == "adam":
        return torch.optim.Adam(bank.parameters(), lr=float(params["adam_rate"]), fused=True)
    return Adadelta(bank.parameters())
