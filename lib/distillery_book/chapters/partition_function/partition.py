"""Chapter 10: the sum over 2^784 states, by trained students and by annealing, each estimate with
its error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import torch
from torch import Tensor

from distillery import data
from distillery.distillation import distill
from distillery.generators import Chain, Resample
from distillery.losses.contrastive import ContrastiveDivergence
from distillery.losses.densities import KL
from distillery.models.nade import NADE, columns
from distillery.models.rbm import RBM
from distillery.partition import base_rates, exact_log_z
from distillery.teachers import Frozen, Recorded
from distillery_book.chapters.partition_function import annealed
from distillery_book.chapters.partition_function import students as by_students
from distillery_book.chapters.rbm_to_nade import rbm, stronger
from distillery_book.results.study import WEIGHTS, Answer, Cell, Context, Outcome, Profile, Study
from distillery_book.running.pieces import Pieces

# Trained students: the weights they lie in, and their names. Those of one file of weights share a
# cell, and its random chains.
STUDENTS: tuple[tuple[str, str], ...] = (
    *(("nade-kl", f"nade-{width}") for width in rbm.HIDDEN),
    *(("nade-square_error", f"nade-{width}-square-error") for width in rbm.HIDDEN),
    (stronger.NAME, stronger.NAME),
)
PLACES = {
    f"nade-{width}{ending}": (width, column)
    for width in rbm.HIDDEN
    for column, ending in rbm.ENDINGS.items()
}  # in the tables
MACHINE, STAND_IN = "rbm_cd25_500", "embedded:digits_binarized"
# here a machine of 20 hidden units learns: large enough to draw digits, small enough to be added up
OWN = "mnist_binarized"
SCHEDULES = ("uniform", "salakhutdinov_murray", "adapted", "friction")
PUBLISHED = annealed.Plan("salakhutdinov_murray", 14_500, 100, 5000)
FINEST = annealed.Plan("friction", 20_000, 2000, 5000, pilot=200)
FIRST = {"method": "students", "data": f"{MACHINE}+{WEIGHTS}{STUDENTS[0][0]}"}
TABLES = {
    "upper": "upper_bound",
    "lower": "lower_bound",
    "importance": "importance",
    "bridge_10": "bridge",
}


def cells(profile: Profile) -> Sequence[Cell]:
    """The students, a cell for each file of weights; annealing by every schedule, then slowly with
    many paths.
    """
    if profile == "smoke":
        return [
            _students(STAND_IN, ["tiny"], by_students.Plan(1000, 100)),
            _annealed(STAND_IN, annealed.Plan("friction", 500, 100, 100, pilot=2)),
        ]
    paper = profile == "paper"
    plan = by_students.Plan(10_000, 2000) if paper else by_students.Plan(1000, 1000)
    named: dict[str, list[str]] = {}
    for weights, name in STUDENTS:
        named.setdefault(weights, []).append(name)
    own = [
        _students(OWN, ["tiny"], by_students.Plan(10_000, 2000)),
        _annealed(OWN, annealed.Plan("friction", 1000, 500, 2000)),
    ]
    plans = [
        annealed.Plan(schedule, n, 100, 5000)
        for n in (1000, 3000, 10_000)[: 3 if paper else 2]
        for schedule in SCHEDULES
    ]
    return [
        *own,
        *(
            _students(f"{MACHINE}+{WEIGHTS}{weights}", names, plan)
            for weights, names in named.items()
        ),
        *(_annealed(rbm.REAL, each) for each in [*plans, *([PUBLISHED, FINEST] if paper else [])]),
    ]


def run(cell: Cell, context: Context) -> Outcome:
    """Every estimate of one method; beside the exact log Z where the machine is small enough."""
    machine = teacher(cell.data, context)
    outcome = (_run_students if cell.params["method"] == "students" else _run_annealed)(
        cell, machine, context
    )
    known = {"exact": exact_log_z(machine)} if machine.hidden <= 20 else {}
    return replace(outcome, metrics={**outcome.metrics, **known})


def teacher(name: str, context: Context) -> RBM:
    """The RBM of Salakhutdinov and Murray (2008); for other data one trained here on them, of so
    few hidden units that it can be summed.
    """
    if MACHINE in name.split("+"):
        return RBM.from_arrays(*data.load_rbm(), dtype=torch.float32).to(context.device)
    x = rbm.bits(context.load(name).x_train).to(context.device)
    rng = torch.Generator(context.device).manual_seed(0)
    return (
        taught(x, 12, rng=rng)
        if name == STAND_IN
        else taught(x, 20, rng=rng, rate=0.05, steps=20_000)
    )


def taught(
    x: Tensor, hidden: int, *, rng: torch.Generator, rate: float = 0.02, steps: int = 200
) -> RBM:
    """A machine that learns the bits x (N, D) by persistent contrastive divergence, and is small
    enough to be added up.
    """
    machine = RBM(x.shape[1], hidden, rng=rng)
    with torch.no_grad():
        machine.a.copy_(base_rates(x))
    loss = ContrastiveDivergence(rng=rng, chains=x[:100])
    optimizer = torch.optim.SGD(machine.parameters(), lr=rate)
    distill(
        Recorded(),
        machine,
        Resample(x, x, rng=rng),
        loss,
        optimizer=optimizer,
        batch_size=100,
        steps=steps,
    )
    return machine


def tiny(machine: RBM, rng: torch.Generator, *, hidden: int = 16, steps: int = 250) -> NADE:
    """A student trained here, in seconds: it needs no other study's weights."""
    student = NADE(machine.visible, hidden, rng=rng, order=columns(28, 28)).to(rng.device)
    step = machine.gibbs()
    chain = Chain(step, step.start(100, rng), rng=rng, burn_in=100)
    optimizer = torch.optim.Adam(student.parameters(), lr=0.03)
    distill(
        Frozen(machine),
        student,
        chain,
        KL(),
        optimizer=optimizer,
        batch_size=50,
        steps=steps,
        schedule=lambda k: 1 - k / steps,
    )
    return student


