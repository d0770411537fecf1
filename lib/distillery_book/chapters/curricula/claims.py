"""What the recollection papers conclude about choosing examples, and the runs that test it.

The runs of chapter 4 and those of chapter 3 share seeds, first weights and memories, so that a
curriculum is compared with random sampling seed by seed, and answer the same test images, so that
both are compared image by image.
"""

from __future__ import annotations

from collections.abc import Iterable

from distillery_book.results.claims import Answers, Mean, Test, above, every

SHORT, LONG = 10_000, 100_000
COMPARED = (1000, SHORT, LONG)  # marks whose answers are stored, a row each, as the study does
BATCH = 10  # examples a step, as the study has it
TABLES = (
    "real",
    "sample_10pct",
    "sample_2pct",
    "sample_1pct",
    "real_x_teacher_y",
    "compress_10x",
    "compress_50x",
    "compress_100x",
)
GROUPS = {"active": "tables", "active and diverse": "recalled"}


def accuracy(column: str, after: int, *, student: str = "lenet", curriculum: str = "") -> Mean:
    """What students of a column answer rightly, in points, by a curriculum or by none."""
    where = {
        "student": student,
        "columns": GROUPS.get(curriculum, "tables"),
        "batch": BATCH,
        "episodes": SHORT if after <= SHORT else LONG,
    }
    if curriculum:
        where["curriculum"] = curriculum
    study = "curricula" if curriculum else "transfer"
    answers = Answers(column, COMPARED.index(after)) if after in COMPARED else None
    return Mean(study, f"accuracy_{column}_{after}", where, 100.0, answers=answers)


def gain(column: str, after: int, curriculum: str, *, student: str = "lenet") -> Test:
    """What a curriculum teaches more than examples drawn at random from the same memory."""
    return above(
        accuracy(column, after, student=student, curriculum=curriculum),
        accuracy(column, after, student=student),
    )


def _active(student: str, marks: Iterable[int]) -> Test:
    tests = [gain(column, after, "active", student=student) for after in marks for column in TABLES]
    return every(*tests)


def _beats_real(marks: Iterable[int]) -> Test:
    """Chosen recollections above all images, whoever answers these."""
    tests = [
        above(
            accuracy(f"compress_{size}", after, curriculum="active and diverse"),
            accuracy(real, after),
        )
        for after in marks
        for size in ("10x", "100x")
        for real in ("real", "real_x_teacher_y")
    ]
    return every(*tests)


def diverse_adds(size: str) -> Test:
    """What choosing diverse candidates first adds to active sampling."""
    column = f"compress_{size}"
    return above(
        accuracy(column, SHORT, curriculum="active and diverse"),
        accuracy(column, SHORT, curriculum="active"),
    )


TESTS: dict[str, Test] = {
    "active_beats_random": _active("lenet", (1000, SHORT)),
    "active_beats_random_mlp": _active("mlp", (1000, SHORT)),
    "active_beats_random_long": _active("lenet", (LONG,)),
    "curricula_beat_real": _beats_real((1000, SHORT)),
    "curricula_beat_real_long": _beats_real((LONG,)),
    "diverse_adds": every(diverse_adds("10x"), diverse_adds("100x")),
}
