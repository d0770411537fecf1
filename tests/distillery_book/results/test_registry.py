from __future__ import annotations

import sys

import pytest

from distillery_book.results import registry
from distillery_book.results.study import PROFILES, Outcome, Study


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A package of chapters of which the only one, `zz_chapter`, brings `zz_broken` and `zz_fine`."""
    chapter = tmp_path / "zz_chapters" / "zz_chapter"
    chapter.mkdir(parents=True)
    (chapter.parent / "__init__.py").write_text("")
    facts = 'title="T", question="Q?", costs="C"'
    declared = f'Chapter("42_zz", studies=("zz_fine", "zz_broken"), {facts})'
    (chapter / "__init__.py").write_text(
        f"from distillery_book.results.registry import Chapter\nCHAPTER = {declared}\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(registry, "CHAPTERS", "zz_chapters")
    yield chapter
    for name in [name for name in sys.modules if name.startswith("zz_chapters")]:
        del sys.modules[name]


def _write(path, name: str, called: str) -> None:
    (path / f"{name}.py").write_text(
        "from distillery_book.results.study import Outcome, Study\n"
        f"STUDY = Study({called!r}, 1, '', lambda p: [], lambda c, x: Outcome({{}}))\n"
    )


def test_the_studies_are_those_that_chapters_name_and_none_is_imported(folder):
    (folder / "zz_broken.py").write_text("raise SystemError")
    assert registry.names() == ["zz_broken", "zz_fine"]
    assert registry.chapters()["zz_chapter"].number == 42


def test_a_study_is_found_by_the_name_of_its_file(folder):
    _write(folder, "zz_fine", "zz_fine")
    assert registry.find("zz_fine").name == "zz_fine"


def test_an_unknown_study_is_refused_with_the_nearest_name_and_all_names(folder):
    said = r"unknown study 'zz_fime'; did you mean 'zz_fine'\? study can be: zz_broken, zz_fine"
    with pytest.raises(ValueError, match=said):
        registry.find("zz_fime")


def test_a_study_that_bears_another_name_than_its_file_is_refused(folder):
    _write(folder, "zz_fine", "zz_other")
    with pytest.raises(ValueError, match="calls itself 'zz_other'"):
        registry.find("zz_fine")


def test_who_makes_which_weights_is_said_by_the_studies():
    makers = registry.makers()
    assert makers["nade-kl"] == "rbm"
    assert makers["nade-1000-from-rbm"] == "stronger"
    assert makers["autoencoder-38x2"] == "compression"


@pytest.mark.parametrize("name", [":NAME", "module:"])
def test_a_study_of_your_own_needs_a_module_and_an_attribute(name):
    with pytest.raises(ValueError, match=f"the study is '{name}': a name of the book, or package"):
        registry.find(name)


MINE = Study("mine", 1, "", lambda profile: [], lambda cell, context: Outcome({}))


def test_a_study_of_your_own_is_found_by_module_and_attribute(monkeypatch):
    monkeypatch.setitem(sys.modules, "zz_mine", sys.modules[__name__])
    assert registry.find("zz_mine:MINE") is MINE
    with pytest.raises(ValueError, match="has no attribute 'YOURS'"):
        registry.find("zz_mine:YOURS")
    with pytest.raises(
        ValueError, match=r"is a module; a distillery_book\.results\.study\.Study is needed"
    ):
        registry.find("zz_mine:sys")
    with pytest.raises(ValueError, match="no module 'zz_nowhere'"):
        registry.find("zz_nowhere:STUDY")


def test_every_study_of_the_book_is_found_and_has_cells_at_every_profile():
    for name in registry.names():
        study = registry.find(name)
        assert all(study.cells(profile) for profile in PROFILES)
