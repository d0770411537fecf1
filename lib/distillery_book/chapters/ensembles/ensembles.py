"""Chapter 6: thirty networks into one, by values and by slopes, on inputs of three kinds; then what
makes the student better.

Two students of a cell, one for each loss, start from the same weights and see the same inputs and
answers. On the data the teacher is asked once, on inputs that are new every time a thousand at a
time, or two hundred with slopes. Everything is measured on the 10,000 test images: errors are those
over images, as in the thesis. Members, students and the networks trained on labels start as the
thesis' do (`start` is unit) where its tables are reproduced, and as He et al. (2015) have it in
every other cell, which does not name a start. There too a tenth is the first 6,000 images,
elsewhere one drawn at random: on the first, by fewer hands, a network learns less.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from distillery.data import Images
from distillery.generators import Generator
from distillery.generators.resample import as_unit
from distillery.training.run import History
from distillery_book.chapters.ensembles import pictures
from distillery_book.chapters.ensembles.grid import (
    BOTH,
    GENERATORS,
    LOSSES,
    PLANS,
    cells,
    departures,
    row,
    rung_cell,
    rungs,
    seen,
    sizes_of,
)
from distillery_book.chapters.ensembles.ladder import last
from distillery_book.chapters.ensembles.measures import gained, measured
from distillery_book.chapters.ensembles.parts import SHARES, Parts, Sizes, mark
from distillery_book.chapters.ensembles.students import (
    alike,
    answers_of,
    late,
    looks,
    loss,
    questions,
    taught,
)
from distillery_book.results.study import Answer, Cell, Context, Outcome, Scalar, Study

__all__ = [
    "GENERATORS",
    "LOSSES",
    "PLANS",
    "SHARES",
    "STUDY",
    "Sizes",
    "answers",
    "cells",
    "loss",
    "pictures",
    "row",
    "run",
    "rungs",
]

# Tables 2.1 to 2.4: the ending of each one's name, the metric that answers it, and its scale.
TABLES = (
    ("accuracy", "accuracy", 100.0),
    ("logprob", "log_prob", 1.0),
    ("accuracy_gain_over_direct", "accuracy_gain", 100.0),
    ("logprob_gain_over_direct", "log_prob_gain", 1.0),
)
# Table 2.5: the model, the ending of its metrics, and the share of the data.
DIRECT = (
    ("ensemble_of_30", "teacher", "all"),
    ("direct_small", "direct", "all"),
    ("direct_small", "direct", "10pct"),
)
AIMS = (("ensemble_accuracy", "all"), ("ensemble_accuracy_10pct", "10pct"))


def run(cell: Cell, context: Context) -> Outcome:
    """The teacher, the network trained on labels, and a student for each loss of the cell."""
    images = context.load(cell.data.split("+")[0])
    x, y, test = _on(context.device, images)
    params, share = cell.params, seen(cell.params)
    parts = Parts(context, sizes_of(params), images.fingerprint, cell.seed)
    rng = torch.Generator(context.device).manual_seed(cell.seed)
    teacher = parts.teacher(x, y, backwards=share != "all")
    index = parts.share(len(x), share)
    direct = parts.direct(x[index], y[index], share)
    students = alike(params, parts.sizes, rng=rng)
    source = questions(params, x[index], teacher, parts, rng=rng)
    history = taught(students, source, params, images=len(index), test=test, context=context)
    apart, maps = pictures.slopes(teacher, {"direct": direct, **students}, test[0])
    metrics = {
        **measured("teacher", answers_of(teacher, test[0]), test[1]),
        **_students_measured(students, direct, *test),
        **_late_means(history, list(students)),
        "teacher_mark": mark(teacher),
        **apart,
    }
    arrays = _curves(history) | _shown(cell, maps, source, x[index], parts, rng)
    return Outcome(metrics, departures(params), arrays)


def _on(device: torch.device, images: Images) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor]]:
    """Training images and their labels, and the pair to test on."""
    assert images.y_train is not None
    assert images.y_test is not None
    test = images.x_test.to(device), images.y_test.to(device)
    return images.x_train.to(device), images.y_train.to(device), test


def _students_measured(
    students: Mapping[str, nn.Module], direct: nn.Module, x: Tensor, y: Tensor
) -> dict[str, float]:
    """The network trained on labels; the students, and what they gain over it; what slopes gain
    over values. A student alone is also called `student`, so that a table can hold all of them.
    """
    metrics = measured("direct", direct(as_unit(x)), y)
    for name, student in students.items():
        metrics |= measured(name, student(as_unit(x)), y)
        metrics |= gained(name, student, direct, x=x, y=y)
    if list(students) == list(LOSSES):
        of_values, of_slopes = students.values()
        metrics |= gained("of_slopes", of_slopes, of_values, x=x, y=y)
    if len(students) == 1:
        [student] = students.values()
        metrics |= measured("student", student(as_unit(x)), y)
    return metrics


def _shown(
    cell: Cell,
    maps: Mapping[str, Tensor],
    source: Generator,
    x: Tensor,
    parts: Parts,
    rng: torch.Generator,
) -> dict[str, Tensor]:
    """Pictures of one seed, which are enough: inputs, and the maps of slopes where the data are the
    inputs, as those of other generators are hardly to be told from these.
    """
    if cell.seed:
        return {}
    samples = pictures.samples(source, cell.params, x=x, parts=parts, rng=rng)
    is_mapped = cell.params["losses"] == BOTH and cell.params["generator"] == "mnist"
    return {**maps, **samples} if is_mapped else samples


def _curves(history: History) -> dict[str, Tensor]:
    """The steps at which students were looked at for a curve (P,), and accuracy and log probability
    of each then, (P, students, 2).
    """
    at, measured = _looked(history, looks(len(history)))
    return {"steps": at, "test": measured}


def _late_means(history: History, students: Sequence[str]) -> dict[str, float]:
    """Accuracy and log probability of each student, averaged over the last tenth of its steps: on
    inputs where students do not settle their last value is an accident.
    """
    means = _looked(history, late(len(history)))[1].mean(0).tolist()
    return {
        f"{measure}_{name}_late": value
        for name, both in zip(students, means, strict=True)
        for measure, value in zip(("accuracy", "log_prob"), both, strict=True)
    }


def _looked(history: History, wanted: set[int]) -> tuple[Tensor, Tensor]:
    """Those of the steps that are wanted, (P,), and what was measured then, (P, students, 2)."""
    steps, curves = history.probed("test")
    kept = [index for index, step in enumerate(steps) if step in wanted]
    return torch.tensor(steps)[kept], torch.tensor(curves)[kept]


def departs(cell: Cell) -> dict[str, list[Scalar]]:
    """In what a cell differs from the thesis' protocol."""
    return departures(cell.params)


