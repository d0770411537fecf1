"""Chapter 9: trained students beside the machine they learned from: image by image, and as pictures
(thesis, Figures 4.3, 4.4, 4.6 to 4.8).

What is shown of the machine is recorded here, so that readers without its weights and its images
see it too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from distillery.data import Images, as_bits
from distillery.generators import Chain
from distillery.models.nade import columns
from distillery.models.rbm import RBM
from distillery.partition import exact_log_z
from distillery.teachers.boltzmann import train_machine, train_student
from distillery_book.chapters.rbm_to_nade import rbm, stronger
from distillery_book.results import trained
from distillery_book.results.study import WEIGHTS, Cell, Context, Outcome, Profile, Study

# of the real machine, as Salakhutdinov and Murray (2008) estimated it and as the thesis took it
LOG_Z = 451.28
PICTURES = 64
SETS = (*(f"nade-{loss}" for loss in rbm.ENDINGS), stronger.NAME)  # names of recorded weights
STAND_IN = "embedded:digits_binarized"


def cells(profile: Profile) -> Sequence[Cell]:
    """One cell for each file of weights, with all the students in it; the smoke run trains a
    student of its own.
    """
    if profile == "smoke":
        return [Cell({"students": "tiny", "images": 100, "burn_in": 100}, 0, STAND_IN)]
    return [
        Cell(
            {"students": " ".join(names(which)), "images": 500, "burn_in": 2000},
            0,
            f"{rbm.REAL}+{WEIGHTS}{which}",
        )
        for which in SETS
    ]


def names(weights: str) -> list[str]:
    """The students whose weights are recorded together."""
    if weights == stronger.NAME:
        return [stronger.NAME]
    return [rbm.name_of(width, weights.removeprefix("nade-")) for width in rbm.HIDDEN]


def run(cell: Cell, context: Context) -> Outcome:
    """Log probabilities of the first test images; exact samples of the students, ends of long
    chains of the machine, features of both.
    """
    rng = torch.Generator(context.device).manual_seed(cell.seed)
    images = context.load(cell.data.split("+")[0])
    machine = teacher(cell.data, images, context)
    log_z = exact_log_z(machine) if cell.data == STAND_IN else LOG_Z
    x = as_bits(images.x_test[: int(cell.params["images"])]).to(context.device)
    theirs = machine.log_density(x).detach().double() - log_z
    metrics = {"machine": theirs.mean().item()}
    arrays = {
        "machine": theirs.float(),
        "machine_features": shades(machine.W.t()),
        "images": x[:PICTURES].to(torch.uint8),
        "machine_samples": long_run(machine, int(cell.params["burn_in"]), rng=rng),
    }
    for name, student in students(cell, machine, context).items():
        mine = rbm.log_probs(student, x)
        metrics.update({f"{what}_{name}": v for what, v in agreement(theirs, mine).items()})
        arrays[name] = mine.float()
        arrays[f"{name}_samples"] = student.sample(PICTURES, rng=rng)
        arrays[f"{name}_features"] = shades(student.features())
    return Outcome(metrics, arrays=arrays)


def teacher(name: str, images: Images, context: Context) -> RBM:
    """The real machine, or one of so few hidden units, trained here, that it can be summed."""
    rng = torch.Generator(context.device).manual_seed(0)
    if name != STAND_IN:
        return rbm.teacher(rbm.REAL, images.x_train, rng=rng)
    return train_machine(as_bits(images.x_train).to(context.device), 12, rng=rng)


def students(cell: Cell, machine: RBM, context: Context) -> Mapping[str, Any]:
    """The students whose names a cell holds, as they were recorded; the smoke run's learns here, in
    seconds.
    """
    if cell.data != STAND_IN:
        return trained.of_cell(str(cell.params["students"]).split(), context)
    rng = torch.Generator(context.device).manual_seed(cell.seed)
    return {"tiny": train_student(machine, 16, rng=rng, order=columns(28, 28))}


def agreement(theirs: Tensor, mine: Tensor) -> dict[str, float]:
    """How near two lists of log probabilities are: correlation, root mean square difference, mean
    difference, how often mine is lower.
    """
    gap = mine - theirs
    return {
        "log_prob": mine.mean().item(),
        "correlation": torch.corrcoef(torch.stack([theirs, mine]))[0, 1].item(),
        "rms": gap.square().mean().sqrt().item(),
        "gap": gap.mean().item(),
        "lower": (gap < 0).double().mean().item(),
    }


def long_run(machine: RBM, burn_in: int, *, rng: torch.Generator) -> Tensor:
    """One state of each of many chains that began at random, in bytes."""
    step = machine.gibbs()
    chain = Chain(step, step.start(PICTURES, rng), rng=rng, burn_in=burn_in)
    return chain.draw(PICTURES).x.to(torch.uint8)


def shades(features: Tensor) -> Tensor:
    """The first features (H, D) as bytes: zero is 128, and the largest weight of each, of either
    sign, 127 away from it.
    """
    some = features[:PICTURES].detach().float()
    largest = some.abs().amax(1, keepdim=True).clamp(min=1e-12)
    return (128 + 127 * some / largest).round().to(torch.uint8)


STUDY = Study(
    "agreement", 1, "Students beside their machine, image by image", cells, run, precision="float32"
)
