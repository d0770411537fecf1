"""The file of a memory: its codes packed, labels and tasks, and the fingerprint of the decoder they
belong to; safetensors.

The decoder itself is not in it: it is what goes on learning, and a checkpoint has it. A finished
set of recollections, decoder and all, is `storage.recollections`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from distillery.data.images import digest
from distillery.models.autoencoder import CategoricalAutoencoder
from distillery.storage.packing import pack, unpack
from distillery.support.atomic import replacing

FORMAT, VERSION = "distillery memory", "1"
_NUMBERS = ("count", "variables", "values", "seen", "capacity")


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
    _check_decoder(path, about, codec)
    count, variables, values, seen, capacity = (int(about[name]) for name in _NUMBERS)
    codes = unpack(tensors["codes"], values, (count, variables), tight=True)
    return Held(codes, tensors.get("labels"), tensors.get("tasks"), seen, capacity)


def fingerprint(codec: CategoricalAutoencoder) -> str:
    """Of the decoder's weights: two decoders that differ in one of them have different ones."""
    state = codec.decoder.state_dict()
    return digest({name: value.detach().cpu().float().numpy() for name, value in state.items()})


def _read(path: Path) -> tuple[dict[str, str], Mapping[str, Tensor]]:
    try:
        with safe_open(path, framework="pt") as file:
            about = dict(file.metadata() or {})
            tensors: dict[str, Tensor] = {key: file.get_tensor(key).clone() for key in file.keys()}  # noqa: SIM118 (a file is no dictionary)
    except SafetensorError as error:
        raise ValueError(
            f"{path} cannot be read as a memory: it was cut short, or is none ({error})"
        ) from error
    if (about.get("format"), about.get("version")) != (FORMAT, VERSION):
        raise ValueError(
            f"{path} is no memory that this release reads: its header says"
            f" {about.get('format')!r}, version {about.get('version')!r}, where {FORMAT!r}, version"
            f" {VERSION!r}, is needed"
        )
    return about, tensors


def _check_decoder(path: Path, about: Mapping[str, str], codec: CategoricalAutoencoder) -> None:
    theirs, mine = (int(about["variables"]), int(about["values"])), (codec.variables, codec.values)
    if theirs != mine:
        raise ValueError(
            f"{path} holds codes of {theirs[0]} variables of {theirs[1]} values, codec has"
            f" {mine[0]} of {mine[1]}: the autoencoder that wrote them is needed"
        )
    if about["decoder"] != fingerprint(codec):
        raise ValueError(
            f"{path} was written with a decoder of fingerprint {about['decoder']}, codec has"
            f" {fingerprint(codec)}: decoded by another's decoder, codes mean nothing"
        )
