"""The teachers: trained on all images, on small pictures first, then on whole ones, and kept after
both, in half precision.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from distillery.distillation import distill
from distillery.generators import Augmented, Generator, Resample
from distillery.generators.augment import crop_and_flip, resized
from distillery.losses import HardLabels
from distillery.models.files import Named
from distillery.models.pixels import measure_pixels
from distillery.protocols import Batch
from distillery.teachers import Frozen, Labels
from distillery.training.schedules import Schedule, one_cycle
from distillery.training.sgd import sgd
from distillery_book.chapters.information import setting
from distillery_book.chapters.information.grid import departs, weights_name
from distillery_book.results.study import WEIGHTS, Cell, Context, Outcome

WARM_UP = 0.15  # the share of the steps in which the rate rises
AT_ONCE = 250


class Stretch(NamedTuple):
    """A part of a course: pictures of so many pixels a side, from one step to another."""

    side: int
    begin: int
    end: int


def run(cell: Cell, context: Context) -> Outcome:
    """Train a teacher, and measure it as it is kept: in half precision."""
    images = context.load(cell.data.split("+")[0])
    x, y = setting.training(cell, images, context)
    network: Any = _begun(cell, images.classes, x, context)
    _train(network.to(memory_format=torch.channels_last), x, y, cell, context)
    network.half().float().eval()
    assert images.y_test is not None
    test = images.x_test.to(context.device), images.y_test.to(context.device)
    metrics = {
        "test": share_right(network, *test),
        "train": share_right(network, x[:5000], y[:5000]),
    }
    names = (str(cell.params[key]) for key in ("task", "network", "course"))
    name = weights_name(*names)
    models = [Named(name, network.to(memory_format=torch.contiguous_format).cpu())]
    return Outcome(metrics, departs(cell), models=models, weights_name=name)


def _begun(cell: Cell, classes: int, x: Tensor, context: Context) -> nn.Module:
    """First weights, or those that the course before has left."""
    kind = str(cell.params["network"])
    if WEIGHTS in cell.data:
        name = cell.data.split(WEIGHTS)[1]
        return context.models(name)[name].to(context.device).train()
    rng = setting.stream(cell.seed, "teacher", context.device)
    network = setting.fresh(kind, classes, x.shape[-1], rng=rng).to(context.device)
    measure_pixels(network, x)
    return network


def _train(network: nn.Module, x: Tensor, y: Tensor, cell: Cell, context: Context) -> None:
    """One cycle of the rate over all stretches; each leaves a checkpoint of its own."""
    batch = int(cell.params["batch"])
    course = list(stretches(str(cell.params["course"]), len(x) // batch))
    loss, total = HardLabels(), course[-1].end
    optimizer = sgd(network, loss, rate=float(cell.params["rate"]))
    learner: Any = torch.compile(network, dynamic=False) if cell.params["compiled"] else network
    for place, stretch in enumerate(course):
        distill(
            Labels(),
            learner,
            _pictures(x, y, stretch, cell, context),
            loss,
            optimizer=optimizer,
            batch_size=batch,
            steps=stretch.end - stretch.begin,
            schedule=_from(stretch.begin, one_cycle(total, warm_up=WARM_UP)),
            dtype=context.dtype,
            checkpoint=context.scratch / f"stretch-{place}.safetensors",
            every=50,
            progress=_progress(context, stretch.begin, total),
        )


def stretches(course: str, steps_a_pass: int) -> Iterator[Stretch]:
    """Of `16:6 24:6 32:8`, six passes at 16 pixels a side, six at 24, eight at 32."""
    begin = 0
    for part in course.split():
        side, passes = map(int, part.split(":"))
        yield Stretch(side, begin, begin + passes * steps_a_pass)
        begin += passes * steps_a_pass


def _pictures(x: Tensor, y: Tensor, stretch: Stretch, cell: Cell, context: Context) -> Generator:
    use = f"pictures {cell.params['course']} {stretch.begin}"
    rng = setting.stream(cell.seed, use, context.device)
    crops = Augmented(Resample(x, y, rng=rng), crop_and_flip(), rng=rng)
    return Augmented(crops, resized(stretch.side), rng=rng)


def _from(begin: int, schedule: Schedule) -> Schedule:
    return lambda step: schedule(begin + step)


def _progress(context: Context, begin: int, total: int) -> Any:
    return lambda done, _: context.report((begin + done) / total)


@torch.no_grad()
def share_right(network: nn.Module, x: Tensor, y: Tensor) -> float:
    """The share of images answered rightly."""
    teacher = Frozen(network)
    parts = [
        teacher(Batch(some.float() / 255)).argmax(-1) == labels
        for some, labels in zip(x.split(AT_ONCE), y.split(AT_ONCE), strict=True)
    ]
    return float(torch.cat(parts).double().mean())
