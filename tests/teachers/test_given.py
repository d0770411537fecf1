from __future__ import annotations

import pytest
import torch

from distillery.protocols import Batch
from distillery.teachers import Given


def test_the_answer_is_about_the_draw_and_not_about_the_input() -> None:
    draw = torch.tensor([[0.0], [2.0]])
    assert Given(torch.exp)(Batch(torch.randn(2, 3), draw=draw)).equal(draw.exp())


def test_a_batch_without_draws_is_refused() -> None:
    with pytest.raises(ValueError, match=r"batch.draw is None: Given reads the draw.*keep=True"):
        Given(torch.exp)(Batch(torch.zeros(2, 3)))
