"""The divergence of a code from the uniform one: against its definition, and at its ends."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from distillery import Batch
from distillery.losses import CodeKL, PixelCrossEntropy
from distillery.models.autoencoder import CategoricalAutoencoder
from distillery.teachers import Inputs


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class Told(nn.Module):
    """A student that puts out the logits it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.logits = nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.logits(x)


def test_it_is_the_divergence_summed_over_variables() -> None:
    logits = torch.randn(7, 3, 5, generator=rng())
    probs = logits.double().softmax(-1)
    uniform = torch.full_like(probs, 0.2)
    expected = (probs * (probs / uniform).log()).sum((1, 2))
    found = CodeKL().each(Inputs(), Told(), Batch(logits))
    assert torch.allclose(found.double(), expected, atol=1e-5)


def test_a_code_that_says_nothing_costs_nothing_and_a_sure_one_all_it_can_say() -> None:
    even, sure = torch.zeros(1, 4, 8), torch.zeros(1, 4, 8)
    sure[:, :, 3] = 60
    found = CodeKL().each(Inputs(), Told(), Batch(torch.cat([even, sure])))
    assert found.tolist() == pytest.approx([0.0, 4 * math.log(8)], abs=1e-5)


def test_it_pulls_an_encoder_towards_the_uniform_code() -> None:
    student = CategoricalAutoencoder(8, 2, rng=rng())
    x = torch.rand(20, 1, 28, 28, generator=rng(1))
    loss = CodeKL()
    optimizer = torch.optim.Adam(student.parameters(), lr=1e-2)
    values = []
    for _ in range(20):
        value = loss(Inputs(), student, Batch(x))
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        values.append(value.item())
    assert values[-1] < values[0] / 10


def test_it_adds_to_a_reconstruction_loss() -> None:
    student = CategoricalAutoencoder(8, 2, rng=rng())
    batch = Batch(torch.rand(5, 1, 28, 28, generator=rng(1)))
    both = (PixelCrossEntropy() + (1 / 784) * CodeKL())(Inputs(), student, batch)
    assert torch.isfinite(both)


def test_a_layer_that_puts_out_no_codes_is_refused() -> None:
    with pytest.raises(ValueError, match=r"CodeKL: layer 'logits' puts out shape \(2, 3\)"):
        CodeKL().each(Inputs(), Told(), Batch(torch.zeros(2, 3)))
