from __future__ import annotations

import pytest
import torch

from distillery import Batch
from distillery.teachers import Inputs, Labels, Recorded


def test_a_recorded_answer_is_the_one_that_travelled_with_the_input() -> None:
    y = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
    assert Recorded()(Batch(torch.zeros(3, 1), y)) is y


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64])
def test_labels_are_integers(dtype: torch.dtype) -> None:
    y = torch.tensor([0, 2, 1], dtype=dtype)
    assert Labels()(Batch(torch.zeros(3, 1), y)).equal(y)
    with pytest.raises(
        TypeError,
        match=r"Labels: y is torch\.float32: integers are needed, or the teacher Recorded",
    ):
        Labels()(Batch(torch.zeros(3, 1), y.float()))


@pytest.mark.parametrize("kind", [Recorded, Labels])
def test_a_batch_without_answers_is_refused_by_the_teachers_name(kind: type) -> None:
    with pytest.raises(ValueError, match=rf"{kind.__name__}: the batch carries no y"):
        kind()(Batch(torch.zeros(3, 1)))


def test_the_input_itself_may_be_the_answer() -> None:
    batch = Batch(torch.rand(3, 2), torch.arange(3))
    assert Inputs()(batch) is batch.x
