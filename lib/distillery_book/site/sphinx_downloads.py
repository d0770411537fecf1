"""A Sphinx extension: each chapter's page leads to its notebook, and to all of them in one archive.

The notebooks are those that the site shows: committed text and code, with the outputs of the
executed copies where there are any.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from distillery_book.site import ipynb

FOLDER = "_downloads/notebooks"
ARCHIVE = "distillery-notebooks.zip"
LINE = (
    '<p class="downloads">Download <a href="{own}" download>{name}</a> or'
    ' <a href="{all}" download>all notebooks</a>; <a href="{running}">how to run them</a>.</p>'
)
HEADING = "</h1>"


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("html-page-context", add_line)
    app.connect("build-finished", write)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def add_line(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], *_: Any
) -> None:
    """Beneath the title of a page that is a notebook, the links."""
    if not _is_notebook(app, pagename) or HEADING not in context.get("body", ""):
        return
    name = f"{pagename.rpartition('/')[2]}.ipynb"
    place = app.builder.get_relative_uri(pagename, "index").rpartition("/")[0]
    folder = f"{place}/{FOLDER}" if place else FOLDER
    running = app.builder.get_relative_uri(pagename, "book/running")
    line = LINE.format(
        own=f"{folder}/{name}", all=f"{folder}/{ARCHIVE}", name=name, running=running
    )
    context["body"] = context["body"].replace(HEADING, HEADING + line, 1)


def write(app: Sphinx, error: Exception | None) -> None:
    """The notebooks and the archive, beside the pages; the same notebooks give the same bytes."""
    if error is not None or app.builder.format != "html":
        return
    folder = Path(app.outdir) / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    texts = {path.name: _text(app, path) for path in _notebooks(app)}
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    with zipfile.ZipFile(folder / ARCHIVE, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in texts.items():
            archive.writestr(zipfile.ZipInfo(f"distillery-notebooks/{name}"), text)


def _notebooks(app: Sphinx) -> list[Path]:
    return [
        Path(app.env.doc2path(name))
        for name in sorted(app.env.found_docs)
        if _is_notebook(app, name)
    ]


def _is_notebook(app: Sphinx, docname: str) -> bool:
    return docname in app.env.found_docs and app.env.doc2path(docname).endswith(".ipynb")


def _text(app: Sphinx, path: Path) -> str:
    committed = ipynb.read(path)
    executed = ipynb.executed_copy(Path(app.srcdir), app.config.distillery_profile, path.stem)
    notebook = ipynb.shown(committed, ipynb.read(executed))[0] if executed.is_file() else committed
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
