"""Chapter 3: what a network learns from recollections of the data, beside what it learns from them.

A LeNet is trained on MNIST and then teaches other networks on inputs that a memory gives: the
images, a few of them, recollections (a decoder and a buffer of codes), or decoded random codes
(Riemer et al., 2018, section 5.1, Tables 1, 2 and 8). The first five sixths of the training images
are learned and remembered, the last sixth chooses between two rates, the test images are measured.

Chosen here, for the papers do not say: LeNet's widths (20, 50, 500), Adam, no temperature, codes
drawn once, subsets drawn at random. Ten examples a step, because at one example a step students of
the real images learn in another way than the papers print (trials, not recorded): that column, the
papers' baseline, has calibrated the batch and judges nothing. All columns of a table
learn side by side, a student each, with first weights and examples of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from distillery.data import Images
from distillery.models.files import Named
from distillery.models.lenet import LeNet
from distillery_book.chapters.transfer import neighbours, setting, students, ways
from distillery_book.chapters.transfer.memories import COLUMNS, SIZES, TABLES
from distillery_book.chapters.transfer.students import BATCH, LONG, SHORT
from distillery_book.results.study import Answer, Cell, Context, Outcome, Profile, Scalar, Study

SEEDS, LONG_SEEDS = 5, 2
DRAWN = ("real", "real_x_teacher_y")  # columns that Table 3 repeats from Table 2
GROUPS = ("tables", "beyond")
STUDENT = "lenet-from-38-bits"  # what the student that is kept is recorded as
SAMPLES = 10_000  # pictures whose nearest training image is looked for


def cells(profile: Profile) -> Sequence[Cell]:
    """The teacher, the distances of Table 1, then the columns of Tables 2 and 8 and those beyond,
    to 10,000 episodes and then to 100,000; at last the better ways, to 10,000.
    """
    if profile == "smoke":
        return [_students("mlp", "tables", 0, episodes=100, data=setting.STAND_IN)]
    if profile == "laptop":
        return [
            _teacher(),
            *(_students(kind, "tables", 0, episodes=SHORT) for kind in setting.KINDS),
        ]
    short = [cell for seed in range(SEEDS) for cell in _all_columns(seed, SHORT)]
    long = [cell for seed in range(LONG_SEEDS) for cell in _all_columns(seed, LONG)]
    single = [_students(kind, "tables", 0, episodes=SHORT, batch=1) for kind in setting.KINDS]
    return [_teacher(), *_distances(), *short, *single, *long, *_better()]


def _all_columns(seed: int, episodes: int) -> list[Cell]:
    """Those of the tables and beyond for both students, those of the rivals for LeNet."""
    both = [
        _students(kind, columns, seed, episodes=episodes)
        for columns in GROUPS
        for kind in setting.KINDS
    ]
    return [*both, _students("lenet", "rivals", seed, episodes=episodes)]


def _better() -> list[Cell]:
    """Each better way by itself, on what is drawn at random and on the hardest of it; the plain way
    is that of the tables, and of chapter 4.
    """
    data = setting.data_of(SIZES["100x"])
    tried = [
        ("likeliest", ways.PLAIN),
        *(("better", way) for way in ways.WAYS if way != ways.PLAIN),
    ]
    return [
        Cell(
            {**_place("lenet", columns), "way": way, "curriculum": c, "episodes": SHORT}, seed, data
        )
        for seed in range(SEEDS)
        for columns, way in tried
        for c in ("random", "active")
    ]


def _teacher() -> Cell:
    return Cell({"student": "teacher", "passes": setting.TEACHER_PASSES}, 0, "mnist")


def _students(
    kind: str, columns: str, seed: int, *, episodes: int, batch: int = BATCH, data: str = ""
) -> Cell:
    params: dict[str, Scalar] = {"student": kind, "columns": columns, "episodes": episodes}
    return Cell({**params, "batch": batch}, seed, data or setting.data_of(*SIZES.values()))


def _distances() -> list[Cell]:
    return [
        Cell(
            {"student": "none", "memory": f"{way} {size}", "samples": SAMPLES},
            0,
            setting.data_of(c),
        )
        for size, c in SIZES.items()
        for way in ("code", "buffer")
    ]


def run(cell: Cell, context: Context) -> Outcome:
    """The teacher's training, distances to the nearest training image, or a table's students."""
    images = context.load(cell.data.split("+")[0])
    kind = str(cell.params["student"])
    if kind == "teacher":
        return _run_teacher(cell, images, context)
    return (_run_distances if kind == "none" else _run_students)(cell, images, context)


def _run_teacher(cell: Cell, images: Images, context: Context) -> Outcome:
    rng = torch.Generator(context.device).manual_seed(cell.seed)
    network = LeNet(rng=rng, classes=images.classes).to(context.device)
    (x, y), (x_held, y_held) = setting.parts(images, context)
    setting.teach(network, x, y, context, passes=int(cell.params["passes"]), rng=rng)
    network.half().float()  # what is kept is what was measured
    test = setting.test_images(images, context)
    metrics = {
        "test": setting.share_right(network, *test),
        "held": setting.share_right(network, x_held, y_held),
        "train": setting.share_right(network, x, y),
    }
    models = [Named(setting.TEACHER, network.cpu())]
    return Outcome(metrics, departs(cell), models=models, weights_name=setting.TEACHER)


def _run_distances(cell: Cell, images: Images, context: Context) -> Outcome:
    """The mean over pictures from codes of the distance to the nearest training image (Table 1)."""
    sources, count = setting.sources(cell, images, context), int(cell.params["samples"])
    name = str(cell.params["memory"])
    rng = students.stream(cell.seed, f"memory {name}", context.device)
    pictures = sources.memory(name, count=count, rng=rng).pictures
    chosen = torch.randperm(len(pictures), generator=rng, device=rng.device)[:count]
    away = neighbours.nearest(pictures[chosen], sources.x, context.report)
    metrics = {"nearest": away.mean().item(), "nearest_se": away.std().item() / len(away) ** 0.5}
    shown = {"pictures": pictures[chosen[:32]].cpu(), "nearest": away[:32].float()}
    return Outcome(metrics, departs(cell), arrays=shown)


def _run_students(cell: Cell, images: Images, context: Context) -> Outcome:
    count = int(cell.params["episodes"])
    course = students.Course(
        str(cell.params["student"]),
        count,
        cell.seed,
        curriculum=str(cell.params.get("curriculum", "random")),
        batch=int(cell.params["batch"]),
        way=ways.of(cell.params),
    )
    sources = setting.sources(cell, images, context)
    columns = setting.examples(cell, sources, context, count=count)
    taught = students.taught(course, columns, setting.measured(images, context), context)
    metrics = {
        **taught.metrics,
        **{f"pictures_{name}": len(pictures) for name, (pictures, _) in columns.items()},
        **{f"bits_prior_{size}": prior.bits for size, prior in sources.priors.items()},
    }
    if not _is_kept(cell):
        return Outcome(metrics, departs(cell), arrays=taught.right)
    [student] = taught.students.values()
    student.half().float()
    metrics["kept"] = setting.share_right(student, *setting.test_images(images, context))
    models = [Named(STUDENT, student.cpu())]
    return Outcome(metrics, departs(cell), taught.right, models=models, weights_name=STUDENT)


def _is_kept(cell: Cell) -> bool:
    """One student is kept by name: the first of those that choose and whose rate falls."""
    kept = {"columns": "better", "way": "falling rate", "curriculum": "active"}
    return cell.seed == 0 and kept.items() <= cell.params.items()


def departs(cell: Cell) -> dict[str, list[Any]]:
    """In what a cell differs from what the papers say."""
    return {**setting.departs(_memories(cell)), **ways.of(cell.params).departs()}


def _memories(cell: Cell) -> list[str]:
    """What a cell's students are shown, by name."""
    if "columns" in cell.params:
        return [name for name, _ in COLUMNS[str(cell.params["columns"])].values()]
    return [str(cell.params.get("memory", ""))]


