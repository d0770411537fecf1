from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
import torch

import distillery
from distillery.models import files
from distillery.models.files import Named
from distillery.models.rbm import RBM
from distillery.tools import trained


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of two machines."""
    machines = [
        Named(f"machine-{n}", RBM(3, n, rng=torch.Generator().manual_seed(n)), f"{n}.")
        for n in (1, 2)
    ]
    where = tmp_path / "machines.safetensors"
    where.write_bytes(files.packed(machines))
    return where


def offer(monkeypatch: pytest.MonkeyPatch, *providers: str) -> None:
    """Packages that offer what these functions of this module answer."""
    points = [EntryPoint(name, f"{__name__}:{name}", trained.GROUP) for name in providers]
    monkeypatch.setattr(EntryPoint, "load", lambda point: globals()[point.name])
    monkeypatch.setattr(trained, "entry_points", lambda group: points)


OFFERED: dict[str, Path] = {}


def offers(results: str | Path | None) -> dict[str, Path]:
    return OFFERED


def offers_nothing(results: str | Path | None) -> dict[str, Path]:
    raise ValueError(f"nothing is in {results}")


def test_a_file_is_loaded_with_no_package_that_offers_models(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(monkeypatch)
    for which in (path, str(path)):
        assert distillery.load(which, name="machine-2").hidden == 2
    with pytest.raises(ValueError, match=r"'machine-2' is no file, and no package is installed"):
        distillery.load("machine-2")


def test_a_relative_file_and_a_folder_are_found_where_one_is(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(path.parent)
    assert distillery.load(path.name, name="machine-1").hidden == 1
    distillery.load(path, name="machine-1").save_pretrained(path.parent / "folder")
    assert distillery.load("folder").hidden == 1


def test_a_model_is_found_by_name_among_those_that_packages_offer(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(monkeypatch, "offers_nothing", "offers")
    monkeypatch.setitem(OFFERED, "machine-2", path)
    assert distillery.load("machine-2").hidden == 2
    with pytest.raises(ValueError, match=r"'machine-3' is no file, and nothing is in there"):
        distillery.load("machine-3", "there")
    offer(monkeypatch, "offers")
    with pytest.raises(ValueError, match=r"unknown trained model 'machine-3'; did you mean 'mach"):
        distillery.load("machine-3")
    with pytest.raises(ValueError, match=r"name is 'machine-1', but 'machine-2' is no file"):
        distillery.load("machine-2", name="machine-1")


def test_what_is_installed_twice_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, "offers_nothing", "offers_nothing")
    with pytest.raises(ValueError, match=r"^'machine-3' is no file, and nothing is in there$"):
        distillery.load("machine-3", "there")


def test_a_path_that_is_not_there_is_not_taken_for_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(monkeypatch)
    for which in (tmp_path / "nowhere", "nowhere.safetensors", "no/where"):
        with pytest.raises(ValueError, match="is not there: a file is needed"):
            distillery.load(which)
