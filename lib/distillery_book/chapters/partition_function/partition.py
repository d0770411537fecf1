"""Chapter 10: the sum over 2^784 states, by trained students and by annealing, each estimate with
its error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from distillery.data import as_bits
from distillery.models.rbm import RBM
from distillery.partition import exact_log_z
from distillery_book.chapters.partition_function import annealed
from distillery_book.chapters.partition_function import students as by_students
from distillery_book.chapters.partition_function.machines import (
    HIDDEN,
    MACHINE,
    OWN,
    PLACES,
    REAL,
    STAND_IN,
    STRONGEST,
    STUDENTS,
    students,
    teacher,
)
from distillery_book.results.study import (
    WEIGHTS,
    Answer,
    Cell,
    Context,
    Outcome,
    Profile,
    Scalar,
    Study,
)
from distillery_book.running.pieces import Pieces

__all__ = [
    "FINEST",
    "HIDDEN",
    "MACHINE",
    "OWN",
    "PLACES",
    "PUBLISHED",
    "REAL",
    "STAND_IN",
    "STRONGEST",
    "STUDENTS",
    "STUDY",
]

SCHEDULES = ("uniform", "salakhutdinov_murray", "adapted", "friction")
TEMPERATURES = (1000, 3000, 10_000)  # the last at the profile `paper` alone
CLOSING = (100, 200, 500, 2000, 5000)  # by friction, for the picture of bounds that close
PUBLISHED = annealed.Plan("salakhutdinov_murray", 14_500, 100, 5000)
FINEST = annealed.Plan("friction", 20_000, 2000, 5000, pilot=200)
OWN_STUDENTS = by_students.Plan(10_000, 2000)
OWN_ANNEALED = annealed.Plan("friction", 1000, 500, 2000)
FIRST = {"method": "students", "data": f"{MACHINE}+{WEIGHTS}{STUDENTS[0][0]}"}
# The strongest student among the runs of the study `stronger`: none of the others saw as many.
LONGEST = {"examples": 1_500_000}
TABLES = {
    "upper": "upper_bound",
    "lower": "lower_bound",
    "importance": "importance",
    "bridge_10": "bridge",
}


# Of each method what a parameter is called among departures, and what the thesis prints.
PROTOCOLS: dict[str, dict[str, tuple[str, Scalar]]] = {
    "students": {"samples": ("samples", 10_000), "sweeps": ("burn_in", 2000)},
    "annealed": {"temperatures": ("temperatures", 10_000)},
}


def cells(profile: Profile) -> Sequence[Cell]:
    """The students, a cell for each file of weights; annealing by every schedule, slowly with many
    paths, and from few temperatures to many.
    """
    if profile == "smoke":
        return [
            _students(STAND_IN, ["tiny"], by_students.Plan(1000, 100)),
            _annealed(STAND_IN, annealed.Plan("friction", 500, 100, 100, pilot=2)),
        ]
    return [
        _students(OWN, ["tiny"], OWN_STUDENTS),
        _annealed(OWN, OWN_ANNEALED),
        *_recorded_students(profile),
        *(_annealed(REAL, plan) for plan in _plans(profile)),
    ]


def _recorded_students(profile: Profile) -> list[Cell]:
    plan = by_students.Plan(1000, 1000) if profile == "laptop" else by_students.Plan(10_000, 2000)
    together: dict[str, list[str]] = {}
    for weights, name in STUDENTS:
        together.setdefault(weights, []).append(name)
    return [
        _students(f"{MACHINE}+{WEIGHTS}{weights}", names, plan)
        for weights, names in together.items()
    ]


def _plans(profile: Profile) -> list[annealed.Plan]:
    """Every schedule at every number of temperatures; at `paper` also as published, slowest, and
    one schedule at more numbers.
    """
    numbers = TEMPERATURES[:2] if profile == "laptop" else TEMPERATURES
    grid = [annealed.Plan(schedule, n, 100, 5000) for n in numbers for schedule in SCHEDULES]
    closing = [annealed.Plan("friction", n, 100, 5000) for n in CLOSING]
    return grid if profile == "laptop" else [*grid, PUBLISHED, FINEST, *closing]


def run(cell: Cell, context: Context) -> Outcome:
    """Every estimate of one method; beside the exact log Z where the machine is small enough."""
    machine = teacher(cell.data, context)
    measure = _run_students if cell.params["method"] == "students" else _run_annealed
    outcome = measure(cell, machine, context)
    known = {"exact": exact_log_z(machine)} if machine.hidden <= 20 else {}
    return replace(outcome, metrics={**outcome.metrics, **known})


def _run_students(cell: Cell, machine: RBM, context: Context) -> Outcome:
    names = str(cell.params["students"]).split()
    plan = by_students.Plan(int(cell.params["samples"]), int(cell.params["sweeps"]))
    pieces = Pieces(context, cell.seed, total=len(names) + 1)
    outcome = by_students.measured(machine, students(cell, machine, names, context), plan, pieces)
    return replace(outcome, departures=departs(cell))


def _run_annealed(cell: Cell, machine: RBM, context: Context) -> Outcome:
    params: dict[str, Any] = dict(cell.params)
    del params["method"]
    images = as_bits(context.load(cell.data.split("+")[0]).x_train).to(context.device)
    pieces = Pieces(context, cell.seed, total=1.0)
    outcome = annealed.measured(machine, images, annealed.Plan(**params), pieces)
    return replace(outcome, departures=departs(cell))


def departs(cell: Cell) -> dict[str, list[Any]]:
    """In what a cell differs from what the thesis says: samples and sweeps of estimates by
    students, temperatures of annealing, of which the thesis prints 10,000.
    """
    protocol = PROTOCOLS[str(cell.params["method"])]
    return {
        known: [printed, cell.params[name]]
        for name, (known, printed) in protocol.items()
        if cell.params[name] != printed
    }


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
    references = [
        Answer("thesis_logz_reference", {"method": row}, "logz", metric, where)
        for row, (metric, where) in known.items()
    ]
    return [*tables, *references]


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
        # of these two the first that is recorded counts
        ("logz_bracket", f"bracket_{STRONGEST}", {"method": "students"}),
        ("logz_bracket", "bracket_nade-1000", {"method": "students"}),
    ],
    departs=departs,
)
