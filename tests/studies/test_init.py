from __future__ import annotations

import sys

import pytest

from distillery import studies
from distillery.studies import Outcome, Study


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A second folder of studies, whose files we write."""
    monkeypatch.setattr(studies, "__path__", [str(tmp_path)])
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("distillery.studies.zz_")]:
        del sys.modules[name]


def _write(path, name: str, called: str) -> None:
    body = f"from distillery.studies import Outcome, Study\nSTUDY = Study({called!r}, 1, '', lambda p: [], lambda c, x: Outcome({{}}))\n"
    (path / f"{name}.py").write_text(body)


def test_the_names_are_the_files_without_importing_them(folder):
    (folder / "zz_broken.py").write_text("raise SystemError")
    _write(folder, "zz_fine", "zz_fine")
    for helper in ("study", "_shared"):
        (folder / f"{helper}.py").write_text("")
    assert studies.names() == ["zz_broken", "zz_fine"]


def test_a_study_is_found_by_the_name_of_its_file(folder):
    _write(folder, "zz_fine", "zz_fine")
    assert studies.find("zz_fine").name == "zz_fine"


def test_an_unknown_study_is_refused_with_the_nearest_name_and_all_names(folder):
    _write(folder, "zz_fine", "zz_fine")
    with pytest.raises(ValueError, match=r"unknown study 'zz_fime'; did you mean 'zz_fine'\? study can be: zz_fine"):
        studies.find("zz_fime")


def test_a_study_that_bears_another_name_than_its_file_is_refused(folder):
    _write(folder, "zz_other", "zz_fine")
    with pytest.raises(ValueError, match="calls itself 'zz_fine'"):
        studies.find("zz_other")


MINE = Study("mine", 1, "", lambda profile: [], lambda cell, context: Outcome({}))


def test_a_study_of_your_own_is_found_by_module_and_attribute(monkeypatch):
    monkeypatch.setitem(sys.modules, "zz_mine", sys.modules[__name__])
    assert studies.find("zz_mine:MINE") is MINE
    with pytest.raises(ValueError, match="has no attribute 'YOURS'"):
        studies.find("zz_mine:YOURS")
    with pytest.raises(ValueError, match=r"is a module; a distillery\.studies\.Study is needed"):
        studies.find("zz_mine:sys")
    with pytest.raises(ValueError, match="no module 'zz_nowhere'"):
        studies.find("zz_nowhere:STUDY")


def test_every_study_of_the_book_is_found_and_has_cells_at_every_profile():
    for name in studies.names():
        study = studies.find(name)
        assert all(study.cells(profile) for profile in studies.PROFILES)
