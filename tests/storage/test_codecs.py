"""Codecs decode what they encode, from exactly the bytes they are charged for."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image

from distillery import data
from distillery.storage.codecs import JPEG, LZMA, PNG, Codec, WebP


def pictures(channels: int, count: int = 6) -> torch.Tensor:
    """Smooth shapes with a little noise, not square."""
    rng = np.random.default_rng(channels)
    y, x = np.mgrid[:28, :32] / 6
    waves = 120 + 100 * np.sin(x + rng.uniform(0, 6, (count, channels, 1, 1))) * np.cos(y)
    return torch.from_numpy((waves + rng.normal(0, 5, waves.shape)).clip(0, 255).astype(np.uint8))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("codec", [PNG(), WebP(None), LZMA(), LZMA(together=False)], ids=repr)
def test_lossless_codecs_give_back_every_pixel(codec: Codec, channels: int) -> None:
    images = pictures(channels)
    assert torch.equal(codec.decode(codec.encode(images), images.shape[1:]), images)
    rate = codec.measure(images)
    assert rate.distortion == 0
    assert rate.images == len(images)
    assert rate.bits_per_image < 8 * images[0].numel()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("codec", [JPEG(1), JPEG(75), JPEG(100, "4:4:4"), WebP(50)], ids=repr)
def test_lossy_codecs_decode_what_pillow_decodes_from_its_whole_file(
    codec: JPEG | WebP, channels: int
) -> None:
    images = pictures(channels)
    decoded = codec.decode(codec.encode(images), images.shape[1:])
    for image, ours in zip(images, decoded, strict=True):
        written, pixels = io.BytesIO(), image.permute(1, 2, 0).squeeze(-1).numpy()
        how = (
            {"method": 6}
            if isinstance(codec, WebP)
            else {"subsampling": codec.chroma}
            if channels == 3
            else {}
        )
        Image.fromarray(pixels).save(written, type(codec).__name__, quality=codec.quality, **how)
        theirs = Image.open(io.BytesIO(written.getvalue())).convert("L" if channels == 1 else "RGB")
        np.testing.assert_array_equal(ours.permute(1, 2, 0).squeeze(-1).numpy(), np.asarray(theirs))


def test_a_jpeg_is_charged_for_its_scan_alone() -> None:
    images = pictures(1, 1)
    written = io.BytesIO()
    Image.fromarray(images[0, 0].numpy()).save(written, "JPEG", quality=25)
    (scan,) = JPEG(25).encode(images)
    header = JPEG(25).shared(images.shape[1:])
    assert written.getvalue() == header + scan + b"\xff\xd9"
    assert (
        header[-10:-8] == b"\xff\xda"
    )  # the segment that announces the scan, 10 bytes for one channel, comes last


def test_more_quality_costs_more_and_errs_less() -> None:
    images = pictures(3)
    for rates in (
        [JPEG(q).measure(images) for q in (1, 25, 100)],
        [WebP(q).measure(images) for q in (0, 50, 100)],
    ):
        assert sorted(rates, key=lambda rate: rate.bits_per_image) == rates
        assert sorted(rates, key=lambda rate: -rate.distortion) == rates


@pytest.mark.realdata
def test_jpeg_at_quality_25_takes_about_1085_bits_a_cifar_image() -> None:
    images = data.load("cifar100").x_train[:1000]
    rate = JPEG(25).measure(images)
    assert rate.bits_per_image == pytest.approx(
        1085, abs=45
    )  # images differ by about 450 bits: three standard errors
    assert rate.distortion == pytest.approx(0.038, abs=0.002)


def test_what_no_codec_takes_is_refused_in_a_sentence() -> None:
    with pytest.raises(
        ValueError,
        match=(
            r"images have shape \(2, 2, 8, 8\) and dtype torch.uint8: uint8 of \(N, C, H, W\) is"
            r" needed"
        ),
    ):
        PNG().encode(torch.zeros(2, 2, 8, 8, dtype=torch.uint8))
    with pytest.raises(ValueError, match=r"dtype torch\.float32"):
        LZMA().measure(torch.zeros(2, 1, 8, 8))
    with pytest.raises(ValueError, match="quality is 0: a whole number from 1 to 100 is needed"):
        JPEG(0)
    with pytest.raises(ValueError, match="quality is 101: a whole number from 0 to 100 is needed"):
        WebP(101)
    with pytest.raises(ValueError, match="chroma is '4:1:0': one of 4:4:4, 4:2:2, 4:2:0 is needed"):
        JPEG(50, "4:1:0")  # type: ignore[arg-type]
