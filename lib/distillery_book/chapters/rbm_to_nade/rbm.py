"""Chapter 9: an RBM, whose density nobody can evaluate, distilled into NADEs, whose density anybody
can.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from distillery import data
from distillery.data import as_bits
from distillery.distillation import distill
from distillery.generators import Chain
from distillery.losses.densities import KL, LogSquareError
from distillery.losses.loss import Loss
from distillery.models.bank import Bank
from distillery.models.files import Named
from distillery.models.nade import NADE, columns
from distillery.models.rbm import RBM
from distillery.teachers import Frozen
from distillery.teachers.boltzmann import train_machine
from distillery.training.run import History
from distillery_book.results.study import (
    Answer,
    Cell,
    Context,
    Outcome,
    Profile,
    Scalar,
    Study,
)

HIDDEN = (250, 500, 750, 1000)
ENDINGS = {"kl": "", "square_error": "-square-error"}  # of the students' names
REAL = "mnist_binarized+rbm_cd25_500"


def cells(profile: Profile) -> Sequence[Cell]:
    """Four NADEs on one stream of chains, by either loss; the smoke run distils a small RBM of
    stand-in digits.
    """
    if profile == "smoke":
        small: dict[str, Scalar] = {
            "hidden": "8 16",
            "iterations": 100,
            "chains": 100,
            "burn_in": 20,
        }
        return [
            Cell({"loss": loss, **small}, 0, "embedded:digits_binarized")
            for loss in ("kl", "square_error")
        ]
    full: dict[str, Scalar] = {
        "hidden": " ".join(map(str, HIDDEN)),
        "iterations": 30_000,
        "chains": 2000,
        "burn_in": 2000,
    }
    return [Cell({"loss": loss, **full}, 0, REAL) for loss in ("kl", "square_error")]


def run(cell: Cell, context: Context) -> Outcome:
    """Train the students of a cell and measure them on the binarised test images.

    Their parameters are rounded to half precision before they are measured: what ships is what was
    measured.
    """
    rng = torch.Generator(context.device).manual_seed(cell.seed)
    images = context.load(cell.data.split("+")[0])
    machine = teacher(cell.data, images.x_train, rng=rng)
    test = as_bits(images.x_test).to(context.device)
    widths = [int(width) for width in str(cell.params["hidden"]).split()]
    students = {
        width: NADE(machine.visible, width, rng=rng, order=columns(28, 28)) for width in widths
    }
    history = _train(list(students.values()), machine, cell, test=test, rng=rng, context=context)
    for student in students.values():
        student.half().float()
    return Outcome(
        _measured(students, machine, test),
        departs(cell),
        arrays=_curves(history),
        models=[
            Named(name_of(width, str(cell.params["loss"])), student, f"{width}.")
            for width, student in students.items()
        ],
        weights_name=f"nade-{cell.params['loss']}",
    )


def departs(cell: Cell) -> dict[str, list[Scalar]]:
    """Chains of the thesis teach one student, ours all widths that learn by one loss; and what we
    measure has been rounded, of which the thesis says nothing.
    """
    found: dict[str, list[Scalar]] = {"rounding": ["none", "half precision"]}
    if len(str(cell.params["hidden"]).split()) > 1:
        found["generator"] = ["chains for each student", "chains shared by all widths"]
    return found


def _train(
    students: Sequence[NADE],
    machine: RBM,
    cell: Cell,
    *,
    test: Tensor,
    rng: torch.Generator,
    context: Context,
) -> History:
    """All students on one stream: ADADELTA, batches of 20 in turn from all chains."""
    bank = Bank(students).to(context.device)
    step, params = machine.gibbs(), cell.params
    start = step.start(int(params["chains"]), rng)
    iterations = int(params["iterations"])
    return distill(
        Frozen(machine),
        bank,
        Chain(step, start, rng=rng, burn_in=int(params["burn_in"])),
        loss(str(params["loss"]), machine),
        optimizer=torch.optim.Adadelta(bank.parameters(), rho=0.95, eps=1e-6, lr=1.0),
        batch_size=20,
        steps=iterations,
        probes={"log_prob": lambda bank: bank(test[:500]).mean(1)},
        probe_at=200,
        checkpoint=context.scratch / "students.safetensors",
        every=500,
        progress=lambda done, _: context.report(done / iterations),
    )


@torch.no_grad()
def _measured(students: Mapping[int, NADE], machine: RBM, test: Tensor) -> dict[str, float]:
    """The machine's mean log density, whose normaliser nobody knows, and the students' means."""
    metrics = {"machine_log_density": float(machine.log_density(test).double().mean())}
    for width, student in students.items():
        each = log_probs(student, test)
        metrics[f"log_prob_{width}"] = float(each.mean())
        metrics[f"log_prob_{width}_se"] = float(each.std() / len(each) ** 0.5)
    return metrics


def _curves(history: History) -> dict[str, Tensor]:
    """The mean log probability of some test images as training went on, where it was looked at."""
    steps, curve = history.probed("log_prob") if history.probes else ([], [])
    return {"steps": torch.tensor(steps), "log_prob": torch.tensor(curve)}


def teacher(name: str, x: Tensor, *, rng: torch.Generator) -> RBM:
    """The RBM of Salakhutdinov and Murray (2008); for stand-in digits, one of 20 hidden units
    trained here in a second or two, by chains that start anew at every batch.
    """
    if name == REAL:
        return RBM.from_arrays(*data.load_rbm(), dtype=torch.float32).to(rng.device)
    return train_machine(
        as_bits(x),
        20,
        rng=rng,
        rate=0.05,
        steps=300,
        batch_size=50,
        chains=0,
        from_rates=False,
    )


def loss(name: str, machine: RBM) -> Loss:
    """KL, or the square error of log densities with the log density of the all-black image as its
    constant (thesis, equation 4.9).
    """
    if name == "kl":
        return KL()
    with torch.no_grad():
        black = float(machine.log_density(torch.zeros(1, machine.visible, device=machine.W.device)))
    return LogSquareError(black)


@torch.no_grad()
def log_probs(student: Any, x: Tensor) -> Tensor:
    """log p(x) of every picture, a thousand at a time."""
    return torch.cat([student.log_prob(part) for part in x.split(1000)]).double()


def answers() -> Sequence[Answer]:
    """Table 4.1: the mean test log probability of each student."""
    return [
        Answer(
            "thesis_nade_test_loglik", {"hidden": width}, name, f"log_prob_{width}", {"loss": name}
        )
        for width in HIDDEN
        for name in ("kl", "square_error")
    ]


def name_of(width: int, loss: str) -> str:
    """Of a student: `nade-1000` was trained by KL, `nade-1000-square-error` by the square error."""
    return f"nade-{width}{ENDINGS[loss]}"


STUDY = Study(
    "rbm",
    1,
    "An RBM distilled into NADEs",
    cells,
    run,
    answers,
    precision="float32",
    makes=tuple(f"nade-{loss}" for loss in ENDINGS),
    departs=departs,
)
