"""The machines of chapter 10, and the students that other studies have trained on the real one.

The students are known by their names and by those of the weights they lie in, no more: this chapter
meets the one that trains them through recorded weights alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from distillery import data
from distillery.data import as_bits
from distillery.models.nade import columns
from distillery.models.rbm import RBM
from distillery.teachers.boltzmann import train_machine, train_student
from distillery_book.chapters.partition_function.students import Student
from distillery_book.results import trained
from distillery_book.results.study import Cell, Context

MACHINE, STAND_IN = "rbm_cd25_500", "embedded:digits_binarized"
REAL = f"mnist_binarized+{MACHINE}"
# here a machine of 20 hidden units learns: large enough to draw digits, small enough to be added up
OWN = "mnist_binarized"

HIDDEN = (250, 500, 750, 1000)  # units of the published students
ENDINGS = {"kl": "", "square_error": "-square-error"}  # of their names, by loss
STRONGEST = "nade-1000-from-rbm"
# Trained students: the weights they lie in, and their names. Those of one file of weights share a
# cell, and its random chains.
STUDENTS: tuple[tuple[str, str], ...] = (
    *((f"nade-{loss}", f"nade-{width}{end}") for loss, end in ENDINGS.items() for width in HIDDEN),
    (STRONGEST, STRONGEST),
)
# Where the published students stand in the thesis' tables.
PLACES = {f"nade-{width}{end}": (width, loss) for width in HIDDEN for loss, end in ENDINGS.items()}


def teacher(name: str, context: Context) -> RBM:
    """The RBM of Salakhutdinov and Murray (2008); for other data one trained here on them, of so
    few hidden units that it can be summed.
    """
    if MACHINE in name.split("+"):
        return RBM.from_arrays(*data.load_rbm(), dtype=torch.float32).to(context.device)
    x = as_bits(context.load(name).x_train).to(context.device)
    rng = torch.Generator(context.device).manual_seed(0)
    if name == STAND_IN:
        return train_machine(x, 12, rng=rng)
    return train_machine(x, 20, rng=rng, rate=0.05, steps=20_000)


def students(
    cell: Cell, machine: RBM, names: Sequence[str], context: Context
) -> Mapping[str, Student]:
    """The students of a cell, from the weights that its data name; one called `tiny` learns here,
    in seconds, and needs no other study.
    """
    if names != ["tiny"]:
        recorded: Mapping[str, Student] = trained.of_cell(names, context)  # type: ignore[assignment]
        return recorded
    hidden, steps = (16, 250) if cell.data == STAND_IN else (100, 5000)
    rng = torch.Generator(context.device).manual_seed(cell.seed)
    order = columns(28, 28)
    return {"tiny": train_student(machine, hidden, rng=rng, order=order, steps=steps)}
