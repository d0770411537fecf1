"""The gradient of a loss on every example, against its definition."""

from __future__ import annotations

import torch

from distillery.losses import KL
from distillery.models.nade import NADE
from distillery.models.rbm import RBM
from distillery.partition import every_state
from distillery.protocols import Batch
from distillery.teachers import Frozen
from distillery_book.chapters.rbm_to_nade.gradients import gradients

BITS = 3


def test_a_row_is_the_gradient_on_a_batch_of_that_example_alone() -> None:
    teacher, student = _pair()
    images = every_state(BITS)
    rows = gradients(KL(), teacher, student, Batch(images))
    assert len(rows) == 2**BITS
    for image, row in zip(images, rows, strict=True):
        KL()(teacher, student, Batch(image[None])).backward()
        torch.testing.assert_close(row, _taken(student))


def test_rows_average_to_the_gradient_of_the_mean_that_the_loop_takes() -> None:
    teacher, student = _pair()
    batch = Batch(every_state(BITS))
    rows = gradients(KL(), teacher, student, batch)
    KL()(teacher, student, batch).backward()
    torch.testing.assert_close(rows.mean(0), _taken(student))


def test_students_keep_no_gradient_of_it() -> None:
    teacher, student = _pair()
    gradients(KL(), teacher, student, Batch(every_state(BITS)))
    assert [parameter.grad for parameter in student.parameters()] == [None] * 4


def _pair() -> tuple[Frozen, NADE]:
    rng = torch.Generator().manual_seed(0)
    return Frozen(RBM(BITS, 2, rng=rng, scale=2.0)), NADE(BITS, 4, rng=rng)


def _taken(student: NADE) -> torch.Tensor:
    """The gradient that the parameters hold, as one row, and then no longer."""
    row = torch.cat([parameter.grad.flatten() for parameter in student.parameters()])
    student.zero_grad()
    return row
