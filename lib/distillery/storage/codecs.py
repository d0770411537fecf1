"""What autoencoders have to beat: JPEG without its header, WebP, PNG and lzma, each as a pair of
functions that are one another's inverse.

A codec turns uint8 images (N, C, H, W) into one string of bytes an image, and back. Whatever is the
same for every image of a set, header, tables and container, is left out of the strings and put back
by `decode`; so it is counted once, in `shared_bytes`, or not at all, as in the recollection papers.
Where a string ends is not counted either.
"""

from __future__ import annotations

import io
import lzma
import math
import zlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from PIL.Image import Image

Chroma = Literal["4:2:0", "4:2:2", "4:4:4"]
_SUBSAMPLING: dict[str, int] = {"4:4:4": 0, "4:2:2": 1, "4:2:0": 2}


@dataclass(frozen=True)
class Rate:
    """What a codec made of images: mean bits each, the bytes shared by all, mean absolute error of
    pixels in [0, 1], and how many.
    """

    bits_per_image: float
    shared_bytes: int
    distortion: float
    images: int


class Codec(ABC):
    """Images to strings of bytes and back."""

    @abstractmethod
    def encode(self, images: Tensor) -> list[bytes]:
        """One string an image of (N, C, H, W), uint8."""

    @abstractmethod
    def decode(self, strings: Sequence[bytes], shape: Sequence[int]) -> Tensor:
        """The images again, each of `shape` (C, H, W)."""

    @abstractmethod
    def shared(self, shape: Sequence[int]) -> bytes:
        """What `encode` leaves out because it is the same for every image of a shape."""

    def measure(self, images: Tensor) -> Rate:
        """Encode, decode, compare."""
        check_images(images)
        strings = self.encode(images)
        shape = images.shape[1:]
        apart = (self.decode(strings, shape).float() - images.float()).abs().mean() / 255
        bits = 8 * sum(map(len, strings)) / len(images)
        return Rate(bits, len(self.shared(shape)), float(apart), len(images))


@dataclass(frozen=True)
class JPEG(Codec):
    """Baseline JPEG with the standard Huffman tables, so that headers are equal and are left out:
    what remains is the scan.

    The recollection papers' accounting ("header size subtracted") at qualities 1, 25, 50, 75, 100.
    `chroma` matters for colour only.
    """

    quality: int
    chroma: Chroma = "4:2:0"

    def __post_init__(self) -> None:
        _check_quality(self.quality, least=1)
        if self.chroma not in _SUBSAMPLING:
            raise ValueError(
                f"chroma is {self.chroma!r}: one of {', '.join(_SUBSAMPLING)} is needed"
            )

    def encode(self, images: Tensor) -> list[bytes]:
        header = self.shared(images.shape[1:])
        files = [self._file(picture) for picture in _pictures(images)]
        if not all(whole.startswith(header) for whole in files):
            raise ValueError(
                "this Pillow writes JPEG headers that differ from image to image: they cannot be"
                " left out"
            )
        return [whole[len(header) : -2] for whole in files]

    def decode(self, strings: Sequence[bytes], shape: Sequence[int]) -> Tensor:
        header = self.shared(shape)
        return _images([header + scan + b"\xff\xd9" for scan in strings], shape)

    def shared(self, shape: Sequence[int]) -> bytes:
        whole = self._file(_blank(shape))
        return whole[: _scan_start(whole)]

    def _file(self, picture: Image) -> bytes:
        how = {} if picture.mode == "L" else {"subsampling": _SUBSAMPLING[self.chroma]}
        return _saved(picture, "JPEG", quality=self.quality, **how)


@dataclass(frozen=True)
class WebP(Codec):
    """WebP at a quality from 0 to 100, or lossless (quality None), at its slowest setting; the
    container's lengths are left out.
    """

    quality: int | None

    def __post_init__(self) -> None:
        if self.quality is not None:
            _check_quality(self.quality, least=0)

    def encode(self, images: Tensor) -> list[bytes]:
        how = (
            {"lossless": True, "exact": True} if self.quality is None else {"quality": self.quality}
        )
        files = (_saved(picture, "WEBP", method=6, **how) for picture in _pictures(images))
        return [_webp_payload(whole, self._kind) for whole in files]

    def decode(self, strings: Sequence[bytes], shape: Sequence[int]) -> Tensor:
        return _images([_webp_file(payload, self._kind) for payload in strings], shape)

    def shared(self, shape: Sequence[int]) -> bytes:
        return b"RIFF" + b"WEBP" + self._kind

    @property
    def _kind(self) -> bytes:
        return b"VP8L" if self.quality is None else b"VP8 "


@dataclass(frozen=True)
class PNG(Codec):
    """PNG, lossless: its filtered and deflated pixels; signature, dimensions and checksums are left
    out.
    """

    def encode(self, images: Tensor) -> list[bytes]:
        return [_idat(_saved(picture, "PNG", optimize=True)) for picture in _pictures(images)]

    def decode(self, strings: Sequence[bytes], shape: Sequence[int]) -> Tensor:
        head, tail = _png_around(shape)
        return _images([head + _chunk(b"IDAT", string) + tail for string in strings], shape)

    def shared(self, shape: Sequence[int]) -> bytes:
        return b"".join(_png_around(shape))


