"""Downloads: torchvision's files become ours, whole or not at all, and a silent network is given up
on in time.
"""

from __future__ import annotations

import os
import socket
import sys
import time
import types
import urllib.error
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from distillery.data import download


def pretend(monkeypatch: pytest.MonkeyPatch, **sets: Any) -> None:
    """A torchvision with these data sets only."""
    datasets = types.ModuleType("torchvision.datasets")
    vars(datasets).update(sets)
    monkeypatch.setitem(sys.modules, "torchvision", types.ModuleType("torchvision"))
    monkeypatch.setitem(sys.modules, "torchvision.datasets", datasets)
    monkeypatch.setattr(download, "_asked", lambda address: None)


def small(shape: tuple[int, ...]) -> Callable[..., Any]:
    def dataset(raw: str, train: bool, download: bool = False) -> types.SimpleNamespace:
        n = 6 if train else 3
        return types.SimpleNamespace(
            data=np.full((n, *shape), int(train), np.uint8),
            targets=list(range(n)),
            classes=["a", "b"],
        )

    return dataset


def test_mnist_is_written_in_our_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, MNIST=small((28, 28)))
    download.download("mnist", tmp_path / "new" / "mnist.npz")
    with np.load(tmp_path / "new" / "mnist.npz", allow_pickle=False) as file:
        assert {name: (file[name].dtype.name, file[name].shape) for name in file.files} == {
            "x_train": ("uint8", (6, 28, 28)),
            "y_train": ("uint8", (6,)),
            "x_test": ("uint8", (3, 28, 28)),
            "y_test": ("uint8", (3,)),
        }
        assert file["x_train"].all()
        assert not file["x_test"].any()
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["mnist.npz"]


def test_cifar_brings_its_names_and_coarse_labels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, CIFAR10=small((32, 32, 3)), CIFAR100=small((32, 32, 3)))
    assert list(download.cifar10(str(tmp_path))["label_names"]) == ["a", "b"]
    found = download.cifar100(str(tmp_path))
    assert found["c_train"].tolist() == [
        4,
        1,
        14,
        8,
        0,
        6,
    ]  # apple, aquarium fish, baby, bear, beaver, bed
    assert [found["coarse_names"][i] for i in found["c_train"]][:2] == [
        "fruit_and_vegetables",
        "fish",
    ]


def test_krizhevskys_table_puts_five_classes_into_each_of_twenty_groups() -> None:
    groups = [int(group) for group in download._GROUP_OF.split()]
    assert [groups.count(group) for group in range(len(download._GROUPS.split()))] == [5] * 20
    assert len(groups) == 100


def test_omniglot_is_numbered_by_its_files_and_averaged_to_28x28(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dataset(raw: str, background: bool, download: bool) -> types.SimpleNamespace:
        root = Path(raw, "background" if background else "evaluation")
        for alphabet, first in (
            {"Tifinagh": 910, "Angelic": 20}.items() if background else {"ULOG": 1598}.items()
        ):
            for character in (1, 2):
                folder = root / alphabet / f"character{character:02}"
                folder.mkdir(parents=True)
                for drawer in (1, 2):
                    paper = np.full((105, 105), 255, np.uint8)
                    paper[:4] = 0  # the first row of 28 covers the first four of 105
                    Image.fromarray(paper).convert("1").save(
                        folder / f"{first + character - 1:04}_{drawer:02}.png"
                    )
        return types.SimpleNamespace(target_folder=str(root))

    pretend(monkeypatch, Omniglot=dataset)
    found = download.omniglot(str(tmp_path))
    assert found["alphabet_names"].tolist() == ["Angelic", "Tifinagh", "ULOG"]
    assert found["alphabet"].tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert found["class_id"].tolist() == [
        20,
        20,
        21,
        21,
        910,
        910,
        911,
        911,
        1598,
        1598,
        1599,
        1599,
    ]
    assert found["drawer"].tolist() == [1, 2] * 6
    assert found["character"].tolist() == [1, 1, 2, 2] * 3
    assert found["is_evaluation"].tolist() == [False] * 8 + [True] * 4
    assert found["images"].shape == (12, 28, 28)
    assert (found["images"][:, 0] == 255).all()
    assert not found["images"][:, 1:].any()


def test_a_download_that_breaks_off_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(raw: str, train: bool, download: bool) -> None:
        Path(raw, "half").write_bytes(b"half of it")
        raise urllib.error.URLError(TimeoutError("timed out"))

    pretend(monkeypatch, MNIST=broken)
    with pytest.raises(download.DownloadError, match="timed out"):
        download.download("mnist", tmp_path / "mnist.npz")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_finished_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        download.write(tmp_path / "x.npz", {"x": np.zeros(3)})
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_never_answers_is_given_up_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "PATIENCE", 0.1)
    monkeypatch.setattr(download, "_asked", lambda address: time.sleep(1))
    start = time.monotonic()
    with pytest.raises(download.DownloadError, match="did not answer within"):
        download.download("cifar10", tmp_path / "cifar10.npz")
    assert time.monotonic() - start < 0.9


def test_a_name_that_does_not_resolve_is_a_reason_and_not_a_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(*args: Any, **kwargs: Any) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    for proxy in (
        "http_proxy",
        "https_proxy",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "all_proxy",
        "ALL_PROXY",
    ):
        monkeypatch.delenv(proxy, raising=False)
    with pytest.raises(download.DownloadError, match="Name or service not known"):
        download.download("cifar10", tmp_path / "cifar10.npz")


def test_sockets_are_impatient_only_while_downloading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def dataset(raw: str, train: bool, download: bool) -> Any:
        seen.append(socket.getdefaulttimeout())
        return small((28, 28))(raw, train)

    before = socket.getdefaulttimeout()
    pretend(monkeypatch, MNIST=dataset)
    download.download("mnist", tmp_path / "mnist.npz")
    assert seen == [download.PATIENCE] * 2
    assert socket.getdefaulttimeout() == before
