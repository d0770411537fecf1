"""Images: what one set looks like to a chapter, and the digits that name it."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import numpy as np
import pytest
import torch

from distillery import data
from distillery.data.images import digest


def test_as_float_maps_bytes_onto_the_unit_interval_and_keeps_their_order() -> None:
    floats = data.as_float(torch.arange(256, dtype=torch.uint8))
    assert floats.dtype == torch.float32
    assert floats[0] == 0
    assert floats[-1] == 1
    assert (floats.diff() > 0).all()


def test_as_float_refuses_what_is_not_bytes() -> None:
    with pytest.raises(TypeError, match=r"torch\.float32; as_float takes .* torch\.uint8"):
        data.as_float(torch.zeros(2))


def test_the_digest_is_sha256_over_names_dtypes_shapes_and_bytes_in_the_order_of_names() -> None:
    arrays = {"b": np.array([1, 2], dtype=np.uint8), "a": np.array([[3]], dtype=np.int16)}
    by_hand = hashlib.sha256(
        b"a <i2 (1, 1)\n" + b"\x03\x00" + b"b |u1 (2,)\n" + b"\x01\x02"
    ).hexdigest()[:16]
    assert digest(arrays) == by_hand == digest(dict(reversed(arrays.items())))


@pytest.mark.parametrize(
    "other",
    [
        {"b": np.array([1, 2, 3, 4], dtype=np.uint8)},
        {"a": np.array([1, 2, 3, 5], dtype=np.uint8)},
        {"a": np.array([[1, 2], [3, 4]], dtype=np.uint8)},
        {"a": np.array([1, 2, 3, 4], dtype=np.int8)},
    ],
    ids=["name", "bytes", "shape", "dtype"],
)
def test_the_digest_sees_a_changed_name_byte_shape_or_dtype(other: dict[str, np.ndarray]) -> None:
    assert digest(other) != digest({"a": np.array([1, 2, 3, 4], dtype=np.uint8)})


def test_the_digest_depends_on_neither_memory_layout_nor_byte_order() -> None:
    x = np.arange(6, dtype=np.int16).reshape(2, 3)
    assert digest({"x": x}) == digest({"x": np.asfortranarray(x)}) == digest({"x": x.astype(">i2")})


def test_a_set_of_images_describes_itself_in_one_line() -> None:
    images = data.load("embedded:digits")
    assert (
        repr(images) == "Images(embedded:digits: 4000 train, 797 test, 1x28x28, 10 classes,"
        f" {images.fingerprint})"
    )


def test_importing_the_room_loads_no_heavy_library() -> None:
    heavy = ("matplotlib", "sklearn", "torchvision", "PIL", "pandas", "fontTools", "scipy")
    program = (
        "import sys, torch; old = {*sys.modules}; import distillery.data; print([m for m in"
        f" {heavy} if m in {{*sys.modules}} - old])"
    )
    assert (
        subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True
        ).stdout.strip()
        == "[]"
    )


def test_bits_are_rows_that_are_on_from_128() -> None:
    x = torch.tensor([[[[0, 127], [128, 255]]]], dtype=torch.uint8)
    assert data.as_bits(x).equal(torch.tensor([[0.0, 0.0, 1.0, 1.0]]))
    with pytest.raises(TypeError, match="as_bits takes the bytes of a data set"):
        data.as_bits(x / 255)
