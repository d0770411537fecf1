"""JPEG, WebP, PNG and lzma on the images that the autoencoders learn, as points of the figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from distillery.storage import JPEG, LZMA, PNG, Codec, WebP
from distillery_book.chapters.compression.measures import published_bits, shown
from distillery_book.results.study import Cell, Context, Outcome, Scalar

JPEG_QUALITIES = (1, 25, 50, 75, 100)
COLOR_QUALITIES = (1, 10, 25, 50, 75)
WEBP_QUALITIES = (0, 10, 25, 50, 75)
LOSSLESS = -1  # a WebP quality
IMAGES = 10_000
MODELS = ("jpeg", "webp", "png", "lzma")
CHROMA = "4:2:0"  # Pillow's own choice: of the colours every fourth place


def jpegs(data: str, qualities: Sequence[int], **more: Scalar) -> list[Cell]:
    """JPEG at several qualities."""
    return [_cell("jpeg", data, quality=quality, **more) for quality in qualities]


def rivals(data: str) -> list[Cell]:
    """What the papers do not compare with: WebP at some qualities and lossless, PNG, all images as
    one lzma stream.
    """
    webp = [_cell("webp", data, quality=quality) for quality in (*WEBP_QUALITIES, LOSSLESS)]
    return [*webp, _cell("png", data), _cell("lzma", data)]


def run(cell: Cell, context: Context) -> Outcome:
    """Code and decode the first training images and all test images."""
    images = context.load(cell.data)
    codec = made(cell.params)
    train = codec.measure(images.x_train[: int(cell.params["images"])])
    test = codec.measure(images.x_test)
    metrics = {
        "train": train.distortion,
        "test": test.distortion,
        "bits_test": test.bits_per_image,
        "shared_bytes": train.shared_bytes,
        **published_bits(train.bits_per_image, images.x_test),
    }
    if not train.distortion:  # nothing to see
        return Outcome(metrics)
    return Outcome(metrics, arrays=_pictures(codec, shown(images.x_test, images.shape[0])))


def made(params: Mapping[str, Scalar]) -> Codec:
    """The codec that a cell asks for."""
    model, quality = params["model"], int(params.get("quality", LOSSLESS))
    if model == "jpeg":
        return JPEG(quality, "4:4:4" if params.get("chroma") == "4:4:4" else "4:2:0")
    if model == "webp":
        return WebP(None if quality == LOSSLESS else quality)
    return PNG() if model == "png" else LZMA(together=True)


def _pictures(codec: Codec, x: Tensor) -> dict[str, Tensor]:
    return {"drawn": codec.decode(codec.encode(x), x.shape[1:])}


def _cell(model: str, data: str, **more: Scalar) -> Cell:
    quality = {"quality": more.pop("quality")} if "quality" in more else {}
    return Cell({"model": model, **quality, "images": IMAGES, **more}, 0, data)
