from __future__ import annotations

import math

import pytest
import torch

from distillery.generators import Noise, Uniform


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_noise_has_its_mean_its_scale_and_independent_entries() -> None:
    n, mean = 40_000, torch.tensor([1.0, -2.0])
    x = (
        Noise(2, rng=rng(), mean=mean, scale=torch.tensor([0.5, 3.0])).draw(n).x - mean
    ) / torch.tensor([0.5, 3.0])
    assert (x.mean(0).abs() < 4 / math.sqrt(n)).all()
    assert ((x.square().mean(0) - 1).abs() < 4 * math.sqrt(2 / n)).all()
    assert ((x**4).mean(0) - 3).abs().max() < 4 * math.sqrt(
        96 / n
    )  # normal, not merely of its variance
    assert abs((x[:, 0] * x[:, 1]).mean()) < 4 / math.sqrt(n)


def test_uniform_fills_its_interval_evenly() -> None:
    n = 40_000
    x = Uniform(3, rng=rng(), low=-2.0, high=1.0).draw(n).x
    assert x.min() >= -2.0
    assert x.max() < 1.0
    counts = torch.histc(x, 10, -2.0, 1.0).double()
    expected = 3 * n / 10
    assert ((counts - expected).square() / expected).sum() < 27.9  # nine degrees of freedom, 0.999


@pytest.mark.parametrize("shape", [5, (5,), (1, 4, 4), [2, 3]])
@pytest.mark.parametrize("kind", [Noise, Uniform])
def test_a_draw_has_the_shape_asked_for(kind: type, shape: object) -> None:
    expected = (5,) if shape == 5 else tuple(shape)  # type: ignore[arg-type]
    assert kind(shape, rng=rng()).draw(7).x.shape == (7, *expected)


@pytest.mark.parametrize("kind", [Noise, Uniform])
def test_draws_depend_on_the_stream_alone_and_continue_from_its_state(kind: type) -> None:
    one, other, late = kind(3, rng=rng()), kind(3, rng=rng()), kind(3, rng=rng(9))
    torch.rand(5)
    assert one.draw(4).x.equal(other.draw(4).x)
    late.load_state_dict(one.state_dict())
    assert one.draw(4).x.equal(late.draw(4).x)


def test_scales_and_intervals_that_make_no_density_are_refused() -> None:
    for scale in (0.0, -1.0, torch.tensor([1.0, 0.0])):
        with pytest.raises(ValueError, match="a positive standard deviation is needed"):
            Noise(2, rng=rng(), scale=scale)
    with pytest.raises(ValueError, match=r"low is 1\.0, high is 1\.0: low must be below high"):
        Uniform(2, rng=rng(), low=1.0, high=1.0)
