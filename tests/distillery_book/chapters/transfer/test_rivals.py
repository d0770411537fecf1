"""Chapter 3's rivals: as many pictures as the bits hold, centres that cover, codes that are likely or
that the teacher is sure of.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from distillery.models.autoencoder import CategoricalAutoencoder
from distillery.models.mlp import MLP
from distillery.storage import JPEG, PNG, WebP
from distillery.support.place import Bench
from distillery.tools.compress.recipes import as_bytes
from distillery_book.chapters.transfer import memories, rivals


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pictures(count: int) -> Tensor:
    return torch.randint(256, (count, 1, 28, 28), generator=rng()).to(torch.uint8)


@pytest.mark.parametrize("codec", [JPEG(10), WebP(None)], ids=["jpeg", "webp"])
def test_as_many_pictures_are_kept_as_the_bits_hold(codec: JPEG | WebP) -> None:
    x = pictures(30)
    bits = 40_000.0
    kept = rivals.coded(codec, x, bits, rng=rng(1))
    sizes = [8 * len(string) for string in codec.encode(x[torch.randperm(30, generator=rng(1))])]
    assert 0 < len(kept) < 30
    assert sum(sizes[: len(kept)]) <= bits < sum(sizes[: len(kept) + 1])


def test_a_codec_without_loss_gives_pictures_of_the_set() -> None:
    x = pictures(20)
    kept = rivals.coded(PNG(), x, 60_000.0, rng=rng(1))
    assert len(kept) > 1
    assert all(any(torch.equal(one, other) for other in x) for one in kept)


def test_every_centre_is_the_picture_furthest_from_those_before() -> None:
    x = pictures(40)
    taken = rivals.k_centres(x, 12, rng=rng(3)).tolist()
    flat = x.flatten(1).double()
    assert len(set(taken)) == 12
    for count in range(1, 12):
        away = torch.cdist(flat, flat[taken[:count]]).amin(1)
        assert away[taken[count]] == pytest.approx(away.max().item())


def test_no_more_centres_than_pictures() -> None:
    with pytest.raises(ValueError, match="size is 5: 1 to 4 pictures can be taken"):
        rivals.k_centres(pictures(4), 5, rng=rng())


class Brightness(nn.Module):
    """A teacher that is surest of bright pictures."""

    def forward(self, x: Tensor) -> Tensor:
        mean = x.flatten(1).mean(1)
        return torch.stack([100 * (mean - 0.45), torch.zeros_like(mean)], 1)


def test_of_ten_random_codes_the_one_is_kept_that_the_teacher_is_surest_of() -> None:
    codec = CategoricalAutoencoder(8, 2, rng=rng()).eval()
    kept = rivals.confident(codec, Brightness(), 50, rng=rng(2))
    codes = torch.randint(2, (500, 8), generator=rng(2))
    with torch.no_grad():
        decoded = as_bytes(codec.decode(codes))
    brightness = decoded.float().flatten(1).mean(1).reshape(50, 10)
    assert torch.allclose(kept.float().flatten(1).mean(1), brightness.amax(1))


def test_codes_of_a_prior_are_likelier_under_it_than_random_ones(tmp_path: Path) -> None:
    codec = CategoricalAutoencoder(8, 2, rng=rng()).eval()
    x = pictures(4).repeat(500, 1, 1, 1)  # four codes, again and again
    place = Bench(torch.device("cpu"), None, tmp_path, lambda done: None)
    prior = rivals.code_prior(codec, x, place, seed=0)
    dreamt = rivals.dreamt(codec, prior, 200, rng=rng(1))
    with torch.no_grad():
        real = as_bytes(codec.decode(codec.encode(x[:4].float() / 255)))
    matches = (dreamt[:, None] == real[None]).flatten(2).all(-1).any(1)
    assert matches.double().mean() > 0.5


def test_a_memory_of_a_hundredth_holds_a_hundredth_of_the_raw_bits() -> None:
    x = pictures(200)
    sources = memories.Sources(x, torch.arange(200) % 10, MLP((784, 10), rng=rng()), {"100x": None})
    assert sources.bits("100x") == 8 * 200 * 784 / 100
    centres = sources.memory("centres 100x", count=0, rng=rng())
    assert len(centres.pictures) == 2
