from __future__ import annotations

import numpy as np
import pytest
import torch

from distillery.models import nade_kernel


def test_the_exponential_is_exact_to_single_precision() -> None:
    x = np.linspace(-80, 80, 40_001, dtype=np.float32)
    found = np.array([nade_kernel._exp(value) for value in x[::40]])
    assert np.abs(found / np.exp(x[::40].astype(np.float64)) - 1).max() < 5e-7


def test_the_sigmoid_keeps_its_ends_and_what_is_not_a_number() -> None:
    ends = [
        nade_kernel._sigmoid(np.float32(value)) for value in (-np.inf, -200.0, 0.0, 200.0, np.inf)
    ]
    assert ends == pytest.approx([0, 0, 0.5, 1, 1], abs=1e-30)


def test_examples_beyond_the_batch_leave_no_trace() -> None:
    rng = torch.Generator().manual_seed(0)
    W, U = torch.randn(6, 5, generator=rng), torch.randn(6, 5, generator=rng)
    b, c = torch.randn(6, generator=rng), torch.randn(5, generator=rng)
    x = torch.randint(2, (6, 4), generator=rng, dtype=torch.uint8)
    wide = torch.cat([x, torch.ones(6, 4, dtype=torch.uint8)], 1)
    dz = torch.randn(6, 4, generator=rng)
    alone = nade_kernel.gradients(x, (W, U), nade_kernel.logits(x, (W, U, b, c))[1], dz)
    beside = nade_kernel.gradients(
        wide,
        (W, U),
        nade_kernel.logits(wide, (W, U, b, c))[1],
        torch.cat([dz, torch.zeros(6, 4)], 1),
    )
    for one, other in zip(alone, beside, strict=True):
        torch.testing.assert_close(one, other)
