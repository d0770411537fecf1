"""Tensors that belong to records: `arrays/` for the pictures' data, `weights/` for small trained
models, each file named by its hash.

A file's name is the sha256 of its bytes, so equal tensors are stored once and a damaged file is
noticed. Two budgets keep the repository small: 2 MB of arrays a study (at its present version), 25
MB of weights in all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from distillery.support.atomic import write_atomically
from distillery.support.nearest import unknown
from distillery_book.results import records
from distillery_book.results.study import PROFILES, check_profile
from distillery_book.results.verdicts import is_stand_in

if TYPE_CHECKING:
    from torch import Tensor

    from distillery_book.results.records import Record

ARRAYS_BYTES = 2_000_000
WEIGHTS_BYTES = 25_000_000


def pack(tensors: Mapping[str, Tensor]) -> bytes:
    """The tensors as the bytes of a safetensors file; nothing for none."""
    from safetensors.torch import save

    return (
        save({name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()})
        if tensors
        else b""
    )


def put_arrays(packed: bytes, *, study: str, version: int, results: Path) -> str:
    """Store packed arrays and return their hash, unless the study's budget forbids it."""
    others = {r.arrays for r in records.read(study, results) if r.version == version and r.arrays}
    _afford(
        packed, others, results / "arrays", budget=ARRAYS_BYTES, whose=f"arrays of study {study!r}"
    )
    return _put(packed, results / "arrays")


def put_weights(packed: bytes, *, results: Path) -> str:
    """Store packed weights and return their hash, unless the budget of all weights forbids it."""
    others = {r.weights["hash"] for r in records.read(None, results) if r.weights}
    _afford(
        packed, others, results / "weights", budget=WEIGHTS_BYTES, whose="weights of all studies"
    )
    return _put(packed, results / "weights")


def arrays(record: Record, results: Path | None = None) -> dict[str, Tensor]:
    """The arrays a record points to; an empty dictionary when it has none."""
    folder = records.results_folder() if results is None else results
    return _get(folder / "arrays", record.arrays) if record.arrays else {}


def weights(name: str, results: Path | None = None) -> dict[str, Tensor]:
    """The tensors recorded as `name`; of several runs those that `recorded_weights` chooses."""
    folder = records.results_folder() if results is None else results
    known = recorded_weights(folder)
    if name not in known:
        raise ValueError(unknown("stored model", name, sorted(known)))
    return read_weights(known[name], folder)


def recorded_weights(results: Path) -> dict[str, str]:
    """The hash of the weights recorded under each name: those of the best profile, then the newest
    version, then the lowest seed.

    What was trained on stand-ins is no model of the book, and does not count.
    """
    found = [r for r in records.read(None, results) if r.weights and not is_stand_in(r.data)]
    found.sort(key=lambda r: (PROFILES.index(check_profile(r.profile)), r.version, -r.seed))
    return {
        r.weights["name"]: r.weights["hash"] for r in found if r.weights
    }  # of one name the last counts


def read_weights(name: str, results: Path) -> dict[str, Tensor]:
    """The stored weights with the hash `name`."""
    if not (results / "weights").is_dir():
        raise ValueError(
            f"{results / 'weights'} is not on this machine; workers of a cluster need the results"
            " folder at the same path"
        )
    return _get(results / "weights", name)


def _put(packed: bytes, folder: Path) -> str:
    name = _hash(packed)
    path = folder / f"{name}.safetensors"
    if not path.exists() or path.stat().st_size != len(packed):
        write_atomically(path, packed)
    return name


def _get(folder: Path, name: str) -> dict[str, Tensor]:
    from safetensors.torch import load

    path = folder / f"{name}.safetensors"
    if not path.exists():
        raise ValueError(
            f"{path} is missing, though a record points to it; fetch it again or run the study"
            " again without that record"
        )
    content = path.read_bytes()
    if _hash(content) != name:
        raise ValueError(
            f"{path} is damaged: its content has hash {_hash(content)}; fetch it again or remove it"
            " with its record"
        )
    return load(content)


def _afford(packed: bytes, others: Iterable[str], folder: Path, *, budget: int, whose: str) -> None:
    names = set(others) - {_hash(packed)}
    used = sum(
        path.stat().st_size
        for path in (folder / f"{name}.safetensors" for name in names)
        if path.exists()
    )
    if used + len(packed) > budget:
        raise ValueError(
            f"the {whose} would take {(used + len(packed)) / 1e6:.2f} MB ({used / 1e6:.2f} MB"
            f" stored, {len(packed) / 1e6:.2f} MB new); {budget / 1e6:g} MB are allowed, so store"
            " fewer or smaller tensors"
        )


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