@dataclass(frozen=True)
class LZMA(Codec):
    """lzma on plain pixels, lossless, without headers: `together` all images are one stream, which
    the first string holds.
    """

    together: bool = True

    def encode(self, images: Tensor) -> list[bytes]:
        pixels = _array(images)
        if self.together:
            return [_squeezed(pixels.tobytes()), *[b""] * (len(pixels) - 1)]
        return [_squeezed(picture.tobytes()) for picture in pixels]

    def decode(self, strings: Sequence[bytes], shape: Sequence[int]) -> Tensor:
        held, size = (strings[:1], len(strings)) if self.together else (strings, 1)
        plain = b"".join(
            lzma.decompress(stream, lzma.FORMAT_RAW, filters=_filters(size * math.prod(shape)))
            for stream in held
        )
        return torch.frombuffer(bytearray(plain), dtype=torch.uint8).reshape(len(strings), *shape)

    def shared(self, shape: Sequence[int]) -> bytes:
        return b""


def check_images(images: Tensor) -> None:
    if (
        images.dtype != torch.uint8
        or images.dim() != 4
        or images.shape[1] not in (1, 3)
        or not images.numel()
    ):
        got = f"images have shape {tuple(images.shape)} and dtype {images.dtype}"
        raise ValueError(f"{got}: uint8 of (N, C, H, W) is needed, C being 1 (grey) or 3 (colour)")


def _check_quality(quality: int, *, least: int) -> None:
    if isinstance(quality, bool) or not isinstance(quality, int) or not least <= quality <= 100:
        raise ValueError(f"quality is {quality!r}: a whole number from {least} to 100 is needed")


def _array(images: Tensor) -> np.ndarray:
    check_images(images)
    return images.detach().cpu().numpy()


def _pictures(images: Tensor) -> list[Image]:
    from PIL import Image

    pixels = _array(images).transpose(0, 2, 3, 1)
    return [
        Image.fromarray(np.ascontiguousarray(one[..., 0] if one.shape[-1] == 1 else one))
        for one in pixels
    ]


def _images(files: Sequence[bytes], shape: Sequence[int]) -> Tensor:
    from PIL import Image

    mode = "L" if shape[0] == 1 else "RGB"
    pixels = [np.asarray(Image.open(io.BytesIO(whole)).convert(mode)) for whole in files]
    return (
        torch.from_numpy(np.stack(pixels))
        .reshape(len(files), *shape[1:], shape[0])
        .permute(0, 3, 1, 2)
        .contiguous()
    )


def _squeezed(plain: bytes) -> bytes:
    return lzma.compress(plain, lzma.FORMAT_RAW, filters=_filters(len(plain)))


def _filters(size: int) -> list[dict[str, int]]:
    """The strongest setting, with no larger a dictionary than so many bytes need."""
    return [
        {
            "id": lzma.FILTER_LZMA2,
            "preset": 9 | lzma.PRESET_EXTREME,
            "dict_size": min(max(4096, size), 1 << 26),
        }
    ]


def _blank(shape: Sequence[int]) -> Image:
    return _pictures(torch.zeros(1, *shape, dtype=torch.uint8))[0]


def _saved(picture: Image, form: str, **how: object) -> bytes:
    written = io.BytesIO()
    picture.save(written, form, **how)
    return written.getvalue()


def _scan_start(whole: bytes) -> int:
    """Where the scan of a JPEG file starts: after the segment whose marker is FF DA."""
    place = 2
    while True:
        marker, length = whole[place + 1], int.from_bytes(whole[place + 2 : place + 4], "big")
        place += 2 + length
        if marker == 0xDA:
            return place


def _webp_payload(whole: bytes, kind: bytes) -> bytes:
    """The one chunk of a simple WebP file."""
    if whole[12:16] != kind:
        raise ValueError(
            f"this WebP file starts with a chunk {whole[12:16]!r}: {kind!r} was expected"
        )
    return whole[20 : 20 + int.from_bytes(whole[16:20], "little")]


def _webp_file(payload: bytes, kind: bytes) -> bytes:
    chunk = kind + len(payload).to_bytes(4, "little") + payload + b"\0" * (len(payload) % 2)
    return b"RIFF" + (4 + len(chunk)).to_bytes(4, "little") + b"WEBP" + chunk


def _idat(whole: bytes) -> bytes:
    """The contents of a PNG file's data chunks."""
    place, contents = 8, b""
    while place < len(whole):
        length = int.from_bytes(whole[place : place + 4], "big")
        if whole[place + 4 : place + 8] == b"IDAT":
            contents += whole[place + 8 : place + 8 + length]
        place += 12 + length
    return contents


def _png_around(shape: Sequence[int]) -> tuple[bytes, bytes]:
    """What stands before and after the data of a PNG file of bytes."""
    channels, height, width = shape
    about = (
        width.to_bytes(4, "big")
        + height.to_bytes(4, "big")
        + bytes([8, 0 if channels == 1 else 2, 0, 0, 0])
    )
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", about), _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")
