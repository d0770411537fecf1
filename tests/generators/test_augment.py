from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from distillery.generators.augment import crop_and_flip, cutmix, jitter, mixup, resized


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


def test_mixup_is_a_weighted_mean_of_two_pictures_of_the_batch() -> None:
    """Of constant pictures 0 and 1 each comes out constant, and the shares are uniform: their mean
    is a half and their variance a twelfth.
    """
    x = (torch.arange(4000) % 2).float()[:, None, None, None].expand(-1, 3, 4, 4)
    mixed = mixup()(x, torch.Generator().manual_seed(0))
    assert mixed.flatten(1).std(1).max() < 1e-6
    values = mixed[:, 0, 0, 0]
    between = values[(values > 0) & (values < 1)]
    assert len(between) == pytest.approx(2000, abs=150)  # a picture met one of the other kind
    assert float(between.mean()) == pytest.approx(0.5, abs=0.03)
    assert float(between.var()) == pytest.approx(1 / 12, abs=0.01)


def test_the_shares_of_mixup_are_betas() -> None:
    """Beta(a, a) has the variance 1 / (4 (2 a + 1))."""
    x = (torch.arange(4000) % 2).float()[:, None, None, None]
    values = mixup(0.4)(x, torch.Generator().manual_seed(0)).flatten()
    between = values[(values > 1e-6) & (values < 1 - 1e-6)]
    assert float(between.var()) == pytest.approx(1 / 7.2, abs=0.015)


def test_cutmix_pastes_one_rectangle_of_one_picture() -> None:
    x = torch.arange(50.0)[:, None, None, None].expand(-1, 1, 16, 16)
    mixed = cutmix()(x, torch.Generator().manual_seed(0))
    for picture, own in zip(mixed[:, 0], torch.arange(50.0), strict=True):
        strange = picture != own
        rows, columns = strange.any(1), strange.any(0)
        assert strange.equal(rows[:, None] & columns[None])
        assert len(picture[strange].unique()) <= 1
        for line in (rows.int(), columns.int()):
            assert (line.diff() == 1).sum() + line[0] <= 1  # it is in one piece


def test_resized_pictures_keep_their_mean_and_of_the_same_size_they_stay() -> None:
    x = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    rng = torch.Generator()
    assert resized(32)(x, rng) is x
    small = resized(16)(x, rng)
    assert small.shape == (3, 3, 16, 16)
    torch.testing.assert_close(small.mean((2, 3)), x.mean((2, 3)), rtol=0, atol=0.02)


@pytest.mark.parametrize("make", [mixup, cutmix])
def test_shares_need_a_positive_alpha(make: Callable[[float], object]) -> None:
    with pytest.raises(ValueError, match=r"alpha is 0\.0: a positive number"):
        make(0.0)
