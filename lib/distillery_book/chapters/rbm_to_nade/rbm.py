"""Chapter 9: an RBM, whose density nobody can evaluate, distilled into NADEs, whose density anybody
can.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from distillery import data
from distillery.distillation import distill
from distillery.generators import Chain, Resample
from distillery.losses.contrastive import ContrastiveDivergence
from distillery.losses.densities import KL, LogSquareError
from distillery.losses.loss import Loss
from distillery.models.bank import Bank
from distillery.models.files import Named
from distillery.models.nade import NADE, columns
from distillery.models.rbm import RBM
from distillery.teachers import Frozen, Recorded
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
    """Train the students of a cell (ADADELTA, batches of 20 in turn from all chains) and measure
    them on the binarised test images.

    Their parameters are rounded to half precision before they are measured: what ships is what was
    measured.
    """
    rng = torch.Generator(context.device).manual_seed(cell.seed)
    images = context.load(cell.data.split("+")[0])
    machine = teacher(cell.data, images.x_train, rng=rng)
    widths = [int(width) for width in str(cell.params["hidden"]).split()]
    students = [NADE(machine.visible, width, rng=rng, order=columns(28, 28)) for width in widths]
    bank = Bank(students).to(context.device)
    step = machine.gibbs()
    chain = Chain(
        step,
        step.start(int(cell.params["chains"]), rng),
        rng=rng,
        burn_in=int(cell.params["burn_in"]),
    )
    iterations, test = int(cell.params["iterations"]), bits(images.x_test).to(context.device)
    history = distill(
        Frozen(machine),
        bank,
        chain,
        loss(str(cell.params["loss"]), machine),
        optimizer=torch.optim.Adadelta(bank.parameters(), rho=0.95, eps=1e-6, lr=1.0),
        batch_size=20,
        steps=iterations,
        probes={"log_prob": lambda bank: bank(test[:500]).mean(1)},
        probe_at=200,
        checkpoint=context.scratch / "students.safetensors",
        every=500,
        progress=lambda done, _: context.report(done / iterations),
    )
    steps, curve = history.probed("log_prob") if history.probes else ([], [])
    arrays = {"steps": torch.tensor(steps), "log_prob": torch.tensor(curve)}
    with torch.no_grad():
        found = {"machine_log_density": float(machine.log_density(test).double().mean())}
    models: list[Named] = []
    for width, student in zip(widths, students, strict=True):
        student.half().float()
        each = log_probs(student, test)
        found |= {
            f"log_prob_{width}": float(each.mean()),
            f"log_prob_{width}_se": float(each.std() / len(each) ** 0.5),
        }
        models.append(Named(name_of(width, str(cell.params["loss"])), student, f"{width}."))
    return Outcome(found, arrays=arrays, models=models, weights_name=f"nade-{cell.params['loss']}")


def teacher(name: str, x: Tensor, *, rng: torch.Generator) -> RBM:
    """The RBM of Salakhutdinov and Murray (2008); for stand-in digits, one of 20 hidden units
    trained here in a second or two.
    """
    if name == REAL:
        return RBM.from_arrays(*data.load_rbm(), dtype=torch.float32).to(rng.device)
    machine = RBM(x[0].numel(), 20, rng=rng)
    source = Resample(bits(x), bits(x), rng=rng)
    optimizer = torch.optim.SGD(machine.parameters(), lr=0.05)
    distill(
        Recorded(),
        machine,
        source,
        ContrastiveDivergence(rng=rng),
        optimizer=optimizer,
        batch_size=50,
        steps=300,
    )
    return machine


def loss(name: str, machine: RBM) -> Loss:
    """KL, or the square error of log densities with the log density of the all-black image as its
    constant (thesis, equation 4.9).
    """
    if name == "kl":
        return KL()
    with torch.no_grad():
        black = float(machine.log_density(torch.zeros(1, machine.visible, device=machine.W.device)))
    return LogSquareError(black)


def bits(x: Tensor) -> Tensor:
    """Binarised pictures, bytes of 0 and 255, as rows of float bits."""
    return (x > 127).flatten(1).float()


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
    makes=tuple(f"nade-{name}" for name in ENDINGS),
)