def published() -> Sequence[Answer]:
    """Tables 2 and 8, a column for each memory, a row for each number of episodes; Table 1."""
    tables = [
        Answer(
            f"recollections_{name}_student_random",
            {"episodes": mark},
            column,
            f"accuracy_{column}_{mark}",
            {**_place(kind), "episodes": SHORT if mark <= SHORT else LONG},
            scale=100,
            calibrates=column == "real",
        )
        for kind, name in setting.KINDS.items()
        for column in TABLES
        for mark in students.MARKS
    ]
    beside = [
        replace(answer, table="recollections_cnn_student_curricula")
        for answer in tables
        if answer.column in DRAWN and answer.where["student"] == "lenet"
    ]
    return [*_distance_answers(), *tables, *beside]


def _place(kind: str, columns: str = "tables") -> dict[str, Scalar]:
    return {"student": kind, "columns": columns, "batch": BATCH}


def _distance_answers() -> list[Answer]:
    return [
        Answer(
            "recollections_nearest_neighbour",
            {"latent": f"{SIZES[size]}x2", "sampling": way},
            "nearest_neighbour_distortion",
            "nearest",
            {"student": "none", "memory": f"{way} {size}"},
        )
        for size in ("100x", "10x")
        for way in ("code", "buffer")
    ]


STUDY = Study(
    "transfer",
    1,
    "Buffer or code: what teaches a new network",
    cells,
    run,
    published,
    precision="float32",
    makes=(setting.TEACHER, STUDENT),
    departs=departs,
)
