"""What students are given: images kept, images held out, the teacher, layers to compare."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from distillery.data import Images
from distillery.data.splits import holdout, per_class
from distillery.distillation import distill
from distillery.generators import Augmented, Generator, Resample
from distillery.generators.augment import crop_and_flip, cutmix, mixup
from distillery.losses import HardLabels, pairs_of
from distillery.models import heads
from distillery.models.bottleneck import BottleneckMLP
from distillery.models.pixels import measure_pixels
from distillery.models.wrn import WideResNet
from distillery.teachers import Labels
from distillery.training.schedules import one_cycle
from distillery.training.sgd import sgd
from distillery_book.chapters.information.grid import STAND_IN, TEACHER, weights_name
from distillery_book.chapters.information.methods import Layers
from distillery_book.results.study import Cell, Context

MIXED = {"mixup": mixup, "cutmix": cutmix}
OF_WRN = ("first", "groups.0", "groups.1", "groups.2")
OF_MLP = ("hidden.0", "hidden.1", "hidden.2", "hidden.3")


@dataclass(frozen=True)
class Pictures:
    """Images to learn from with their labels, if they have any, and those to be measured on."""

    x: Tensor
    y: Tensor | None
    x_measured: Tensor
    y_measured: Tensor
    classes: int


def stream(seed: int, use: str, device: torch.device) -> torch.Generator:
    """A source of randomness that follows from a seed and a use alone."""
    digest = hashlib.sha256(f"{seed} {use}".encode()).digest()
    return torch.Generator(device).manual_seed(int.from_bytes(digest[:7], "big"))


def pictures(cell: Cell, context: Context) -> Pictures:
    """So many images of each class, of which a share may be held out to be measured on in place of
    the test images; or another set's pictures without labels.
    """
    images = context.load(cell.data.split("+")[0])
    x, y = training(cell, images, context)
    index = per_class(y, int(cell.params["images"]), stream(cell.seed, "subset", context.device))
    x, y = x[index], y[index]
    if held := float(cell.params["held"]):
        parts = holdout(len(x), held, stream(cell.seed, "held", context.device))
        learned, judging = (part.to(x.device) for part in parts)
        return Pictures(x[learned], y[learned], x[judging], y[judging], images.classes)
    assert images.y_test is not None
    test = _small(images.x_test.to(context.device), cell), images.y_test.to(context.device)
    if cell.params["asked"] == "cifar100":
        strange = context.load("cifar100").x_train.to(context.device)
        return Pictures(strange, None, *test, images.classes)
    return Pictures(x, y, *test, images.classes)


def training(cell: Cell, images: Images, context: Context) -> tuple[Tensor, Tensor]:
    """All training images where the cell computes, and their labels."""
    assert images.y_train is not None
    return _small(images.x_train.to(context.device), cell), images.y_train.to(context.device)


def _small(x: Tensor, cell: Cell) -> Tensor:
    """Every second or fourth pixel, where a cell asks for small pictures."""
    step = x.shape[-1] // int(cell.params.get("side", x.shape[-1]))
    return x[..., ::step, ::step].contiguous()


def source(cell: Cell, given: Pictures, context: Context) -> Generator:
    """Crops and mirror images, mixed where the cell says so; labels stay with what is not mixed."""
    asked = str(cell.params["asked"])
    labels = None if asked in MIXED else given.y
    order = stream(cell.seed, "order", context.device)
    changes = stream(cell.seed, "changes", context.device)
    drawn = Augmented(Resample(given.x, labels, rng=order), crop_and_flip(), rng=changes)
    return Augmented(drawn, MIXED[asked](), rng=changes) if asked in MIXED else drawn


def fresh(kind: str, classes: int, side: int, *, rng: torch.Generator) -> nn.Module:
    """`wrn-16-1` or `mlp-1024`, with first weights of its own."""
    family, *sizes = kind.split("-")
    if family == "mlp":
        return BottleneckMLP(int(sizes[0]), rng=rng, classes=classes, side=side)
    depth, width = map(int, sizes)
    return WideResNet(depth, width, rng=rng, classes=classes)


def teacher(cell: Cell, context: Context) -> nn.Module:
    """The recorded teacher; on stand-ins a small one that is trained here."""
    if cell.data == STAND_IN:
        return _tiny_teacher(cell, context)
    network: Any = recorded(cell, context)
    return network.to(memory_format=torch.channels_last)


def recorded(cell: Cell, context: Context, network: str = TEACHER) -> nn.Module:
    """A network that was trained on the task that the teacher of this cell knows."""
    name = weights_name(str(cell.params.get("source", cell.params["task"])), network)
    return context.models(name)[name].to(context.device).eval()


def finetuned(student: nn.Module, cell: Cell, context: Context) -> None:
    """Give a student what one of its kind has learned of the teacher's task, its logits apart."""
    learned = recorded(cell, context, str(cell.params["network"])).state_dict()
    body = {name: value for name, value in learned.items() if not name.startswith("classifier.")}
    student.load_state_dict({**student.state_dict(), **body})


def _tiny_teacher(cell: Cell, context: Context) -> nn.Module:
    """A few steps on all stand-in images."""
    images = context.load(cell.data)
    x, y = training(cell, images, context)
    rng = stream(0, "teacher", context.device)
    network = WideResNet(10, 2, rng=rng, classes=images.classes).to(context.device)
    measure_pixels(network, x)
    drawn = Augmented(Resample(x, y, rng=rng), crop_and_flip(), rng=rng)
    loss = HardLabels()
    distill(
        Labels(),
        network,
        drawn,
        loss,
        optimizer=sgd(network, loss, rate=0.1),
        batch_size=32,
        steps=20,
        schedule=one_cycle(20),
    )
    return network


def layers(network: nn.Module, student: nn.Module, x: Tensor) -> Layers:
    """The four pairs of layers, the logits, and the heads that fit the student's family."""
    is_mlp = isinstance(student, BottleneckMLP)
    names = zip(OF_WRN, OF_MLP if is_mlp else OF_WRN, strict=True)
    inside = pairs_of(network, student, names, x)
    logits = pairs_of(network, student, [("classifier", "classifier:input")], x)
    if is_mlp:
        return Layers(inside, logits, heads.transposed, heads.transposed)
    return Layers(inside, logits)
