"""Anybody's pictures, from an .npz or .npy file: whatever the arrays are called, bytes or floats,
channels first, last or left out.

What an array may be is what the autoencoders support; everything else is refused in a sentence, and
what the file left open is noted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from distillery.storage.packing import MOST_VALUES
from distillery.support.archives import Archive

SIZES, CHANNELS = (28, 32), (1, 3)
_PICTURES = ("x_train", "x", "images", "pictures", "data", "train", "x_test")
_LABELS = ("y", "labels", "label", "targets", "target", "class_id")
_SUPPORTED = (
    "28x28 or 32x32 pixels in 1 or 3 channels are supported, as (N, H, W), (N, C, H, W) or (N, H,"
    " W, C)"
)


@dataclass(frozen=True, eq=False)
class Pictures:
    """Pictures, uint8 (N, C, H, W), their labels, int64 (N,) or None, the file's name, and in words
    what was made of what.
    """

    x: Tensor
    y: Tensor | None
    name: str
    notes: tuple[str, ...] = ()


def read_pictures(path: str | Path, *, labels: bool = True) -> Pictures:
    """The pictures in a file, from its array x_train, x or images, or the only one there is; labels
    from y_train, y or labels.
    """
    path = Path(path)
    with Archive(path, needed="an .npz archive of plain arrays is needed") as archive:
        name = _picture_name(path, archive)
        x, notes = _as_pictures(f"{path}: {name}", archive.read(name))
        beside = _label_name(name, archive.names) if labels else None
        y = _as_labels(f"{path}: {beside}", archive.read(beside), len(x)) if beside else None
        rest = [
            other
            for other in archive.names
            if other not in (name, beside) and other.startswith(("x_", "y_"))
        ]
        notes += (f"{' and '.join(rest)} left out: {name} alone is compressed",) if rest else ()
        notes += ("no labels were found",) if labels and not beside else ()
    return Pictures(
        torch.from_numpy(x), None if y is None else torch.from_numpy(y), path.name, notes
    )


def write_pictures(path: str | Path, x: Tensor, y: Tensor | None, *, card: str = "") -> None:
    """Pictures as `read_pictures` and other programs read them: x_train, uint8 (N, H, W) or (N, H,
    W, 3), y_train, and the card.
    """
    from distillery.support.atomic import write_atomically

    array = x.numpy()
    arrays = {
        "x_train": array[:, 0] if array.shape[1] == 1 else array.transpose(0, 2, 3, 1),
        "card": np.array(card),
    }
    arrays |= {} if y is None else {"y_train": y.numpy()}
    content = BytesIO()
    np.savez_compressed(content, **arrays)  # type: ignore[arg-type]
    write_atomically(Path(path), content.getvalue())


def _picture_name(path: Path, archive: Archive) -> str:
    named = [name for wanted in _PICTURES for name in archive.names if name.lower() == wanted]
    if not named and len(archive.names) != 1:
        raise ValueError(
            f"{path} has no array x_train, x or images, nor one alone: it holds"
            f" {', '.join(archive.names) or 'nothing'}"
        )
    return (named or archive.names)[0]


def _label_name(pictures: str, names: Sequence[str]) -> str | None:
    """y_train belongs to x_train, y_test to x_test; other names to pictures of other names, and to
    x_train where it has none.
    """
    split = pictures.lower().partition("_")[2]
    wanted = [f"{label}_{split}" for label in _LABELS] if pictures.lower().startswith("x_") else []
    return next(
        (name for label in (*wanted, *_LABELS) for name in names if name.lower() == label), None
    )


def _as_pictures(where: str, array: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """uint8 (N, C, H, W), and what was done to the pixels."""
    array = _channels_first(where, array)
    if len(array) == 0:
        raise ValueError(f"{where} is empty: at least one picture is needed")
    if array.dtype.kind == "f":
        return _from_floats(where, array)
    if array.dtype.kind not in "biu":
        raise ValueError(
            f"{where} is {array.dtype}: bytes from 0 to 255, or floats from 0 to 1, are needed"
        )
    low, high = int(array.min()), int(array.max())
    if low < 0 or high > 255:
        raise ValueError(
            f"{where} holds pixels from {low} to {high}: whole numbers from 0 to 255, or floats"
            " from 0 to 1, are needed"
        )
    if high <= 1:
        return np.ascontiguousarray(array, np.uint8) * np.uint8(255), (
            "pixels are 0 and 1 alone: they were taken as black and white",
        )
    return np.ascontiguousarray(array, np.uint8), ()


def _from_floats(where: str, array: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    if strange := int(np.isnan(array).sum()):
        raise ValueError(
            f"{where} holds {strange} pixels that are not numbers (NaN): every pixel must be from 0"
            " to 1"
        )
    low, high = float(array.min()), float(array.max())
    if low < 0 or high > 1:
        raise ValueError(
            f"{where} holds floats from {low:g} to {high:g}: pixels as floats must be from 0 to 1"
            " (divide by the largest, 255 say)"
        )
    return np.ascontiguousarray(np.rint(array * 255), np.uint8), (
        "floats were rounded to whole 255ths, as bytes are",
    )


def _channels_first(where: str, array: np.ndarray) -> np.ndarray:
    """A view (N, C, H, W) with H = W = 28 or 32 and C = 1 or 3."""
    shape = array.shape
    if array.ndim == 3:
        array = array[:, None]
    elif array.ndim == 4 and shape[3] in CHANNELS and shape[1] == shape[2]:
        array = array.transpose(0, 3, 1, 2)
    if (
        array.ndim != 4
        or array.shape[1] not in CHANNELS
        or array.shape[2] not in SIZES
        or array.shape[2] != array.shape[3]
    ):
        raise ValueError(f"{where} has shape {shape}: {_SUPPORTED}")
    return array


def _as_labels(where: str, array: np.ndarray, count: int) -> np.ndarray:
    flat, otherwise = (
        array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array,
        "(--no-labels leaves them out)",
    )
    if flat.shape != (count,) or flat.dtype.kind not in "biu":
        raise ValueError(
            f"{where} is {array.dtype} of shape {array.shape}: {count} whole numbers, one a"
            f" picture, are needed {otherwise}"
        )
    if not 0 <= int(flat.min()) <= int(flat.max()) < MOST_VALUES:
        raise ValueError(
            f"{where} reaches from {flat.min()} to {flat.max()}: labels from 0 to {MOST_VALUES - 1}"
            f" are supported {otherwise}"
        )
    return np.ascontiguousarray(flat, np.int64)
