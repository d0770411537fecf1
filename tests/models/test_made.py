from __future__ import annotations

import math

import pytest
import torch

from distillery.models.made import MADE


def every_state(n: int) -> torch.Tensor:
    return (torch.arange(2**n)[:, None] >> torch.arange(n - 1, -1, -1)) & 1


def made(visible: int, hidden: list[int], **kwargs: object) -> MADE:
    rng = torch.Generator().manual_seed(0)
    model = MADE(visible, hidden, rng=rng, **kwargs)  # type: ignore[arg-type]
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=rng))
    return model


@pytest.mark.parametrize("hidden", [[5], [20, 7], [3, 30, 4], []])
@pytest.mark.parametrize("visible", [1, 2, 8])
def test_the_probabilities_of_all_states_sum_to_one(visible: int, hidden: list[int]) -> None:
    order = torch.randperm(visible, generator=torch.Generator().manual_seed(1))
    model = made(visible, hidden, order=order)
    assert model.log_prob(every_state(visible)).double().logsumexp(0).item() == pytest.approx(
        0, abs=1e-5
    )


def test_a_pixel_depends_on_all_pixels_before_it_and_on_no_other() -> None:
    order = torch.tensor([3, 0, 2, 4, 1])
    model = made(5, [40, 40], order=order)
    model.layers[-1].weight.data.abs_()
    x = torch.zeros(1, 5, requires_grad=True)
    for layer in model.layers[:-1]:
        layer.weight.data.abs_()
        layer.bias.data.abs_()
    jacobian = torch.stack([torch.autograd.grad(model.logits(x)[0, i], x)[0][0] for i in range(5)])
    assert torch.equal((jacobian[order][:, order] != 0).int(), torch.ones(5, 5).tril(-1).int())


def test_samples_occur_as_often_as_their_probability_says() -> None:
    model, rng = made(4, [12], order=torch.tensor([2, 0, 3, 1])), torch.Generator().manual_seed(2)
    samples = model.sample(40_000, rng=rng)
    counts = torch.bincount((samples.long() * 2 ** torch.arange(3, -1, -1)).sum(1), minlength=16)
    expected = 40_000 * model.log_prob(every_state(4)).exp()
    assert ((counts - expected).square() / expected.clamp(min=1)).sum().item() < 15 + 5 * math.sqrt(
        30
    )


def test_conditionals_multiply_to_the_probability() -> None:
    model, x = made(6, [9, 9]), every_state(6)
    probs = model.conditionals(x)
    torch.testing.assert_close(
        torch.where(x == 1, probs, 1 - probs).log().sum(1), model.log_prob(x), rtol=1e-4, atol=1e-4
    )


def test_what_makes_no_network_is_refused() -> None:
    rng = torch.Generator()
    with pytest.raises(ValueError, match="hidden is 0"):
        MADE(4, [3, 0], rng=rng)
    with pytest.raises(ValueError, match="no permutation"):
        MADE(3, [4], rng=rng, order=torch.tensor([0, 0, 1]))
    with pytest.raises(ValueError, match=r"holds 0.5"):
        MADE(3, [4], rng=rng).log_prob(torch.full((1, 3), 0.5))
