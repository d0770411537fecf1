"""Packages that only some calls need, and the sentence that says which extra brings one that is
not here.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

# The extras of the distribution, as pyproject.toml declares them, and the packages that each brings
# by the names they are imported by.
EXTRAS = {
    "pictures": ("matplotlib",),
    "tables": ("pandas",),
    "stand-ins": ("sklearn", "matplotlib", "fontTools"),
    "vision": ("torchvision",),
}


class MissingExtraError(ImportError, ValueError):
    """A package is not installed that a call needs.

    An ImportError to whoever tries an import, and a ValueError, which the command line prints as a
    sentence.
    """


@contextmanager
def extra(name: str, what: str) -> Iterator[None]:
    """Around the imports that `what` needs: if a package of that extra is not installed, say so,
    and how to get it.
    """
    try:
        yield
    except ModuleNotFoundError as problem:
        package = (problem.name or "").partition(".")[0]
        if package not in EXTRAS[name]:
            raise
        raise MissingExtraError(
            f"{what} needs {package}, which is not installed; the extra {name!r} brings it:"
            f" pip install 'distillery[{name}]'",
            name=package,
        ) from problem


def check(name: str, what: str) -> None:
    """Say at the door what `what` would say later, when much has been computed. Nothing is
    imported yet.
    """
    with extra(name, what):
        for package in EXTRAS[name]:
            if package not in sys.modules and find_spec(package) is None:
                raise ModuleNotFoundError(f"No module named {package!r}", name=package)
