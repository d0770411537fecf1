"""A Sphinx extension: pages show the committed text and code with the outputs of the executed
copies, and need no network.

The executed copies lie in `_build/executed/<profile>/`, made by `distillery book`. Where there is
none, the committed outputs are shown, so that a fresh clone builds at once. Code that is not what
ran is a warning, which `-W` refuses.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging

from distillery_book.site import ipynb

LOGGER = logging.getLogger(__name__)
MATHJAX = "mathjax/tex-svg-full.js"


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_config_value(
        "distillery_profile", os.environ.get("DISTILLERY_BOOK_PROFILE", "smoke"), "env"
    )
    app.connect("env-get-outdated", newly_executed)
    app.connect("source-read", overlay)
    app.connect("html-page-context", without_thebe, priority=900)
    app.connect("build-finished", copy_mathjax)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def overlay(app: Sphinx, docname: str, content: list[str]) -> None:
    """Replace a notebook's outputs by those of its executed copy, cell by cell."""
    executed = _executed(app, docname)
    if executed is None or not executed.is_file():
        if executed is not None and app.config.distillery_profile != "smoke":
            _warn(
                f"no run at profile {app.config.distillery_profile}: the committed smoke outputs"
                " are shown",
                docname,
            )
        return
    app.env.note_dependency(str(executed))
    notebook, stale = ipynb.shown(json.loads(content[0]), ipynb.read(executed))
    if stale:
        _warn(
            f"cell {stale[0]} is not what ran, nor are {len(stale) - 1} others: run `distillery"
            " book` again",
            docname,
        )
    content[0] = json.dumps(notebook)


def newly_executed(app: Sphinx, env: BuildEnvironment, *documents: set[str]) -> Iterable[str]:
    """Pages whose first executed copy appeared since they were read; a copy that changed is a
    dependency that changed.
    """
    added, _, removed = documents
    known = env.found_docs - added - removed
    return [
        name
        for name in known
        if (copy := _executed(app, name))
        and copy.is_file()
        and str(copy) not in _dependencies(env, name)
    ]


def without_thebe(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], *_: Any
) -> None:
    """Drop thebe: no page uses it, it declares its constants twice (a console error) and it asks
    for the network.
    """
    context["script_files"] = [
        script for script in context["script_files"] if "thebe" not in _described(script).lower()
    ]


def copy_mathjax(app: Sphinx, error: Exception | None) -> None:
    """Put MathJax, one file from a package that carries it, beside the pages: formulas are drawn
    without a network.
    """
    if error is None and app.builder.format == "html":
        target = Path(app.outdir) / "_static" / MATHJAX
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(_mathjax(), target)


def _mathjax() -> Path:
    carrier = distribution("sphinx-mathjax-offline")
    for file in carrier.files or []:
        if file.as_posix().endswith(MATHJAX):
            return Path(str(carrier.locate_file(file)))
    raise FileNotFoundError(
        f"sphinx-mathjax-offline {carrier.version} carries no {MATHJAX}: install the version in"
        " constraints.txt"
    )


def _executed(app: Sphinx, docname: str) -> Path | None:
    source = Path(app.env.doc2path(docname))
    return (
        ipynb.executed_copy(Path(app.srcdir), app.config.distillery_profile, source.stem)
        if source.suffix == ".ipynb"
        else None
    )


def _dependencies(env: BuildEnvironment, docname: str) -> set[str]:
    return {
        str((Path(env.srcdir) / path).resolve()) for path in env.dependencies.get(docname, ())
    } | set(env.dependencies.get(docname, ()))


def _described(script: Any) -> str:
    return f"{getattr(script, 'filename', script)} {getattr(script, 'attributes', '')}"


def _warn(message: str, docname: str) -> None:
    LOGGER.warning(message, location=docname, type="distillery", subtype="executed")
