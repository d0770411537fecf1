"""A mask gives the outputs of other tasks probability zero and no gradient."""

from __future__ import annotations

import pytest
import torch

from distillery.models.output_mask import OutputMask

CLASSES = [(0, 2), (1, 3, 4)]


def logits() -> torch.Tensor:
    return 50 * torch.randn(6, 5, generator=torch.Generator().manual_seed(0))


def test_other_tasks_have_probability_zero_and_the_tasks_own_are_normalised() -> None:
    x, task = logits(), torch.tensor([0, 1, 0, 1, 1, 0])
    probs = OutputMask(CLASSES, 5)(x, task).softmax(-1)
    for row, number, outputs in zip(probs, task.tolist(), x, strict=True):
        own = torch.tensor(CLASSES[number])
        assert row[own].equal(outputs[own].softmax(-1))
        assert row.sum() == row[own].sum()


def test_other_tasks_get_no_gradient_and_no_product_is_nan() -> None:
    x, task = logits().requires_grad_(), torch.zeros(6, dtype=torch.int64)
    masked = OutputMask(CLASSES, 5)(x, task)
    (masked.softmax(-1).detach() * masked.log_softmax(-1)).sum().backward()
    assert x.grad is not None
    assert torch.isfinite(x.grad).all()
    assert (x.grad[:, [1, 3, 4]] == 0).all()
    assert (x.grad[:, [0, 2]] != 0).any()


def test_a_single_head_leaves_all_outputs_as_they_are() -> None:
    assert OutputMask.single(5, 2)(logits(), torch.tensor([0, 1] * 3)).equal(logits())


def test_what_is_no_mask_is_refused() -> None:
    with pytest.raises(ValueError, match="classes of task 1 reach from 2 to 5: labels from 0 to 4"):
        OutputMask([(0,), (2, 5)], 5)
    with pytest.raises(ValueError, match="at least one label for each task is needed"):
        OutputMask([(0,), ()], 5)
    with pytest.raises(ValueError, match="task is None"):
        OutputMask(CLASSES, 5)(logits(), None)
    with pytest.raises(ValueError, match=r"logits have shape \(6, 5\) for 2 tasks"):
        OutputMask(CLASSES, 5)(logits(), torch.tensor([0, 1]))
