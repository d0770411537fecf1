"""A set of images as every chapter sees it: bytes in N, C, H, W, labels beside them, and a
fingerprint that names them.

The tensors are shared by everybody who loads the same name: read them, never write into them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True, eq=False, repr=False)
class Images:
    """Training and test images, uint8 in the order (N, C, H, W) with C one or three, and their
    labels, int64 (N,) from 0 to `classes` - 1 (None where a set has none).

    `label_names[y]` names a label; `group_names` names the superclasses or alphabets that the
    labels fall into, where there are any. `extras` holds what else travels with the images, a
    tensor each, `..._train` and `..._test` beside the split they describe.
    """

    name: str
    x_train: Tensor
    y_train: Tensor | None
    x_test: Tensor
    y_test: Tensor | None
    label_names: tuple[str, ...]
    extras: Mapping[str, Tensor]
    fingerprint: str
    group_names: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of one image."""
        channels, height, width = self.x_train.shape[1:]
        return channels, height, width

    @property
    def classes(self) -> int:
        """How many labels there are; 0 where the images have none."""
        return len(self.label_names)

    def __repr__(self) -> str:
        train, test, size = len(self.x_train), len(self.x_test), "x".join(map(str, self.shape))
        return (
            f"Images({self.name}: {train} train, {test} test, {size}, {self.classes} classes,"
            f" {self.fingerprint})"
        )


def as_float(x: Tensor) -> Tensor:
    """Bytes 0 to 255 as float32 in [0, 1]."""
    if x.dtype != torch.uint8:
        raise TypeError(
            f"x has dtype {x.dtype}; as_float takes the bytes of a data set, torch.uint8"
        )
    return x.float() / 255


def as_bits(x: Tensor) -> Tensor:
    """Pictures in bytes as rows of bits in float32, one bit a pixel: on from 128."""
    if x.dtype != torch.uint8:
        raise TypeError(
            f"x has dtype {x.dtype}; as_bits takes the bytes of a data set, torch.uint8"
        )
    return (x > 127).flatten(1).float()


def digest(arrays: Mapping[str, NDArray]) -> str:
    """The first 16 hexadecimal digits of the sha256 over the arrays' names, dtypes, shapes and
    bytes, in the order of the names.
    """
    total = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        array = array.astype(array.dtype.newbyteorder("<"), copy=False)
        total.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        total.update(array.reshape(-1).view(np.uint8).data)
    return total.hexdigest()[:16]
