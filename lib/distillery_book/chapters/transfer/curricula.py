"""Chapter 4: which example to learn from next.

Of what a memory gives a student learns the hardest of ten candidates (active), or the hardest of
the ten that are most diverse among a hundred (active and diverse; Riemer et al., 2018, section 4.2,
Table 3; the first version, Tables 1 and 2, lower halves). Memories, students, rates and what is
measured are those of chapter 3, and so are first weights and seeds: a column differs from its
counterpart there in nothing but the choice of examples.

Chosen here, for the papers do not say: hard is what the student's own loss says, measured before
every step in evaluation mode, and of what is left half is looked at for every diverse example. How
pictures are compared is theirs: dot products of pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from distillery_book.chapters.transfer import setting, students
from distillery_book.chapters.transfer.memories import COLUMNS, SIZES, TABLES
from distillery_book.chapters.transfer.students import BATCH, LONG, SHORT
from distillery_book.results.study import Answer, Cell, Context, Outcome, Profile, Scalar, Study

SEEDS, LONG_SEEDS = 5, 2
ACTIVE, BOTH = "active", "active and diverse"
WATCHED = ("real", "compress_10x", "compress_100x")  # whose chosen examples are kept, at seed 0

# Columns of Table 3: what is chosen from, and by which curriculum.
CURRICULA = {
    "active_10x": ("compress_10x", ACTIVE),
    "active_100x": ("compress_100x", ACTIVE),
    "active_diverse_10x": ("compress_10x", BOTH),
    "active_diverse_100x": ("compress_100x", BOTH),
}
GROUPS = {ACTIVE: "tables", BOTH: "recalled"}  # the columns that learn by a curriculum


def cells(profile: Profile) -> Sequence[Cell]:
    """Both curricula and both students to 10,000 episodes, then to 100,000."""
    if profile == "smoke":
        return [_cell("mlp", BOTH, 0, episodes=30, data=setting.STAND_IN)]
    if profile == "laptop":
        return [_cell("lenet", name, 0, episodes=SHORT) for name in GROUPS]
    return [
        _cell(kind, name, seed, episodes=episodes)
        for episodes, seeds in ((SHORT, SEEDS), (LONG, LONG_SEEDS))
        for seed in range(seeds)
        for kind in setting.KINDS
        for name in GROUPS
    ]


def _cell(kind: str, name: str, seed: int, *, episodes: int, data: str = "") -> Cell:
    params = {**_place(kind, name), "episodes": episodes}
    return Cell(params, seed, data or setting.data_of(*SIZES.values()))


def _place(kind: str, name: str) -> dict[str, Scalar]:
    return {"student": kind, "columns": GROUPS[name], "curriculum": name, "batch": BATCH}


def run(cell: Cell, context: Context) -> Outcome:
    """The students of some columns, side by side, each choosing from its own candidates."""
    images = context.load(cell.data.split("+")[0])
    count = int(cell.params["episodes"])
    course = students.Course(
        str(cell.params["student"]), count, cell.seed, str(cell.params["curriculum"])
    )
    sources = setting.sources(cell, images, context)
    columns = setting.examples(cell, sources, context, count=count)
    is_shown = cell.seed == 0 and course.student == "lenet" and count <= SHORT
    taught = students.taught(
        course,
        columns,
        setting.measured(images, context),
        context,
        watched=[name for name in WATCHED if is_shown and name in columns],
    )
    return Outcome(taught.metrics, departs(cell), arrays={**taught.right, **taught.seen})


def departs(cell: Cell) -> dict[str, list[Any]]:
    """In what a cell differs from what the papers say."""
    columns = COLUMNS[str(cell.params["columns"])]
    return setting.departs([name for name, _ in columns.values()])


def published() -> Sequence[Answer]:
    """Table 3, whose columns of real images are chapter 3's, and the active halves of the first
    version's tables.
    """
    active = [
        _answer(f"recollections_{name}_student_active", mark, (column, column), (kind, ACTIVE))
        for kind, name in setting.KINDS.items()
        for column in TABLES
        for mark in students.MARKS
    ]
    curricula = [
        _answer("recollections_cnn_student_curricula", mark, (printed, column), ("lenet", name))
        for printed, (column, name) in CURRICULA.items()
        for mark in students.MARKS
    ]
    return [*active, *curricula, *_aims()]


def _aims() -> list[Answer]:
    """The three aims at a hundredth of the storage: at the end, and after a tenth and a hundredth
    of the way.
    """
    aims = (
        ("distillation_100x", LONG, LONG),
        ("distillation_100x_early", SHORT, SHORT),
        ("distillation_100x_first", 1000, SHORT),
    )
    return [
        Answer(
            "aims",
            {"key": key},
            "aim",
            f"accuracy_compress_100x_{mark}",
            {**_place("lenet", BOTH), "episodes": episodes},
            scale=100,
        )
        for key, mark, episodes in aims
    ]


def _answer(table: str, mark: int, columns: tuple[str, str], who: tuple[str, str]) -> Answer:
    printed, column = columns
    return Answer(
        table,
        {"episodes": mark},
        printed,
        f"accuracy_{column}_{mark}",
        {**_place(*who), "episodes": SHORT if mark <= SHORT else LONG},
        scale=100,
    )


STUDY = Study(
    "curricula",
    1,
    "Which example to learn from next",
    cells,
    run,
    published,
    precision="float32",
    departs=departs,
)
