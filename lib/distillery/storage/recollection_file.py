"""The recollection file: codes, labels, the decoder and a plain-text card in one safetensors file.

Format 1. Tensors: `codes`, bytes, packed as `packing.pack` writes them, a row for each byte of a
group (or, where there are `prior.…` tensors, one string coded by that prior); `labels`, bytes,
packed likewise in base `classes`, if there are labels; `decoder.…`, float16. The header's metadata
are strings: `format`, `version`, `count`, `variables`, `values`, `classes`, `channels`, `size`, the
`card`, and `checksum`, of everything but itself. The page `book/format.md` specifies it all, and
quotes a reader in numpy alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_bytes
from torch import Tensor

from distillery.data.images import digest
from distillery.models.autoencoder import CategoricalAutoencoder
from distillery.storage.packing import layout, pack, unpack
from distillery.storage.prior import WholePrior
from distillery.support.archives import opened
from distillery.support.atomic import replacing
from distillery.support.told import told

FORMAT, VERSION = "distillery recollections", 1
_NUMBERS = ("count", "variables", "values", "classes", "channels", "size")
_PRIOR, _DECODER = "prior.", "decoder."
_MOST_DIGITS = 15  # of a number in the header
# What packing, the prior, the autoencoder and torch say of arrays that do not fit one another.
_MISFITS = (KeyError, MemoryError, OverflowError, RuntimeError, TypeError, ValueError)

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class Contents:
    """What a recollection file holds; its student has the decoder that was stored, and an encoder
    that has learnt nothing.
    """

    codes: Tensor
    labels: Tensor | None
    student: CategoricalAutoencoder
    card: str


@dataclass(frozen=True)
class _Numbers:
    """The header's whole numbers."""

    count: int
    variables: int
    values: int
    classes: int
    channels: int
    size: int


def read(path: Path) -> Contents:
    """What is in a recollection file, whose checksum is looked at first, and then whether its parts
    fit one another.
    """
    about, arrays = _checked(path)
    try:
        numbers = _numbers(about)
        student = _student(numbers, _below(_DECODER, arrays))
        codes = _within("codes", _codes(arrays, numbers), numbers.values)
        return Contents(codes, _labels(arrays, numbers), student, about["card"])
    except _MISFITS as problem:
        what = f"it lacks {problem}" if isinstance(problem, KeyError) else told(problem)
        raise ValueError(f"{path} is whole, but no recollection file: {what}") from problem


def save(
    path: str | Path,
    student: CategoricalAutoencoder,
    codes: Tensor,
    *,
    labels: Tensor | None = None,
    card: str = "",
    prior: WholePrior | None = None,
) -> int:
    """Write a recollection file, the whole or none of it: its size in bytes.

    The decoder is stored in float16, the encoder is not. `labels` are whole numbers from 0, one a
    code.
    """
    codes = codes.cpu()
    student._check_codes(codes)
    _check_labels(labels, len(codes))
    classes = _classes(labels)
    arrays = {"codes": _coded(codes.numpy(), student.values, prior), **_weights(student, prior)}
    if labels is not None:
        arrays["labels"] = _packed(labels.cpu().numpy(), classes)
    numbers = (len(codes), student.variables, student.values, classes, *student.shape[:2])
    about = {name: str(number) for name, number in zip(_NUMBERS, numbers, strict=True)}
    whole = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    return _write(Path(path), whole, about | {"card": card})


def sizes(path: str | Path) -> dict[str, int]:
    """The bytes of a recollection file by what they hold: `header`, `codes`, `decoder`, and
    `labels` and `prior` where there are any.
    """
    _checked(Path(path))
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        tensors = json.loads(file.read(length))
    parts = {"header": 8 + length}
    for name, facts in tensors.items():
        if name != "__metadata__":
            begin, end = facts["data_offsets"]
            part = name.partition(".")[0]
            parts[part] = parts.get(part, 0) + end - begin
    return parts


def _check_labels(labels: Tensor | None, count: int) -> None:
    if labels is None:
        return
    is_whole = not labels.is_floating_point()
    if len(labels) != count or not is_whole or (count and int(labels.min()) < 0):
        raise ValueError(
            f"labels are {tuple(labels.shape)} of {labels.dtype}: {count} whole numbers from 0, one"
            " a code, are needed"
        )


def _classes(labels: Tensor | None) -> int:
    """The base that labels are packed in; 0 where there are none."""
    if labels is None:
        return 0
    return max(2, int(labels.max()) + 1 if len(labels) else 2)


def _weights(student: CategoricalAutoencoder, prior: WholePrior | None) -> dict[str, np.ndarray]:
    """The decoder's, in half precision, and the prior's."""
    weights = {
        _DECODER + name: value.detach().half().cpu().numpy()
        for name, value in student.decoder.state_dict().items()
    }
    if prior is not None:
        weights |= {_PRIOR + name: array for name, array in prior.arrays().items()}
    return weights


def _coded(codes: np.ndarray, values: int, prior: WholePrior | None) -> np.ndarray:
    if prior is None:
        return _packed(codes, values)
    return np.frombuffer(prior.encode(codes), np.uint8)