def _run_students(cell: Cell, machine: RBM, context: Context) -> Outcome:
    names = str(cell.params["students"]).split()
    plan = by_students.Plan(int(cell.params["samples"]), int(cell.params["sweeps"]))
    pieces = Pieces(context, cell.seed, total=len(names) + 1)
    outcome = by_students.measured(machine, students(cell, machine, names, context), plan, pieces)
    published = {"samples": (10_000, plan.samples), "burn_in": (2000, plan.sweeps)}
    return replace(
        outcome,
        departures={name: list(pair) for name, pair in published.items() if pair[0] != pair[1]},
    )


def students(
    cell: Cell, machine: RBM, names: Sequence[str], context: Context
) -> Mapping[str, by_students.Student]:
    """The students of a cell, from the weights that its data name."""
    if names == ["tiny"]:
        rng = torch.Generator(context.device).manual_seed(cell.seed)
        return {
            "tiny": tiny(machine, rng)
            if cell.data == STAND_IN
            else tiny(machine, rng, hidden=100, steps=5000)
        }
    weights = next(part for part in cell.data.split("+") if part.startswith(WEIGHTS))
    recorded: Any = context.models(weights.removeprefix(WEIGHTS))
    return {name: recorded[name].to(context.device) for name in names}


def _run_annealed(cell: Cell, machine: RBM, context: Context) -> Outcome:
    params: dict[str, Any] = {
        name: value for name, value in cell.params.items() if name != "method"
    }
    plan = annealed.Plan(**params)
    images = rbm.bits(context.load(cell.data.split("+")[0]).x_train).to(context.device)
    return annealed.measured(machine, images, plan, Pieces(context, cell.seed, total=1.0))


def _students(data_name: str, names: Sequence[str], plan: by_students.Plan) -> Cell:
    return Cell(
        {
            "method": "students",
            "students": " ".join(names),
            "samples": plan.samples,
            "sweeps": plan.sweeps,
        },
        0,
        data_name,
    )


def _annealed(data_name: str, plan: annealed.Plan) -> Cell:
    return Cell({"method": "annealed", **asdict(plan)}, 0, data_name)


def answers() -> Sequence[Answer]:
    """Tables 4.2 to 4.5, a row a student; what was known before: annealing as published, and the
    highest log density found.
    """
    tables = [
        Answer(
            f"thesis_logz_{table}",
            {"hidden": width},
            column,
            f"{estimate}_{name}",
            {"method": "students"},
        )
        for estimate, table in TABLES.items()
        for name, (width, column) in PLACES.items()
    ]
    known = {
        "ais_salakhutdinov_murray_2008": ("forward", asdict(PUBLISHED)),
        "max_unnormalised_logprob_all_black": ("highest", FIRST),
    }
    return [
        *tables,
        *(
            Answer("thesis_logz_reference", {"method": row}, "logz", *found)
            for row, found in known.items()
        ),
    ]


STUDY = Study(
    "partition",
    1,
    "The sum over 2^784 states",
    cells,
    run,
    answers,
    precision="float32",
    aims=[
        ("logz_error", "bridge_se", asdict(FINEST)),
        ("logz_directions", "directions", asdict(FINEST)),
        (
            "logz_bracket",
            f"bracket_{stronger.NAME}",
            {"method": "students"},
        ),  # of two the first that is recorded counts
        ("logz_bracket", "bracket_nade-1000", {"method": "students"}),
    ],
)
