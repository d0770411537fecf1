"""Tensors that belong to records: `arrays/` for the pictures' data, `weights/` for small trained
models, each file named by its hash.

A file's name is the sha256 of its tensors, packed without metadata, so equal tensors are stored
once and a damaged file is noticed. A file of weights says in its header which models it holds and
how they were trained (`distillery.models.files`). Two budgets keep the repository small: 2 MB of
arrays a study (at its present version), 35 MB of weights in all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distillery.models import files
from distillery.models.files import pack
from distillery.support.atomic import write_atomically
from distillery.support.nearest import unknown
from distillery_book.results import records
from distillery_book.results.study import PROFILES, check_profile
from distillery_book.results.verdicts import is_stand_in

if TYPE_CHECKING:
    from torch import Tensor, nn

    from distillery_book.results.records import Record

__all__ = [
    "arrays",
    "models",
    "pack",
    "provenance",
    "put_arrays",
    "put_weights",
    "read_models",
    "recorded_weights",
    "weights_path",
]

ARRAYS_BYTES = 2_000_000
WEIGHTS_BYTES = 35_000_000


def put_arrays(packed: bytes, *, study: str, version: int, results: Path) -> str:
    """Store packed arrays and return their hash, unless the study's budget forbids it."""
    others = {r.arrays for r in records.read(study, results) if r.version == version and r.arrays}
    _afford(
        packed, others, results / "arrays", budget=ARRAYS_BYTES, whose=f"arrays of study {study!r}"
    )
    return _put(packed, _hash(packed), results / "arrays")


def put_weights(packed: bytes, *, results: Path, about: Mapping[str, Any] | None = None) -> str:
    """Store packed models, their header saying `about` them what is known of their training, and
    return the hash of their tensors, unless the budget of all weights forbids it.
    """
    others = {r.weights["hash"] for r in records.read(None, results) if r.weights}
    content = files.retitled(packed, about or {})
    name = _hash_of_tensors(content, "the models")
    _afford(
        content,
        others - {name},
        results / "weights",
        budget=WEIGHTS_BYTES,
        whose="weights of all studies",
    )
    return _put(content, name, results / "weights")


def provenance(record: Record) -> dict[str, Any]:
    """What a file of weights says of the run that made them."""
    said = ("study", "version", "profile", "params", "seed", "fingerprint", "metrics", "departures")
    more = ("versions", "commit", "dirty", "finished")
    return {"trained_on": record.data, **{name: getattr(record, name) for name in said + more}}


def arrays(record: Record, results: Path | None = None) -> dict[str, Tensor]:
    """The arrays a record points to; an empty dictionary when it has none."""
    folder = records.results_folder() if results is None else results
    if not record.arrays:
        return {}
    path = folder / "arrays" / f"{record.arrays}.safetensors"
    content = _content(path)
    _check_hash(path, _hash(content))
    return files.tensors_in(content, str(path))


def models(name: str, results: Path | None = None) -> dict[str, nn.Module]:
    """The models in the weights recorded as `name`; of several runs in those that
    `recorded_weights` chooses.
    """
    folder = records.results_folder() if results is None else results
    known = recorded_weights(folder)
    if name not in known:
        raise ValueError(unknown("stored weights", name, sorted(known)))
    return read_models(known[name], folder)


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


def weights_path(name: str, results: Path) -> Path:
    """Where the weights with the hash `name` are stored."""
    return results / "weights" / f"{name}.safetensors"


def read_models(name: str, results: Path) -> dict[str, nn.Module]:
    """The stored models, by their names, whose tensors have the hash `name`."""
    if not (results / "weights").is_dir():
        raise ValueError(
            f"{results / 'weights'} is not on this machine; workers of a cluster need the results"
            " folder at the same path"
        )
    path = weights_path(name, results)
    _check_hash(path, _hash_of_tensors(_content(path), str(path)))
    return files.load_all(path)


def _put(content: bytes, name: str, folder: Path) -> str:
    path = folder / f"{name}.safetensors"
    if not path.exists() or path.stat().st_size != len(content):
        write_atomically(path, content)
    return name


def _content(path: Path) -> bytes:
    if not path.exists():
        raise ValueError(
            f"{path} is missing, though a record points to it; fetch it again or run the study"
            " again without that record"
        )
    return path.read_bytes()


def _check_hash(path: Path, found: str) -> None:
    if found != path.stem:
        raise ValueError(
            f"{path} is damaged: its content has hash {found}; fetch it again or remove it with its"
            " record"
        )


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


def _hash_of_tensors(content: bytes, where: str) -> str:
    return files.checksum(content, where)[:16]
