"""Students side by side, a method each: the same first weights, the same pictures in the same
order, one teacher who answers once for all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from distillery.distillation import distill
from distillery.generators.resample import as_unit
from distillery.losses import Information
from distillery.losses.each_its_own import EachItsOwn
from distillery.models.bank import Bank
from distillery.models.pixels import measure_pixels
from distillery.protocols import Batch
from distillery.teachers import Frozen
from distillery.training.run import History
from distillery.training.schedules import one_cycle
from distillery.training.sgd import sgd
from distillery_book.chapters.information import setting
from distillery_book.chapters.information.grid import departs
from distillery_book.chapters.information.methods import loss_of, name_of
from distillery_book.chapters.information.setting import Pictures
from distillery_book.results.study import Cell, Context, Outcome

STAGES = (0.02, 0.25, 1.0)  # shares of the steps after which layers are looked into
AT_ONCE, LOOKED_AT, SHOWN = 500, 500, 6  # images
SHOWN_LAYER = 2  # of the pairs, whose maps are drawn
EVERY = 100  # steps between checkpoints
WARM_UP = 0.1  # the share of the steps in which the rate rises


def run(cell: Cell, context: Context) -> Outcome:
    """Train the students of a cell; say how right each is, and what its layers tell."""
    given = setting.pictures(cell, context)
    teacher = Frozen(setting.teacher(cell, context))
    methods = str(cell.params["methods"]).split()
    bank, loss = _students(cell, methods, teacher, given, context)
    history = _taught(cell, teacher, bank, loss, given, context)
    names = [name_of(m) if not cell.params["held"] else m for m in methods]
    right = {
        name: _is_right(student, given) for name, student in zip(names, _each(bank), strict=True)
    }
    metrics = {_metric(cell, name): float(bits.mean()) for name, bits in right.items()}
    told = _told(names, loss, history)
    arrays = {**_shown(cell, given, names, loss, history), **_packed(cell, right)}
    return Outcome({**metrics, **told}, departs(cell), arrays)


def _students(
    cell: Cell, methods: Sequence[str], teacher: Frozen, given: Pictures, context: Context
) -> tuple[Bank, EachItsOwn]:
    """A student and a loss for each method; first weights are the same for all."""
    students, losses = [], []
    few, side = as_unit(given.x[:2]), given.x.shape[-1]
    for method in methods:
        rng = setting.stream(cell.seed, "first weights", context.device)
        student = setting.fresh(str(cell.params["network"]), given.classes, side, rng=rng)
        measure_pixels(student, given.x)
        if name_of(method) == "finetuned":
            setting.finetuned(student, cell, context)
        layers = setting.layers(teacher.network, student.to(context.device), few)
        losses.append(loss_of(method, layers, rng=rng))
        students.append(student)
    bank: Any = Bank(students).to(context.device)
    return bank.to(memory_format=torch.channels_last), EachItsOwn(losses).to(context.device)


def _taught(
    cell: Cell,
    teacher: Frozen,
    bank: Bank,
    loss: EachItsOwn,
    given: Pictures,
    context: Context,
) -> History:
    steps = int(cell.params["steps"])
    looked_at = Batch(as_unit(given.x_measured[:LOOKED_AT]))
    return distill(
        teacher,
        bank,
        setting.source(cell, given, context),
        loss,
        optimizer=sgd(bank, loss, rate=float(cell.params["rate"])),
        batch_size=int(cell.params["batch"]),
        steps=steps,
        schedule=one_cycle(steps, warm_up=WARM_UP),
        clip=float(cell.params["clip"]),
        dtype=context.dtype,
        probes={
            "told": _gained(teacher, loss, looked_at),
            "maps": _maps(teacher, loss, looked_at[:SHOWN]),
        },
        probe_at=sorted({max(1, round(share * steps)) for share in STAGES}),
        checkpoint=context.scratch / "students.safetensors",
        every=EVERY,
        progress=lambda done, total: context.report(done / (total or 1)),
    )


def _each(bank: Bank) -> Iterator[nn.Module]:
    for index in range(len(bank)):
        yield bank.student(index).eval()


@torch.no_grad()
def _is_right(student: nn.Module, given: Pictures) -> Tensor:
    """Which of the images are answered rightly, one or zero."""
    parts = zip(given.x_measured.split(AT_ONCE), given.y_measured.split(AT_ONCE), strict=True)
    return torch.cat([student(as_unit(x)).argmax(-1) == y for x, y in parts]).double()


def _metric(cell: Cell, name: str) -> str:
    return f"{'held' if cell.params['held'] else 'accuracy'}_{name}"


def _informed(loss: EachItsOwn) -> Iterator[tuple[int, Information]]:
    """The students whose loss holds a variational distribution, and it."""
    for index, own in enumerate(loss.losses):
        for part in own.modules():
            if isinstance(part, Information):
                yield index, part


def _gained(teacher: Frozen, loss: EachItsOwn, batch: Batch) -> Callable[[Any], Any]:
    """A probe: for each student that has a variational distribution the nats that each of its
    layers tells of the teacher's, an image.
    """

    def probe(bank: Any) -> list[list[float]]:
        return [
            [told.gained for told in part.told(teacher, bank.student(index), batch)]
            for index, part in _informed(loss)
        ]

    return probe


def _maps(teacher: Frozen, loss: EachItsOwn, batch: Batch) -> Callable[[Any], Any]:
    """A probe: log q of every place of one of the teacher's layers, summed over channels
    (Figure 2).
    """

    def probe(bank: Any) -> list[Any]:
        found = []
        for index, part in _informed(loss):
            theirs, ours = part.layers(teacher, bank.student(index), batch)[SHOWN_LAYER]
            found.append(part.log_q(theirs, ours, SHOWN_LAYER).sum(1).tolist())
        return found

    return probe


def _told(names: Sequence[str], loss: EachItsOwn, history: History) -> dict[str, float]:
    """The nats gained at the end, a layer at a time."""
    last = history.probed("told")[1][-1]
    return {
        f"gained_{names[index]}_{pair.teacher}": value
        for (index, part), values in zip(_informed(loss), last, strict=True)
        for pair, value in zip(part.pairs, values, strict=True)
    }


def _shown(
    cell: Cell, given: Pictures, names: Sequence[str], loss: EachItsOwn, history: History
) -> dict[str, Tensor]:
    """Of one seed: the learned variances, the nats gained at every stage; for Figure 2 also
    pictures and maps.
    """
    informed = list(_informed(loss))
    if cell.seed or not informed:
        return {}
    steps, told = history.probed("told")
    arrays = {"steps": torch.tensor(steps), "gained": torch.tensor(told)}
    for index, part in informed:
        for place in range(len(part.pairs)):
            variance = part.variance(place).detach().cpu()
            arrays[f"variance_{names[index]}_{place}"] = variance
    if cell.params["role"] == "maps":
        arrays["maps"] = torch.tensor(history.probed("maps")[1])
        arrays["pictures"] = given.x_measured[:SHOWN].cpu()
    return arrays


def _packed(cell: Cell, right: dict[str, Tensor]) -> dict[str, Tensor]:
    """Which test images were answered rightly, a bit an image; nothing of those held out."""
    if cell.params["held"]:
        return {}
    return {
        f"right_{name}": torch.from_numpy(np.packbits(bits.bool().cpu().numpy()))
        for name, bits in right.items()
    }
