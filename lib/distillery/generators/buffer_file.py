"""The file of a memory: its codes packed, labels and tasks, and the fingerprint of the decoder they
belong to; safetensors.

The decoder itself is not in it: it is what goes on learning, and a checkpoint has it. A finished
set of recollections, decoder and all, is `storage.recollections`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from distillery.data.images import digest
from distillery.models.autoencoder import CategoricalAutoencoder
from distillery.storage.packing import pack, unpack
from distillery.support.archives import opened
from distillery.support.atomic import replacing
from distillery.support.told import told

FORMAT, VERSION = "distillery memory", "1"
_NUMBERS = ("count", "variables", "values", "seen", "capacity")
_WHOLE = {torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64}
_MOST_DIGITS = 15  # of a number in the header
# What safetensors, packing and torch say of what does not fit.
_MISFITS = (KeyError, MemoryError, OverflowError, RuntimeError, TypeError, ValueError)


@dataclass(frozen=True, eq=False)
class Held:
    """What a memory holds: codes (N, c), labels and tasks where there are any; of `seen` codes that
    were offered.
    """

    codes: Tensor
    labels: Tensor | None
    tasks: Tensor | None
    seen: int
    capacity: int


@dataclass(frozen=True)
class _Numbers:
    """The header's whole numbers."""

    count: int
    variables: int
    values: int
    seen: int
    capacity: int


def save(path: Path, held: Held, codec: CategoricalAutoencoder) -> int:
    """Write the file, whole or not at all: its size in bytes."""
    tensors = {"codes": pack(held.codes.cpu(), codec.values, tight=True)}
    for name, value in (("labels", held.labels), ("tasks", held.tasks)):
        if value is not None:
            tensors[name] = value.cpu().contiguous()
    numbers = (len(held.codes), codec.variables, codec.values, held.seen, held.capacity)
    about = {name: str(number) for name, number in zip(_NUMBERS, numbers, strict=True)}
    about |= {"format": FORMAT, "version": VERSION, "decoder": fingerprint(codec)}
    with replacing(path) as part:
        save_file(tensors, part, metadata=about)
    return path.stat().st_size


def load(path: Path, codec: CategoricalAutoencoder) -> Held:
    """The memory in the file, if it is one and `codec` is the autoencoder it was written with."""
    about, tensors = _read(path)
    try:
        numbers = _Numbers(*(_number(about, name) for name in _NUMBERS))
        _check_decoder(numbers, about["decoder"], codec)
        return _held(numbers, tensors)
    except _MISFITS as problem:
        what = f"it lacks {problem}" if isinstance(problem, KeyError) else told(problem)
        raise ValueError(f"{path} cannot be read as a memory: {what}") from problem


def _held(numbers: _Numbers, tensors: Mapping[str, Tensor]) -> Held:
    """What the tensors hold, if they are what the numbers say."""
    count = numbers.count
    if count > min(numbers.seen, numbers.capacity):
        raise ValueError(
            f"it says that it holds {count} of {numbers.seen} codes in room for {numbers.capacity}"
        )
    shape = (count, numbers.variables)
    codes = unpack(tensors["codes"], numbers.values, shape, tight=True)
    if codes.numel() and int(codes.max()) >= numbers.values:
        raise ValueError(f"its codes reach {int(codes.max())}, of {numbers.values} values")
    beside = {name: tensors[name] for name in ("labels", "tasks") if name in tensors}
    for name, value in beside.items():
        if value.shape != (count,) or value.dtype not in _WHOLE:
            raise ValueError(
                f"its {name} are {tuple(value.shape)} of {value.dtype}: {count} whole numbers, one"
                " a code, are needed"
            )
    return Held(codes, beside.get("labels"), beside.get("tasks"), numbers.seen, numbers.capacity)


def _number(about: Mapping[str, str], name: str) -> int:
    text = about[name]
    if not (text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS):
        raise ValueError(f"its header says {name} {text!r}, where a whole number is needed")
    return int(text)


def fingerprint(codec: CategoricalAutoencoder) -> str:
    """Of the decoder's weights: two decoders that differ in one of them have different ones."""
    state = codec.decoder.state_dict()
    return digest({name: value.detach().cpu().float().numpy() for name, value in state.items()})


def _read(path: Path) -> tuple[dict[str, str], Mapping[str, Tensor]]:
    opened(path, needed="the file of a memory is needed").close()
    try:
        with safe_open(path, framework="pt") as file:
            about = dict(file.metadata() or {})
            tensors: dict[str, Tensor] = {key: file.get_tensor(key).clone() for key in file.keys()}  # noqa: SIM118 (a file is no dictionary)
    except (SafetensorError, AttributeError, *_MISFITS) as error:
        raise ValueError(
            f"{path} cannot be read as a memory: it was cut short, or is none ({told(error)})"
        ) from error
    if (about.get("format"), about.get("version")) != (FORMAT, VERSION):
        raise ValueError(
            f"{path} is no memory that this release reads: its header says"
            f" {told(about.get('format'))!r}, version {told(about.get('version'))!r}, where"
            f" {FORMAT!r}, version {VERSION!r}, is needed"
        )
    return about, tensors


def _check_decoder(numbers: _Numbers, decoder: str, codec: CategoricalAutoencoder) -> None:
    if (numbers.variables, numbers.values) != (codec.variables, codec.values):
        raise ValueError(
            f"it holds codes of {numbers.variables} variables of {numbers.values} values, codec has"
            f" {codec.variables} of {codec.values}: the autoencoder that wrote them is needed"
        )
    if decoder != fingerprint(codec):
        raise ValueError(
            f"it was written with a decoder of fingerprint {decoder}, codec has"
            f" {fingerprint(codec)}: decoded by another's decoder, codes mean nothing"
        )
