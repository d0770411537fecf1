"""torchvision's downloads, rewritten once as our plain `.npz` files.

Without a network this fails within seconds, in a sentence.
"""

from __future__ import annotations

import socket
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from distillery.support.atomic import replacing
from distillery.support.extras import check, extra

PATIENCE = 8.0  # seconds that a server may be silent
_GROUPS = (
    "aquatic_mammals fish flowers food_containers fruit_and_vegetables household_electrical_devices"
    " household_furniture insects large_carnivores large_man-made_outdoor_things"
    " large_natural_outdoor_scenes large_omnivores_and_herbivores medium_mammals"
    " non-insect_invertebrates people reptiles small_mammals trees vehicles_1 vehicles_2"
)
_GROUP_OF = (
    "4 1 14 8 0 6 7 7 18 3 3 14 9 18 7 11 3 9 7 11 6 11 5 10 7 6 13 15 3 15 0 11 1 10 12 14 16 9 11"
    " 5 5 19 8 8 15 13 14 17 18 10 16 4 17 4 2 0 17 4 18 17 10 3 2 12 12 16 12 1 9 19 2 10 0 1 16"
    " 12 9 13 15 13 16 19 2 4 6 19 5 5 8 19 18 1 2 15 6 0 17 8 14 13"
)


class DownloadError(Exception):
    """The reason, in a few words."""


def download(name: str, path: Path) -> None:
    """Fetch a set and write it to `path` in our form, all at once or not at all."""
    address, convert = SETS[name]
    check("vision", "the download")  # no server is asked in vain
    _reach(address)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with (
            tempfile.TemporaryDirectory(prefix=f"{name}-", suffix=".part", dir=path.parent) as raw,
            _impatient(),
        ):
            write(path, convert(raw))
    except (OSError, RuntimeError, ImportError) as problem:
        raise DownloadError(_reason(problem)) from problem


def write(path: Path, arrays: dict[str, NDArray]) -> None:
    """An uncompressed .npz, written beside its place, made durable, then renamed into it."""
    with replacing(path) as part, open(part, "wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]


def mnist(raw: str) -> dict[str, NDArray]:
    MNIST = _torchvision().MNIST
    return _split(lambda train: MNIST(raw, train=train, download=True))


def cifar10(raw: str) -> dict[str, NDArray]:
    CIFAR10 = _torchvision().CIFAR10
    names = np.array(CIFAR10(raw, train=False, download=True).classes)
    return _split(lambda train: CIFAR10(raw, train=train)) | {"label_names": names}


def cifar100(raw: str) -> dict[str, NDArray]:
    """The coarse label follows from the fine one, by Krizhevsky's table."""
    CIFAR100 = _torchvision().CIFAR100
    names = np.array(CIFAR100(raw, train=False, download=True).classes)
    arrays = _split(lambda train: CIFAR100(raw, train=train))
    groups = np.array([int(group) for group in _GROUP_OF.split()], dtype=np.uint8)
    return arrays | {
        "c_train": groups[arrays["y_train"]],
        "c_test": groups[arrays["y_test"]],
        "fine_names": names,
        "coarse_names": np.array(_GROUPS.split()),
        "fine_to_coarse": groups,
    }


def omniglot(raw: str) -> dict[str, NDArray]:
    """Both parts, 105x105 and black on white, area-averaged to 28x28 with ink 255; the file
    `0709_01.png` is class 709 by drawer 1.
    """
    Omniglot = _torchvision().Omniglot
    drawings = _Drawings()
    names: list[str] = []
    for background in (True, False):
        part = Path(Omniglot(raw, background=background, download=True).target_folder)
        for alphabet in sorted(path for path in part.iterdir() if path.is_dir()):
            drawings.add(alphabet, number=len(names), is_evaluation=not background)
            names.append(alphabet.name)
    return drawings.arrays() | {"alphabet_names": np.array(names)}


SETS: dict[str, tuple[str, Callable[[str], dict[str, NDArray]]]] = {
    "mnist": ("https://ossci-datasets.s3.amazonaws.com/mnist/train-labels-idx1-ubyte.gz", mnist),
    "cifar10": ("https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz", cifar10),
    "cifar100": ("https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz", cifar100),
    "omniglot": (
        "https://raw.githubusercontent.com/brendenlake/omniglot/master/python/images_background.zip",
        omniglot,
    ),
}


class _Drawings:
    """The drawings of Omniglot, with what the names of their files and folders say about them."""

    kinds: ClassVar = {
        "images": np.uint8,
        "alphabet": np.uint8,
        "character": np.uint8,
        "drawer": np.uint8,
        "class_id": np.int16,
        "is_evaluation": np.bool_,
    }

    def __init__(self) -> None:
        self._columns: dict[str, list[Any]] = {name: [] for name in self.kinds}

    def add(self, alphabet: Path, *, number: int, is_evaluation: bool) -> None:
        """All drawings of an alphabet's characters: `character03/0711_05.png` is class 711 by
        drawer 5.
        """
        for file in sorted(alphabet.glob("*/*.png")):
            facts = (
                _shrunk(file),
                number,
                int(file.parent.name[-2:]),
                int(file.stem[-2:]),
                int(file.stem[:4]),
                is_evaluation,
            )
            for column, fact in zip(self._columns.values(), facts, strict=True):
                column.append(fact)

    def arrays(self) -> dict[str, NDArray]:
        return {
            name: np.array(self._columns[name]).astype(kind) for name, kind in self.kinds.items()
        }


def _torchvision() -> Any:
    """torchvision's data sets."""
    with extra("vision", "the download"):
        from torchvision import datasets
    return datasets


def _split(open_part: Callable[[bool], Any]) -> dict[str, NDArray]:
    train, test = open_part(True), open_part(False)
    return {
        "x_train": np.asarray(train.data, dtype=np.uint8),
        "y_train": np.asarray(train.targets, dtype=np.uint8),
        "x_test": np.asarray(test.data, dtype=np.uint8),
        "y_test": np.asarray(test.targets, dtype=np.uint8),
    }


def _shrunk(file: Path) -> NDArray[np.uint8]:
    from PIL import Image

    with Image.open(file) as drawing:
        paper = np.asarray(drawing.convert("L"))
    return np.asarray(Image.fromarray(255 - paper).resize((28, 28), Image.Resampling.BOX))


def _reach(address: str) -> None:
    """Ask the server for its headers, in a thread: looking up a name knows no time limit."""
    answer: list[Exception | None] = []
    asker = threading.Thread(target=lambda: answer.append(_asked(address)), daemon=True)
    asker.start()
    asker.join(PATIENCE)
    host = address.split("/")[2]
    if not answer:
        raise DownloadError(f"{host} did not answer within {PATIENCE:.0f} seconds")
    if answer[0] is not None:
        raise DownloadError(f"{host}: {_reason(answer[0])}")


def _asked(address: str) -> Exception | None:
    try:
        request = urllib.request.Request(address, method="HEAD")
        with urllib.request.urlopen(request, timeout=PATIENCE):
            return None
    except Exception as problem:  # whatever the network does, the caller hears it as a sentence
        return problem


@contextmanager
def _impatient() -> Iterator[None]:
    """torchvision sets no time limit of its own, so sockets get one while it downloads."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(PATIENCE)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _reason(problem: Exception) -> str:
    reason = problem.reason if isinstance(problem, urllib.error.URLError) else problem
    return " ".join(str(reason).split())[:200] or type(problem).__name__
