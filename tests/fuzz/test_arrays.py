"""Data sets, pictures and machines as archives of arrays, altered."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save

from distillery.data import forms, real
from distillery.data.forms import Form
from distillery.tools.compress.picture_files import read_pictures
from distillery.tools.logz.machine_files import read_bits, read_machine
from mutations import of_npz, of_safetensors
from strangers import Format, try_all

TINY = Form(
    {
        "x_train": ("uint8", (5, 4, 4)),
        "y_train": ("uint8", (5,)),
        "names": ("U", (3,)),
        "w": ("float64", (2,)),
    },
    {"y_train": (0, 2)},
    "a tiny set",
)


def archive(*, deflated: bool = False, **arrays: Any) -> bytes:
    made = io.BytesIO()
    (np.savez_compressed if deflated else np.savez)(made, **arrays)
    return made.getvalue()


def tiny() -> dict[str, np.ndarray]:
    return {
        "x_train": np.arange(80, dtype=np.uint8).reshape(5, 4, 4),
        "y_train": np.array([0, 1, 2, 1, 0], np.uint8),
        "names": np.array(["a", "bb", "ä"]),
        "w": np.array([0.5, -1.0]),
    }


def test_an_altered_data_set_is_refused_or_has_its_form(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(forms.FORMS, "tiny", TINY)

    def formed(answer: dict[str, np.ndarray], content: bytes) -> None:
        assert answer["x_train"].shape == (5, 4, 4)
        assert answer["x_train"].dtype == np.uint8
        assert int(answer["y_train"].max()) <= 2
        assert np.isfinite(answer["w"]).all()

    kind = Format(lambda path: real.read("tiny", path), "tiny.npz", [of_npz], formed)
    contents = [archive(deflated=deflated, **tiny()) for deflated in (False, True)]
    assert try_all(kind, contents, tmp_path, times=1.5) > 0


def test_flipped_bits_of_the_numbers_of_a_data_set_are_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every member of an archive has a checksum."""
    monkeypatch.setitem(forms.FORMS, "tiny", TINY)

    def same(answer: dict[str, np.ndarray], content: bytes) -> None:
        assert all(np.array_equal(answer[name], array) for name, array in tiny().items())

    kind = Format(lambda path: real.read("tiny", path), "tiny.npz", (), same)
    try_all(kind, [archive(**tiny())], tmp_path, times=0.5)


def test_altered_pictures_are_refused_or_are_pictures(tmp_path: Path) -> None:
    x, y = np.arange(3 * 28 * 28).reshape(3, 28, 28) % 256, np.array([0, 1, 2])
    contents = [
        archive(x_train=x.astype(np.uint8), y_train=y),
        archive(deflated=True, images=(x / 255).astype(np.float32), labels=y),
    ]

    def pictures(answer: Any, content: bytes) -> None:
        assert answer.x.dtype == torch.uint8
        assert answer.x.dim() == 4
        assert answer.y is None or len(answer.y) == len(answer.x)

    kind = Format(read_pictures, "mine.npz", [of_npz], pictures)
    assert try_all(kind, contents, tmp_path) > 0


def machine() -> dict[str, np.ndarray]:
    return {"W": np.ones((4, 3)), "a": np.zeros(4), "b": np.full(3, 0.5)}


def _finite(answer: Any, content: bytes) -> None:
    assert all(bool(value.isfinite().all()) for value in answer.machine.state_dict().values())


def test_an_altered_machine_is_refused_or_is_one(tmp_path: Path) -> None:
    kind = Format(read_machine, "rbm.npz", [of_npz], _finite)
    assert try_all(kind, [archive(**machine())], tmp_path, times=0.5) > 0
    kind = Format(read_machine, "rbm.safetensors", [of_safetensors], _finite)
    assert try_all(kind, [save(machine())], tmp_path, times=0.5) > 0


def test_altered_training_data_of_a_machine_are_refused_or_are_bits(tmp_path: Path) -> None:
    def bits(answer: torch.Tensor, content: bytes) -> None:
        assert answer.dim() == 2
        assert not answer.numel() or int(answer.max()) <= 1

    kind = Format(read_bits, "data.npz", [of_npz], bits)
    content = archive(x_train=np.arange(40).reshape(8, 5) % 2)
    assert try_all(kind, [content], tmp_path, times=0.5) > 0
