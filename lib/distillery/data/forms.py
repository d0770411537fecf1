"""What each data file holds, to the letter, and how its arrays become `Images`.

A stand-in has the form of the file it stands in for.

A file with an array missing, or of another shape or dtype, or with values out of range is refused,
by name and with what was expected.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from distillery.data.images import Images, digest

Arrays = Mapping[str, NDArray]


class BadDataError(ValueError):
    """A data file is not what it should be."""


@dataclass(frozen=True)
class Form:
    """The arrays of one file, as (dtype, shape), U for text; `within` bounds the values of some,
    both ends included.
    """

    arrays: Mapping[str, tuple[str, tuple[int, ...]]]
    within: Mapping[str, tuple[int, int]]
    what: str


def _pictures(
    train: int, test: int, shape: tuple[int, ...]
) -> dict[str, tuple[str, tuple[int, ...]]]:
    return {"x_train": ("uint8", (train, *shape)), "x_test": ("uint8", (test, *shape))}


def _labels(kind: str, train: int, test: int) -> dict[str, tuple[str, tuple[int, ...]]]:
    return {f"{kind}_train": ("uint8", (train,)), f"{kind}_test": ("uint8", (test,))}


_DRAWINGS = 32460
FORMS = {
    "mnist": Form(
        _pictures(60000, 10000, (28, 28)) | _labels("y", 60000, 10000),
        {"y_train": (0, 9), "y_test": (0, 9)},
        "MNIST, ink 255",
    ),
    "mnist_binarized": Form(
        _pictures(60000, 10000, (28, 28)),
        {"x_train": (0, 1), "x_test": (0, 1)},
        "the fixed random binarisation of MNIST that the CD25(500) RBM of Salakhutdinov and Murray"
        " (2008) was trained on, pixels 0 or 1",
    ),
    "omniglot": Form(
        {
            "images": ("uint8", (_DRAWINGS, 28, 28)),
            "class_id": ("int16", (_DRAWINGS,)),
            "is_evaluation": ("bool", (_DRAWINGS,)),
        }
        | {name: ("uint8", (_DRAWINGS,)) for name in ("alphabet", "character", "drawer")}
        | {"alphabet_names": ("U", (50,))},
        {"alphabet": (0, 49), "drawer": (1, 20), "class_id": (1, 1623)},
        "all 50 alphabets of Omniglot, area-averaged to 28x28, ink 255",
    ),
    "cifar10": Form(
        _pictures(50000, 10000, (32, 32, 3))
        | _labels("y", 50000, 10000)
        | {"label_names": ("U", (10,))},
        {"y_train": (0, 9), "y_test": (0, 9)},
        "CIFAR-10",
    ),
    "cifar100": Form(
        _pictures(50000, 10000, (32, 32, 3))
        | _labels("y", 50000, 10000)
        | _labels("c", 50000, 10000)
        | {
            "fine_names": ("U", (100,)),
            "coarse_names": ("U", (20,)),
            "fine_to_coarse": ("uint8", (100,)),
        },
        {
            "y_train": (0, 99),
            "y_test": (0, 99),
            "c_train": (0, 19),
            "c_test": (0, 19),
            "fine_to_coarse": (0, 19),
        },
        "CIFAR-100, y the fine and c the coarse label",
    ),
    "rbm_cd25_500": Form(
        {"W": ("float64", (784, 500)), "a": ("float64", (784,)), "b": ("float64", (500,))},
        {},
        "the CD25(500) RBM of Salakhutdinov and Murray (2008): weights, visible biases (row-major"
        " 28x28 pixels) and hidden biases",
    ),
}


def described(name: str) -> str:
    """A file's form in words: `x_train uint8 60000x28x28, …`."""
    return ", ".join(
        f"{key} {_kind(kind)} {'x'.join(map(str, shape))}"
        for key, (kind, shape) in FORMS[name].arrays.items()
    )


def check(name: str, arrays: Arrays, where: str) -> None:
    """Refuse arrays that are not exactly a data set's; `where` names the file in the message."""
    form = FORMS[name]
    for key, (kind, shape) in form.arrays.items():
        if key not in arrays:
            raise BadDataError(
                f"{where} holds no array {key!r}; {name}.npz must hold {described(name)}"
            )
        array = arrays[key]
        if array.shape != shape or not _is_kind(array, kind):
            size = "x".join(map(str, array.shape)) or "a single value"
            raise BadDataError(
                f"{where}: {key} is {_kind(array.dtype.name)} {size}; expected {_kind(kind)}"
                f" {'x'.join(map(str, shape))}"
            )
    for key, (low, high) in form.within.items():
        least, most = int(arrays[key].min()), int(arrays[key].max())
        if least < low or most > high:
            raise BadDataError(
                f"{where}: {key} runs from {least} to {most}; expected {low} to {high}"
            )
    for key, array in arrays.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise BadDataError(f"{where}: {key} holds values that are not finite numbers")


