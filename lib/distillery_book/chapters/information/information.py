"""Chapter 11: information between layers, and its rivals (Ahn et al., 2019).

All methods of a row learn side by side, a student each, and the teacher answers once for all: the
differences between methods are paired, and the dearest network runs once a step. What the paper
leaves open is chosen in `grid.CHOSEN`; every number of images a class is given the same number of
steps; weights of methods are chosen on a fifth of the training images, and the last step counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from distillery_book.chapters.information import students, teachers
from distillery_book.chapters.information.grid import (
    COURSES,
    LAST_COURSE,
    METHODS,
    SEEDS_OF,
    STEPS,
    STUDENTS_OF,
    TASKS,
    TEACHER,
    WIDTHS,
    cells,
    departs,
    weights_name,
    whole,
)
from distillery_book.chapters.information.methods import name_of
from distillery_book.results.study import Answer, Cell, Context, Outcome, Scalar, Study

__all__ = ["STUDY", "answers", "cells", "place", "run"]

# the table that a task's teacher heads, and the column in which it stands
TABLES = {
    "cifar10": ("vid_cifar10_small_data", "M5000"),
    "cifar100": ("vid_cifar100_student_size", "wrn_40_2"),
}


def run(cell: Cell, context: Context) -> Outcome:
    """A teacher's training, or that of students side by side."""
    return (teachers if cell.params["role"] == "teacher" else students).run(cell, context)


def answers() -> Sequence[Answer]:
    """Tables 1, 2 and 4, upper rows."""
    return [*_of_teachers(), *_of_small_data(), *_of_sizes(), *_of_perceptrons()]


def _of_teachers() -> list[Answer]:
    return [
        Answer(
            table,
            {"method": "teacher"},
            column,
            "test",
            {"role": "teacher", "task": task, "network": TEACHER, "course": LAST_COURSE},
            scale=100.0,
        )
        for task, (table, column) in TABLES.items()
    ]


def _of_small_data() -> list[Answer]:
    table = TABLES["cifar10"][0]
    return [
        _answer(table, method, f"M{images}", place(images=images))
        for images in SEEDS_OF
        for method in METHODS
    ]


def _of_sizes() -> list[Answer]:
    table = TABLES["cifar100"][0]
    return [
        _answer(table, method, network.replace("-", "_"), place("cifar100", network))
        for network, methods in STUDENTS_OF.items()
        for method in methods
    ]


def _of_perceptrons() -> list[Answer]:
    return [
        _answer("vid_cnn_to_mlp", method, f"mlp_{width}", place(network=f"mlp-{width}"))
        for width, (methods, _) in WIDTHS.items()
        for method in methods
    ]


def _answer(table: str, method: str, column: str, where: Mapping[str, Scalar]) -> Answer:
    metric = f"accuracy_{name_of(method)}"
    return Answer(table, {"method": method}, column, metric, where, scale=100.0)


def place(task: str = "cifar10", network: str = "wrn-16-1", images: int = 0) -> dict[str, Scalar]:
    """Where the runs of a row are: the images as they are, nothing held out."""
    return {
        "role": "students",
        "task": task,
        "network": network,
        "images": images or whole(task),
        "asked": "images",
        "held": 0.0,
        "steps": STEPS,
    }


STUDY = Study(
    "information",
    1,
    "Information between layers",
    cells,
    run,
    answers,
    aims=[
        ("vid_100_a_class", "accuracy_vid_i", place(images=100)),
        ("cnn_to_mlp", "accuracy_vid_i", place(network="mlp-4096")),
    ],
    makes=tuple(
        weights_name(task, network, course)
        for task, network in (*((task, TEACHER) for task in TASKS), ("cifar100", "wrn-16-1"))
        for course in COURSES
    ),
    departs=departs,
)
