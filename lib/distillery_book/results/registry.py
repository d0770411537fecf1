"""Which chapters the book has and which studies they bring, found by looking into the folders of
`distillery_book.chapters`.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass

from distillery.support.nearest import unknown
from distillery_book.results.study import Study

CHAPTERS = "distillery_book.chapters"


@dataclass(frozen=True)
class Chapter:
    """What a chapter's folder says of itself: its notebook, without the ending; the studies it
    brings, each a file of that name; and its lines on the index page, in MyST.

    A reader with `question` is led to `title`, and told what an answer `costs`. A chapter without a
    `finding` is not listed among what was found; one `in_preparation` has studies but no page yet,
    and is not listed at all. A second page, `02b_name` beside `02_name`, needs no entry: contents
    and numbers find it by its name.
    """

    notebook: str
    studies: tuple[str, ...] = ()
    _: KW_ONLY
    title: str
    question: str
    costs: str
    finding: str = ""
    in_preparation: bool = False

    def __post_init__(self) -> None:
        if not re.fullmatch(r"\d\d(_[a-z0-9]+)+", self.notebook):
            raise ValueError(
                f"Chapter.notebook is {self.notebook!r}; two digits and a name are needed, as in"
                " '01_one_loop'"
            )
        for name in ("title", "question", "costs"):
            if not getattr(self, name).strip():
                raise ValueError(f"Chapter.{name} of {self.notebook} is empty; the index shows it")

    @property
    def number(self) -> int:
        return int(self.notebook[:2])


def chapters() -> dict[str, Chapter]:
    """The chapters by the names of their folders, in the order of their numbers; no study is
    imported.
    """
    package = importlib.import_module(CHAPTERS)
    folders = [module.name for module in pkgutil.iter_modules(package.__path__) if module.ispkg]
    declared = {name: importlib.import_module(f"{CHAPTERS}.{name}").CHAPTER for name in folders}
    return dict(sorted(declared.items(), key=lambda item: item[1].number))


def listed() -> dict[str, Chapter]:
    """The chapters that have a page."""
    return {name: chapter for name, chapter in chapters().items() if not chapter.in_preparation}


def names() -> list[str]:
    """The names of the studies of all chapters, without importing them."""
    return sorted(study for study, _ in _homes())


def find(name: str) -> Study:
    """The study called `name`, or a study of your own as `package.module:ATTRIBUTE`."""
    if ":" in name:
        return _elsewhere(name)
    homes = dict(_homes())
    if name not in homes:
        raise ValueError(unknown("study", name, sorted(homes)))
    study = _checked(importlib.import_module(f"{CHAPTERS}.{homes[name]}.{name}").STUDY, name)
    if study.name != name:
        raise ValueError(
            f"the study in chapters/{homes[name]}/{name}.py calls itself {study.name!r}; a study"
            " has the name of its file"
        )
    return study


def makers() -> dict[str, str]:
    """The name of every file of weights that a study makes, and the name of that study."""
    return {weights: study.name for study in map(find, names()) for weights in study.makes}


def _homes() -> Iterator[tuple[str, str]]:
    """Each study and the folder of its chapter."""
    for folder, chapter in chapters().items():
        yield from ((study, folder) for study in chapter.studies)


def _elsewhere(name: str) -> Study:
    module, _, attribute = name.partition(":")
    if not module or not attribute:
        raise ValueError(
            f"the study is {name!r}: a name of the book, or package.module:ATTRIBUTE, is needed"
        )
    try:
        holder = importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise ValueError(
            f"unknown study {name!r}; no module {error.name!r} can be imported from here"
        ) from error
    if not hasattr(holder, attribute):
        raise ValueError(
            f"unknown study {name!r}; module {module!r} has no attribute {attribute!r}"
        )
    return _checked(getattr(holder, attribute), name)


def _checked(candidate: object, name: str) -> Study:
    if not isinstance(candidate, Study):
        raise ValueError(
            f"{name!r} is a {type(candidate).__name__}; a distillery_book.results.study.Study is"
            " needed"
        )
    return candidate