def answers() -> Sequence[Answer]:
    """Tables 2.1 to 2.5, and what is aimed at beyond them."""
    return [*_of_students(), *_of_labels(), *_of_aims()]


def _of_students() -> list[Answer]:
    return [
        Answer(
            f"thesis_ensemble_{table}",
            {"generator": generator, "train_data": share},
            name,
            f"{metric}_{name}",
            _where(generator, share),
            scale,
        )
        for generator in GENERATORS
        for share in SHARES
        for name in LOSSES
        for table, metric, scale in TABLES
    ]


def _of_labels() -> list[Answer]:
    columns = (("accuracy", "accuracy", 100.0), ("logprob", "log_prob", 1.0))
    return [
        Answer(
            "thesis_direct_training",
            {"model": model, "train_data": share},
            column,
            f"{metric}_{ending}",
            _where("mnist", share),
            scale,
        )
        for model, ending, share in DIRECT
        for column, metric, scale in columns
    ]


def _of_aims() -> list[Answer]:
    return [
        Answer("aims", {"key": key}, "aim", "accuracy_cross_entropy", _longest(share), 100.0)
        for key, share in AIMS
    ]


def _where(generator: str, share: str) -> dict[str, Scalar]:
    """`row` without what its runs lack."""
    return {name: value for name, value in row(generator, share).items() if value is not None}


def _longest(share: str) -> Mapping[str, Scalar]:
    return rung_cell("paper", last(share)).params


STUDY = Study(
    "ensembles",
    1,
    "Thirty networks into one",
    cells,
    run,
    answers,
    aims=[("ensemble_logprob", "log_prob_cross_entropy", _longest("all"))],
    departs=departs,
)