def _is_kind(array: NDArray, kind: str) -> bool:
    return array.dtype.kind == "U" if kind == "U" else array.dtype == np.dtype(kind)


def presented(name: str, form: str, arrays: Arrays) -> Images:
    """The arrays of a file of that form as `Images`."""
    return _PRESENTED[form](name, arrays)


def _plain(name: str, arrays: Arrays) -> Images:
    labels = arrays.get("label_names", np.array([str(digit) for digit in range(10)]))
    return _images(name, arrays, label_names=labels)


def _binarized(name: str, arrays: Arrays) -> Images:
    """Pixels 0 and 1 become 0 and 255, so that `as_float` gives 0 and 1."""
    train, test = (_channels_first(arrays[key]) * 255 for key in ("x_train", "x_test"))
    return Images(name, train, None, test, None, (), {}, digest(arrays))


def _coarse(name: str, arrays: Arrays) -> Images:
    extras = {key: _index(arrays[key]) for key in ("c_train", "c_test", "fine_to_coarse")}
    return _images(
        name,
        arrays,
        label_names=arrays["fine_names"],
        group_names=arrays["coarse_names"],
        extras=extras,
    )


def _drawn(name: str, arrays: Arrays) -> Images:
    """Two of a character's twenty drawings are for testing, another pair for the next character, so
    that every hand is in both parts.
    """
    character, drawer = arrays["class_id"].astype(np.int64), arrays["drawer"].astype(np.int64)
    held = (drawer - 1) // 2 == character % 10
    parts = {"train": ~held, "test": held}
    extras = {
        f"{key}_{part}": _index(arrays[key][chosen])
        for key in ("alphabet", "character", "drawer", "class_id", "is_evaluation")
        for part, chosen in parts.items()
    }
    split = {f"x_{part}": arrays["images"][chosen] for part, chosen in parts.items()}
    split |= {f"y_{part}": character[chosen] - 1 for part, chosen in parts.items()}
    return _images(
        name,
        split,
        label_names=_characters(arrays),
        group_names=arrays["alphabet_names"],
        extras=extras,
        digested=arrays,
    )


def _characters(arrays: Arrays) -> NDArray:
    """`Greek 3` for the third character of the Greek alphabet, in the order of class_id."""
    _, first = np.unique(arrays["class_id"], return_index=True)
    names = arrays["alphabet_names"][arrays["alphabet"][first]]
    return np.array(
        [f"{name} {number}" for name, number in zip(names, arrays["character"][first], strict=True)]
    )


_PRESENTED: dict[str, Callable[[str, Arrays], Images]] = {
    "mnist": _plain,
    "mnist_binarized": _binarized,
    "omniglot": _drawn,
    "cifar10": _plain,
    "cifar100": _coarse,
}


def _images(
    name: str,
    arrays: Arrays,
    *,
    label_names: NDArray,
    group_names: NDArray | None = None,
    extras: Mapping[str, Tensor] | None = None,
    digested: Arrays | None = None,
) -> Images:
    return Images(
        name=name,
        x_train=_channels_first(arrays["x_train"]),
        y_train=_index(arrays["y_train"]),
        x_test=_channels_first(arrays["x_test"]),
        y_test=_index(arrays["y_test"]),
        label_names=tuple(map(str, label_names)),
        extras=extras or {},
        fingerprint=digest(digested or arrays),
        group_names=() if group_names is None else tuple(map(str, group_names)),
    )


def _channels_first(x: NDArray) -> Tensor:
    """N, H, W or N, H, W, C to N, C, H, W."""
    turned = x[:, None] if x.ndim == 3 else x.transpose(0, 3, 1, 2)
    return torch.from_numpy(np.ascontiguousarray(turned))


def _index(labels: NDArray) -> Tensor:
    kind = np.bool_ if labels.dtype == np.bool_ else np.int64
    return torch.from_numpy(labels.astype(kind))


def _kind(kind: str) -> str:
    return "text" if kind.startswith(("U", "str")) else kind
