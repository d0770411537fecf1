"""The studies: one file a chapter, each ending in `STUDY = Study(...)`, found by the name of its file."""

from __future__ import annotations

import importlib
import pkgutil

from distillery.nearest import unknown
from distillery.studies.study import PROFILES, WEIGHTS, Answer, Cell, Context, Model, Outcome, Profile, Study, check_profile

__all__ = [
    "PROFILES",
    "WEIGHTS",
    "Answer",
    "Cell",
    "Context",
    "Model",
    "Outcome",
    "Profile",
    "Study",
    "check_profile",
    "find",
    "models",
    "names",
    "unknown",
]

_NO_STUDIES = {"study"}


def names() -> list[str]:
    """The names of the studies in this folder, without importing them."""
    found = [module.name for module in pkgutil.iter_modules(__path__)]
    return sorted(name for name in found if name not in _NO_STUDIES and not name.startswith("_"))


def find(name: str) -> Study:
    """The study called `name`, or a study of your own as `package.module:ATTRIBUTE`."""
    if ":" in name:
        return _elsewhere(name)
    if name not in names():
        raise ValueError(unknown("study", name, names()))
    study = _checked(importlib.import_module(f"{__name__}.{name}").STUDY, name)
    if study.name != name:
        raise ValueError(f"the study in studies/{name}.py calls itself {study.name!r}; a study has the name of its file")
    return study


def models() -> dict[str, tuple[Study, Model]]:
    """Every trained model that can be loaded by name, and the study that makes it."""
    return {model: (study, how) for study in map(find, names()) for model, how in study.models.items()}


def _elsewhere(name: str) -> Study:
    module, _, attribute = name.partition(":")
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise ValueError(f"unknown study {name!r}; no module {error.name!r} can be imported from here") from error
    if not hasattr(found, attribute):
        raise ValueError(f"unknown study {name!r}; module {module!r} has no attribute {attribute!r}")
    return _checked(getattr(found, attribute), name)


def _checked(found: object, name: str) -> Study:
    if not isinstance(found, Study):
        raise ValueError(f"{name!r} is a {type(found).__name__}; a distillery.studies.Study is needed")
    return found
