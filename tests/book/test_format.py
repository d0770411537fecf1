"""The page that specifies the recollection file: its reader agrees with the library's, its tables
and words with the files.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import re
from decimal import Decimal
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from safetensors import safe_open

from distillery.models.autoencoder import CategoricalAutoencoder
from distillery.storage import CodePrior, Recollections
from distillery.storage.recollections import save

BOOK = Path(__file__).resolve().parents[2] / "book"
PAGE, READER = BOOK / "format.md", BOOK / "recollection_reader.py"
COUNT = 23


@pytest.fixture(scope="module")
def reader() -> ModuleType:
    spec = importlib.util.spec_from_file_location("recollection_reader", READER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def written(
    path: Path,
    code: tuple[int, int],
    shape: tuple[int, int],
    *,
    labels: bool = True,
    prior: bool = False,
) -> Path:
    rng = torch.Generator().manual_seed(0)
    (variables, values), (channels, size) = code, shape
    student = CategoricalAutoencoder(variables, values, rng=rng, channels=channels, size=size)
    codes = torch.randint(values, (COUNT, variables), generator=rng, dtype=torch.int16)
    learned = CodePrior(variables, values, 5, rng=rng).whole() if prior else None
    save(
        path,
        student,
        codes,
        labels=torch.arange(COUNT) % 10 if labels else None,
        card="Some.",
        prior=learned,
    )
    return path


@pytest.mark.parametrize(
    ("code", "shape", "labels"),
    [
        ((38, 2), (1, 28), True),
        ((8, 3), (3, 32), True),
        ((4, 37), (1, 32), False),
        ((3, 300), (3, 28), True),
    ],
)
def test_the_reader_on_the_page_agrees_with_the_library(
    reader: ModuleType, tmp_path: Path, code: tuple[int, int], shape: tuple[int, int], labels: bool
) -> None:
    path = written(tmp_path / "f", code, shape, labels=labels)
    ours, (pictures, found) = Recollections.load(path), reader.read(path)
    assert np.abs(255 * pictures - ours.pictures.numpy()).max() < 0.501
    assert found is None if ours.labels is None else found.tolist() == ours.labels.tolist()
    assert np.allclose(reader.read(path, most=2)[0], pictures[:2], atol=1e-12)


def test_the_reader_needs_numpy_alone_and_thirty_lines() -> None:
    text = READER.read_text(encoding="utf-8")
    modules = {
        name.name
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Import)
        for name in node.names
    }
    assert modules == {"json", "numpy"}
    assert not [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom)]
    functions = [line for line in text.split("\n\n\n", 1)[1].splitlines() if line.strip()]
    assert len(functions) <= 30


@pytest.mark.parametrize("prior", [False, True])
def test_every_string_and_tensor_of_a_file_is_in_the_tables(tmp_path: Path, prior: bool) -> None:
    tables = "".join(
        line
        for line in PAGE.read_text(encoding="utf-8").splitlines(keepends=True)
        if line.startswith("| ")
    )
    named = set(re.findall(r"`([a-z0-9.]+)`", tables))
    with safe_open(
        written(tmp_path / "f", (4, 3), (1, 28), prior=prior), framework="numpy"
    ) as file:
        held = {*file.metadata(), *file.keys()}
    assert held <= named
    assert not prior or named - held == {"0", "1"}


def test_the_checksum_is_what_the_page_says(tmp_path: Path) -> None:
    with safe_open(written(tmp_path / "f", (38, 2), (1, 28)), framework="numpy") as file:
        strings, arrays = file.metadata(), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    checksum = strings.pop("checksum")
    parts = {
        name: (f"{array.dtype.str} {array.shape}", array.tobytes())
        for name, array in arrays.items()
    }
    parts |= {
        f"about.{key}": (f"|u1 ({len(text.encode())},)", text.encode())
        for key, text in strings.items()
    }
    whole = b"".join(
        f"{name} {facts}\n".encode() + content for name, (facts, content) in sorted(parts.items())
    )
    assert hashlib.sha256(whole).hexdigest().startswith(checksum)
    assert len(checksum) == 16


def test_codes_under_a_prior_are_read_as_the_page_says(tmp_path: Path) -> None:
    path = written(tmp_path / "f", (4, 3), (1, 28), prior=True)
    with safe_open(path, framework="numpy") as file:
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    assert plain_codes(arrays, COUNT) == Recollections.load(path).codes.tolist()


def plain_codes(arrays: dict[str, np.ndarray], count: int) -> list[list[int]]:
    """The page's section on priors in Python's whole numbers, for a single block and lane."""
    inputs, start, outputs, bias = (
        arrays[f"prior.{name}"].astype(int) for name in ("inputs", "start", "outputs", "bias")
    )
    string = arrays["codes"].tobytes()
    state, words = (
        int.from_bytes(string[:8], "little"),
        [int.from_bytes(string[i : i + 4], "little") for i in range(8, len(string), 4)],
    )
    codes: list[list[int]] = [[] for _ in range(count)]
    for i in range(len(bias)):
        for code in codes:
            units = np.clip(start + sum(inputs[j, z] for j, z in enumerate(code)), 0, 256)
            frequencies = plain_frequencies(
                [int(score) // 16 for score in bias[i] + units @ outputs[i]]
            )
            slot = state % 65536
            value = next(v for v in range(len(frequencies)) if slot < sum(frequencies[: v + 1]))
            state = frequencies[value] * (state // 65536) + slot - sum(frequencies[:value])
            if state < 2**31:
                state = 2**32 * state + words.pop(0)
            code.append(value)
    assert (state, words) == (2**31, [])
    return codes


def plain_frequencies(scores: list[int]) -> list[int]:
    below = [max(scores) - score for score in scores]
    weights = [
        int((Decimal(2) ** (30 - Decimal(b % 256) / 256)).to_integral_value())
        // 2 ** min(b // 256, 62)
        for b in below
    ]
    found = [weight * (65536 - len(scores)) // sum(weights) + 1 for weight in weights]
    found[weights.index(max(weights))] += 65536 - sum(found)
    return found
