from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from distillery.generators.augment import crop_and_flip, jitter


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pictures(n: int, channels: int = 2, size: int = 5) -> Tensor:
    return 1 + torch.rand(n, channels, size, size, generator=rng(7))


def windows(picture: Tensor, padding: int) -> list[Tensor]:
    """Every crop of the padded picture, and its mirror image, by brute force."""
    height, width = picture.shape[1:]
    padded = F.pad(picture, (padding,) * 4)
    crops = [
        padded[:, i : i + height, j : j + width]
        for i in range(2 * padding + 1)
        for j in range(2 * padding + 1)
    ]
    return crops + [crop.flip(-1) for crop in crops]


def test_every_picture_becomes_one_of_its_own_crops_or_their_mirror_images() -> None:
    x = pictures(40)
    for picture, changed in zip(x, crop_and_flip(2)(x, rng()), strict=True):
        assert any(changed.equal(window) for window in windows(picture, 2))


def test_all_crops_and_mirror_images_are_equally_likely() -> None:
    x = pictures(1).expand(9000, -1, -1, -1)
    changed, options = crop_and_flip(1)(x, rng()), windows(x[0], 1)
    counts = torch.tensor(
        [float((changed == option).flatten(1).all(1).sum()) for option in options]
    )
    assert counts.sum() == 9000
    assert ((counts - 500).square() / 500).sum() < 40.8  # 17 degrees of freedom, 0.999


def test_pictures_of_a_batch_are_changed_independently() -> None:
    x = pictures(1).expand(4000, -1, -1, -1)
    changed = crop_and_flip(1)(x, rng()).flatten(1)
    alike = (changed[0::2] == changed[1::2]).all(1).double().mean()
    assert abs(alike - 1 / 18) < 4 * math.sqrt(17 / 18**2 / 2000)


def test_no_padding_leaves_only_the_mirror() -> None:
    x = pictures(200)
    changed = crop_and_flip(0)(x, rng())
    mirrored = (changed == x.flip(-1)).flatten(1).all(1)
    assert ((changed == x).flatten(1).all(1) ^ mirrored).all()
    assert 60 < mirrored.sum() < 140


def test_shape_and_dtype_stay_and_the_stream_decides() -> None:
    for x in (
        pictures(3, channels=3, size=8),
        (pictures(3) * 100).to(torch.uint8),
        torch.rand(2, 1, 6, 4, generator=rng()),
    ):
        changed = crop_and_flip(4)(x, rng())
        assert (changed.shape, changed.dtype) == (x.shape, x.dtype)
        assert changed.equal(crop_and_flip(4)(x, rng()))


def test_jittered_pictures_keep_their_ink_roughly_and_their_place_to_within_the_shift() -> None:
    x = torch.zeros(200, 1, 28, 28)
    x[:, :, 12:16, 12:16] = 1
    found = jitter()(x, torch.Generator().manual_seed(0))
    places = torch.arange(28.0) - 13.5
    ink = found.sum((1, 2, 3))
    down, right = (
        (found.sum((1, 3)) * places).sum(1) / ink,
        (found.sum((1, 2)) * places).sum(1) / ink,
    )
    assert 1.0 < down.abs().max() <= 2.05
    assert 1.0 < right.abs().max() <= 2.05
    assert ((ink / 16 - 1).abs() < 0.3).all()


def test_a_jitter_of_nothing_changes_nothing() -> None:
    x = torch.rand(3, 1, 6, 8, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(
        jitter(shift=0, turn=0, scale=0)(x, torch.Generator().manual_seed(1)), x
    )
