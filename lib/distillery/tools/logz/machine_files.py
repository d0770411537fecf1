"""Anybody's restricted Boltzmann machine, from a file of arrays: whatever its weights and biases
are called, and whichever way they stand.

Z = the sum over x and h of exp(x W h + a x + b h) is the same for W transposed and a and b
exchanged, so only which bias goes with which side of W has to be found out: by name, and where
names are silent by length.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from distillery.models.bits import check_bits
from distillery.models.files import tensors_in
from distillery.models.rbm import RBM
from distillery.support.archives import Archive, opened
from distillery.support.told import told

# Names in lower case and the singular, without underscores and without what stands before the last
# dot or slash.
_BY_ROWS = ("w", "weight", "weights", "vishid", "wvh", "visiblehidden", "visibletohidden")
_BY_COLUMNS = ("components", "whv", "hidvis", "hiddenvisible", "hiddentovisible")
_VISIBLE = (
    "a",
    "vbias",
    "visbias",
    "visiblebias",
    "biasvisible",
    "interceptvisible",
    "bv",
    "bvis",
    "biasv",
    "vb",
)
_HIDDEN = (
    "hbias",
    "hidbias",
    "hiddenbias",
    "biashidden",
    "intercepthidden",
    "bh",
    "bhid",
    "biash",
    "hb",
)
_EITHER = ("b", "c")  # a and b: visible and hidden; b and c: usually visible and hidden
_WEIGHTS = (*_BY_ROWS, *_BY_COLUMNS)
_CERTAIN = {*_WEIGHTS} - {"w", "weight", "weights"}  # names that say which way W stands
_NEEDED = "an .npz archive of plain arrays, or a .safetensors file, is needed"
_DATA = ("xtrain", "x", "data", "train", "images", "samples", "xtest", "test")

_SHOWN = 12  # arrays that a message names

Arrays = Mapping[str, Tensor]


@dataclass(frozen=True, eq=False)
class Found:
    """A machine in float64, and in words what was taken for what, where the file left a choice."""

    machine: RBM
    notes: tuple[str, ...] = ()


def read_machine(path: str | Path, *, visible: int | None = None) -> Found:
    """The machine in an .npz or .safetensors file; `visible`, where it is known, decides between
    sides that names do not tell apart.
    """
    arrays = read_arrays(path)
    names = _names(path, arrays)
    values = {
        role: _numbers(path, name, arrays[name], 2 if role == "weights" else 1)
        for role, name in names.items()
    }
    W, notes = _standing(path, values, names)
    a, b = values["visible"], values["hidden"]
    if all(_plain(names[side]) in _EITHER for side in ("visible", "hidden")):
        if len(a) != visible == len(b):
            W, a, b, names = (
                W.t(),
                b,
                a,
                names | {"visible": names["hidden"], "hidden": names["visible"]},
            )
        same = "" if len(a) == len(b) else "; log Z is the same either way"
        notes += (
            (
                f"{names['visible']} was taken for the visible biases, {names['hidden']} for the"
                f" hidden ones{same}"
            ),
        )
    return Found(RBM.from_arrays(W, a, b), notes)


def read_bits(path: str | Path) -> Tensor:
    """Training data, (examples, visible) of bits, from the array called x_train, x or data, or from
    the only one with a row an example.
    """
    arrays = read_arrays(path)
    tables = [name for name, value in arrays.items() if value.dim() >= 2]
    named = [name for wanted in _DATA for name in tables if _plain(name) == wanted]
    if not named and len(tables) != 1:
        raise ValueError(
            f"{path} has no array x_train, x or data, nor one alone with a row an example: it holds"
            f" {_held(arrays)}"
        )
    name = (named or tables)[0]
    rows = arrays[name].flatten(1)
    check_bits(rows, rows.shape[1], name=f"{path}: {name}")
    return rows if rows.dtype == torch.bool else rows.to(torch.uint8)


def read_arrays(path: str | Path) -> dict[str, Tensor]:
    """All arrays of numbers in an .npz or .safetensors file. Nothing is ever unpickled."""
    path = Path(path)
    found = _safetensors(path) if path.suffix == ".safetensors" else _npz(path)
    if not found:
        raise ValueError(f"{path} holds no arrays of numbers")
    return found


def _npz(path: Path) -> dict[str, Tensor]:
    with Archive(path, needed=_NEEDED) as archive:
        arrays = {} if archive.single else {name: archive.read(name) for name in archive.names}
    if not arrays:
        raise ValueError(
            f"{path} is a single array, or an archive of none: an .npz with weights and two biases"
            " is needed"
        )
    return {
        name: torch.from_numpy(np.ascontiguousarray(_native(a)).reshape(a.shape))
        for name, a in arrays.items()
        if a.dtype.kind in "biuf"
    }


def _native(array: np.ndarray) -> np.ndarray:
    """In a type and byte order that torch knows."""
    if array.dtype.kind == "u" and array.dtype.itemsize > 1:
        return array.astype(np.int64)
    return array.astype(
        np.float64
        if array.dtype.kind == "f" and array.dtype.itemsize > 8
        else array.dtype.newbyteorder("=")
    )


def _safetensors(path: Path) -> dict[str, Tensor]:
    with opened(path, needed=_NEEDED) as file:
        content = file.read()
    try:
        return tensors_in(content, str(path))
    except ValueError as problem:
        raise ValueError(
            f"{path} is not a whole safetensors file ({told(problem.__cause__)}): save it again"
        ) from None


def _names(path: str | Path, arrays: Arrays) -> dict[str, str]:
    """What is called what.

    Biases are named by side, or a and b, or b and c, or one of these beside a name that says its
    side.
    """
    weights, visible, hidden = (
        [name for name in arrays if _plain(name) in names]
        for names in (_WEIGHTS, _VISIBLE, _HIDDEN)
    )
    free = sorted((name for name in arrays if _plain(name) in _EITHER), key=_plain)
    if not visible:
        visible, free = free[:1], free[1:]
    return {
        "weights": _only(path, arrays, weights, called=("weights", _WEIGHTS)),
        "visible": _only(path, arrays, visible, called=("visible biases", (*_VISIBLE, *_EITHER))),
        "hidden": _only(
            path, arrays, hidden or free, called=("hidden biases", (*_HIDDEN, *_EITHER))
        ),
    }


def _only(
    path: str | Path, arrays: Arrays, found: Sequence[str], *, called: tuple[str, Sequence[str]]
) -> str:
    role, names = called
    if not found:
        raise ValueError(
            f"{path} lacks {role}: it holds {_held(arrays)}; {role} may be called"
            f" {', '.join(names)}, in any case, with underscores"
        )
    if len(found) > 1:
        raise ValueError(
            f"{path} has {len(found)} arrays that could be the {role}, {' and '.join(found)}: keep"
            " one of them"
        )
    return found[0]


def _numbers(path: str | Path, name: str, value: Tensor, dim: int) -> Tensor:
    """In float64; a bias may be a matrix of one row or column."""
    flat = value.flatten() if dim == 1 and value.dim() == 2 and 1 in value.shape else value
    if flat.dim() != dim or flat.numel() == 0:
        kind = "a matrix" if dim == 2 else "a vector"
        raise ValueError(
            f"{path}: {name} has shape {tuple(value.shape)}; {kind}, not empty, is needed"
        )
    if not bool(flat.double().isfinite().all()):
        raise ValueError(
            f"{path}: {name} holds {int((~flat.double().isfinite()).sum())} entries that are not"
            " finite; all must be"
        )
    return flat.double()


def _standing(
    path: str | Path, values: Arrays, names: Mapping[str, str]
) -> tuple[Tensor, tuple[str, ...]]:
    """W as (visible, hidden).

    Where it is square its name decides, else it is taken as it stands, and that is said.
    """
    W, a, b = values["weights"], values["visible"], values["hidden"]
    upright, turned = W.shape == (len(a), len(b)), W.shape == (len(b), len(a))
    if not upright and not turned:
        raise ValueError(
            f"{path}: {names['weights']} is {tuple(W.shape)}, but {names['visible']} has {len(a)}"
            f" entries and {names['hidden']} {len(b)}: {(len(a), len(b))} or its transpose is"
            " needed"
        )
    by_columns = _plain(names["weights"]) in _BY_COLUMNS
    if upright and turned:
        certain = _plain(names["weights"]) in _CERTAIN
        way = "(hidden, visible)" if by_columns else "(visible, hidden)"
        notes = (
            ()
            if certain
            else (
                (
                    f"{names['weights']} is square: it was taken as {way}; transpose it in the file"
                    " if it is not"
                ),
            )
        )
        return (W.t() if by_columns else W), notes
    return (
        (W, ()) if upright else (W.t(), (f"{names['weights']} is (hidden, visible) in the file",))
    )


def _plain(name: str) -> str:
    return (
        name.replace("/", ".").rsplit(".", 1)[-1].lower().replace("_", "").replace("biases", "bias")
    )


def _held(arrays: Arrays) -> str:
    """The first arrays with their shapes, and how many more there are."""
    first = [f"{name} {tuple(value.shape)}" for name, value in islice(arrays.items(), _SHOWN)]
    more = [f"and {len(arrays) - _SHOWN} more"] if len(arrays) > _SHOWN else []
    return ", ".join([*first, *more])