def _packed(array: np.ndarray, values: int) -> np.ndarray:
    """The bytes with a row for byte 0 of all groups, one for byte 1, and so on: the shape alone
    says how they are unpacked.
    """
    return pack(array, values).reshape(max(1, layout(array.size, values).width), -1)


def _write(path: Path, arrays: dict[str, np.ndarray], about: dict[str, str]) -> int:
    about = {"format": FORMAT, "version": str(VERSION), **about}
    content = to_bytes(arrays, metadata={**about, "checksum": _checksum(arrays, about)})
    with replacing(path) as part:
        part.write_bytes(_in_order(content))
    return path.stat().st_size


def _in_order(content: bytes) -> bytes:
    """The same file with its header sorted: equal contents are equal bytes."""
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.dumps(
        json.loads(content[8:start]), sort_keys=True, separators=(",", ":"), ensure_ascii=False
    ).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + content[start:]


def _checked(path: Path) -> tuple[dict[str, str], dict[str, np.ndarray]]:
    """What the header says, and the tensors, if the file is one of ours and whole."""
    opened(path, needed="a recollection file is needed").close()
    try:
        with safe_open(path, framework="numpy") as file:
            about = dict(file.metadata() or {})
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is no dictionary)
    except (SafetensorError, *_MISFITS, AttributeError) as error:
        raise ValueError(
            f"{path} cannot be read as a recollection file: it was cut short, or is none"
            f" ({told(error)})"
        ) from error
    if about.get("format") != FORMAT:
        raise ValueError(f"{path} is no recollection file: its header does not say {FORMAT!r}")
    if about.get("version") != str(VERSION):
        raise ValueError(
            f"{path} has format version {told(repr(about.get('version')))}: this release reads"
            f" version {VERSION}"
        )
    checksum = about.pop("checksum", "")
    if checksum != _checksum(arrays, about):
        raise ValueError(f"{path} was altered: its checksum is not that of its contents")
    return about, arrays


def _checksum(arrays: Arrays, about: Mapping[str, str]) -> str:
    """`data.images.digest` of the tensors and of the header's strings, each as bytes under the name
    `about.…`.
    """
    strings = {
        f"about.{name}": np.frombuffer(text.encode(), np.uint8) for name, text in about.items()
    }
    return digest({**arrays, **strings})


def _numbers(about: Mapping[str, str]) -> _Numbers:
    for name in _NUMBERS:
        text = about[name]
        if not (text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS):
            raise ValueError(f"its header says {name} {text!r}, where a whole number is needed")
    return _Numbers(*(int(about[name]) for name in _NUMBERS))


def _student(numbers: _Numbers, decoder: Arrays) -> CategoricalAutoencoder:
    """The autoencoder of that decoder; nothing is made before the shapes agree with the header."""
    filters = numbers.variables * numbers.values / 4
    width = len(decoder["0.bias"])
    needed = {
        "0.weight": (filters, width, 5, 5),
        "0.bias": (width,),
        "2.weight": (width, width, 5, 5),
        "2.bias": (width,),
        "4.weight": (width, numbers.channels, 5, 5),
        "4.bias": (numbers.channels,),
    }
    shapes = {name: array.shape for name, array in decoder.items()}
    if shapes != needed:
        raise ValueError(f"its decoder is {shapes}, where its header needs {needed}")
    student = CategoricalAutoencoder(
        numbers.variables,
        numbers.values,
        rng=torch.Generator().manual_seed(0),
        channels=numbers.channels,
        size=numbers.size,
        width=width,
    )
    weights = {name: torch.from_numpy(array).float() for name, array in decoder.items()}
    student.decoder.load_state_dict(weights)
    return student


def _codes(arrays: Arrays, numbers: _Numbers) -> Tensor:
    shape = (numbers.count, numbers.variables)
    prior = _below(_PRIOR, arrays)
    if not prior:
        return torch.from_numpy(unpack(arrays["codes"].reshape(-1), numbers.values, shape))
    whole = WholePrior.from_arrays(prior)
    if whole.bias.shape != (numbers.variables, numbers.values):
        raise ValueError(f"its prior is for codes {whole.bias.shape}, as its header does not say")
    return torch.from_numpy(whole.decode(arrays["codes"].tobytes(), numbers.count))


def _labels(arrays: Arrays, numbers: _Numbers) -> Tensor | None:
    if not numbers.classes:
        return None
    labels = unpack(arrays["labels"].reshape(-1), numbers.classes, (numbers.count,))
    return _within("labels", torch.from_numpy(labels), numbers.classes).long()


def _within(name: str, whole_numbers: Tensor, limit: int) -> Tensor:
    """The numbers, if they are below `limit`: the last digit of a group has room for more."""
    most = int(whole_numbers.max()) if whole_numbers.numel() else 0
    if most >= limit:
        raise ValueError(f"its {name} reach {most}, where its header says {limit - 1}")
    return whole_numbers


def _below(prefix: str, arrays: Arrays) -> dict[str, np.ndarray]:
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }
