"""Every set of images by its name: what there is, what stands in for what, and loading."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import torch
from numpy.typing import NDArray
from torch import Tensor

from distillery.data import real
from distillery.data.forms import presented
from distillery.data.images import Images, digest
from distillery.support.nearest import unknown

REAL = ("mnist", "mnist_binarized", "omniglot", "cifar10", "cifar100")
EMBEDDED = (
    "embedded:digits",
    "embedded:digits_binarized",
    "embedded:glyphs",
    "embedded:scenes",
    "embedded:scenes10",
)
NAMES = REAL + EMBEDDED
PROFILES = ("smoke", "laptop", "paper")
RBM = "rbm_cd25_500"

STAND_INS = {
    "mnist": "embedded:digits",  # scikit-learn's digits, enlarged: 4,000 and 797 images
    "mnist_binarized": "embedded:digits_binarized",  # the same, each pixel drawn once
    "omniglot": "embedded:glyphs",  # 20 scripts of 20 letters by 20 hands
    # The pictures of embedded:scenes in ten classes of two groups, painted anew: no image is in
    # both sets.
    "cifar10": "embedded:scenes10",
    "cifar100": "embedded:scenes",  # 20 groups of 5 pictures: 5,000 and 1,000 images
}


class RBMWeights(NamedTuple):
    """Of the energy -v'Wh - a'v - b'h: W 784x500, visible biases a, hidden biases b, in float64."""

    W: Tensor
    a: Tensor
    b: Tensor


def load(name: str, directory: str | os.PathLike[str] | None = None) -> Images:
    """A set of images by name, read once a process; a real set that is not in the folder is
    downloaded if torchvision has it.

    Images are uint8 in the order (N, C, H, W), also where the file has (N, H, W) or (N, H, W, C),
    and `as_float` brings them to [0, 1]; labels are int64 (N,), from 0. `directory` is where the
    real sets lie, else $DISTILLERY_DATA, else ./data.
    """
    if name == RBM:
        raise ValueError(f"{RBM} holds weights, not images: use load_rbm()")
    if name in EMBEDDED:
        return _embedded(name)
    if name not in REAL:
        raise ValueError(unknown("data set", name, NAMES))
    path = real.fetched(name, directory)
    return _read(name, *_identity(path))


def load_rbm(directory: str | os.PathLike[str] | None = None) -> RBMWeights:
    """The CD25(500) RBM of Salakhutdinov and Murray (2008), as new tensors at each call."""
    arrays = _read_rbm(*_identity(real.fetched(RBM, directory)))
    return RBMWeights(*(torch.from_numpy(arrays[key].copy()) for key in ("W", "a", "b")))


def for_profile(name: str, profile: str) -> str:
    """The name of the set to load: its stand-in at smoke, itself at laptop and paper."""
    if profile not in PROFILES:
        raise ValueError(unknown("profile", profile, PROFILES))
    if name not in (*NAMES, "none"):
        raise ValueError(unknown("data set", name, (*NAMES, "none")))
    return STAND_INS.get(name, name) if profile == "smoke" else name


def fingerprint(name: str, directory: str | os.PathLike[str] | None = None) -> str:
    """16 hexadecimal digits of the sha256 over a set's arrays; "none", for studies that make their
    own data, is its own.
    """
    if name == "none":
        return "none"
    if name == RBM:
        return digest(_read_rbm(*_identity(real.fetched(RBM, directory))))
    return load(name, directory).fingerprint


def _identity(path: Path) -> tuple[Path, int, int]:
    """A file that changes is read anew."""
    facts = path.stat()
    return path.resolve(), facts.st_mtime_ns, facts.st_size


@cache
def _read(name: str, path: Path, _changed: int, _size: int) -> Images:
    return presented(name, name, real.read(name, path))


@cache
def _read_rbm(path: Path, _changed: int, _size: int) -> dict[str, NDArray]:
    return real.read(RBM, path)


@cache
def _embedded(name: str) -> Images:
    form = next(original for original, stand_in in STAND_INS.items() if stand_in == name)
    return presented(name, form, _maker(name)())


def _maker(name: str) -> Callable[[], dict[str, NDArray]]:
    from distillery.data.embedded import digits, glyphs, scenes

    return {
        "embedded:digits": digits.arrays,
        "embedded:digits_binarized": digits.binarized,
        "embedded:glyphs": glyphs.arrays,
        "embedded:scenes": scenes.arrays,
        "embedded:scenes10": scenes.ten,
    }[name]
