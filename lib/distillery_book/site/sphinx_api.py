"""A Sphinx extension: the library's reference, one page a room, made from its docstrings.

A page that holds the line `<!-- room: generators -->` gets a section for each module of the room,
and one with `<!-- rooms -->` a table of the rooms. Docstrings are plain text with `names` in
backticks and formulas indented; they are turned into what docutils expects, so that no star or
underscore in a formula breaks the build. Beneath each comes its example, from `book/examples`.
"""

from __future__ import annotations

import ast
import functools
import importlib
import pkgutil
import re
import sys
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

import distillery
from distillery_book.site import examples

MARK = "<!-- rooms -->"
ROOM = re.compile(r"<!-- room: (\w+) -->")
ALONE = "loop"  # the page of the modules that are no rooms
BOOK = "book"  # the page of what chapters import
APART = ("distillery.__main__", "distillery.commands")
FIRST = ("distillery.distillation", "distillery.protocols")
OF_THE_BOOK = (
    "distillery_book.pages.beside",
    "distillery_book.pages.notebook",
    "distillery_book.results.records",
    "distillery_book.results.study",
)


def setup(app: Sphinx) -> dict[str, Any]:
    app.setup_extension("sphinx.ext.autodoc")
    app.connect("env-get-outdated", grown)
    app.connect("source-read", insert_rooms)
    app.connect("autodoc-process-docstring", readable)
    app.connect("autodoc-process-signature", parsable)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def insert_rooms(app: Sphinx, docname: str, content: list[str]) -> None:
    if Path(app.env.doc2path(docname)).suffix != ".md":
        return
    room = ROOM.search(content[0])
    if room or MARK in content[0]:
        _remembered(app.env)[docname] = _files()
        for path in examples.files():
            app.env.note_dependency(str(path))
    if room:
        content[0] = content[0].replace(room[0], "\n\n".join(sections(room[1])))
    elif MARK in content[0]:
        content[0] = content[0].replace(MARK, table())


def grown(app: Sphinx, env: BuildEnvironment, *documents: set[str]) -> list[str]:
    """The pages, when modules came or went since they were read; a module that changed is found by
    autodoc.
    """
    present = _files()
    return [docname for docname, files in _remembered(env).items() if files != present]


def pages() -> list[str]:
    """The names of the pages that there have to be: the modules that are no rooms, a page a room,
    and what chapters import.
    """
    rooms = [name for name in _modules() if name.count(".") == 1 and _is_room(name)]
    filled = [name for name in rooms if _inside(name)]
    return [ALONE, *(name.partition(".")[2] for name in filled), BOOK]


def table() -> str:
    """A row a page, with the first sentence of what the room says of itself."""
    rows = [f"| [{_title(page)}](api/{page}.md) | {_first_sentence(page)} |" for page in pages()]
    return "\n".join(["| room | what is in it |", "| --- | --- |", *rows])


def sections(page: str) -> list[str]:
    """MyST text: what a room says of itself, then its modules."""
    if page == BOOK:
        return list(map(_module, OF_THE_BOOK))
    if page == ALONE:
        alone = [name for name in _modules() if name.count(".") == 1 and not _is_room(name)]
        return list(map(_module, sorted(alone, key=lambda name: name not in FIRST)))
    room = f"distillery.{page}"
    return [importlib.import_module(room).__doc__ or "", *map(_module, _inside(room))]


def readable(app: Sphinx, what: str, name: str, obj: Any, *options_and_lines: Any) -> None:
    """Rewrite the lines of a docstring in place: backticks are code, indented blocks are kept line
    by line, signs are signs.
    """
    lines: list[str] = options_and_lines[1]
    if what == "module":
        lines[:] = [*(obj.__doc__ or "").splitlines(), ""]
    written: list[str] = []
    whole = _with_whole_literals(lines)
    for before, line in zip(["", *whole], whole, strict=False):
        indented = line.startswith("    ")
        if indented and not before.strip() and not _in_block(written):
            written += ["::", ""]
        written.append(line if indented else _escaped(line))
    kind = _kind(obj) if what == "class" else []
    lines[:] = [*written, *kind, *_example(name)]


def parsable(
    app: Sphinx, what: str, name: str, obj: Any, *options_and_signature: Any
) -> tuple[str | None, ...]:
    """Defaults that print as `<factory>` or with an address keep a whole signature from being
    parsed.

    Names that a module imports for the type checker alone are written out: several of ours are
    called alike.
    """
    signature: tuple[str | None, ...] = options_and_signature[1:]
    whole = _for_the_type_checker(getattr(obj, "__module__", None) or name.rpartition(".")[0])

    def readable(part: str) -> str:
        part = re.sub(r"=\s*<[^<>]*>", "= ...", part)
        return re.sub(
            r"(?<![\w.])[A-Z]\w*", lambda found: whole.get(found.group(), found.group()), part
        )

    return tuple(part and readable(part) for part in signature)


def _modules() -> list[str]:
    found = (module.name for module in pkgutil.walk_packages(distillery.__path__, "distillery."))
    return sorted(filter(_is_shown, found))


def _inside(room: str) -> list[str]:
    """The modules of a room, rooms within it left out."""
    return [name for name in _modules() if name.startswith(room + ".") and not _is_room(name)]


def _title(page: str) -> str:
    return {ALONE: "the loop and what it speaks of", BOOK: "what chapters import"}.get(page, page)


def _first_sentence(page: str) -> str:
    module = {ALONE: "distillery", BOOK: "distillery_book"}.get(page, f"distillery.{page}")
    said = " ".join((importlib.import_module(module).__doc__ or "").split())
    return said.partition(". ")[0].removesuffix(".").replace("|", "\\|") + "."


def _remembered(env: Any) -> dict[str, list[str]]:
    """The pages that were read, with the files that there were then."""
    if not hasattr(env, "distillery_api"):
        env.distillery_api = {}
    known: dict[str, list[str]] = env.distillery_api
    return known


def _files() -> list[str]:
    library = Path(distillery.__path__[0])
    return sorted(str(path.relative_to(library)) for path in library.rglob("*.py"))


def _module(name: str) -> str:
    directive = f".. automodule:: {name}\n   :members:"
    return f"## {name.removeprefix('distillery.')}\n\n```{{eval-rst}}\n{directive}\n```"


def _example(name: str) -> list[str]:
    """The example of a name in a fold, where there is one."""
    code = examples.of(name)
    if code is None:
        return []
    indented = [f"      {line}" if line else "" for line in code.splitlines()]
    return ["", ".. dropdown:: Example", "", "   .. code-block:: python", "", *indented, ""]


def _kind(cls: type) -> list[str]:
    """Which of the library's own classes a class is a kind of."""
    ours = [
        base
        for base in cls.__bases__
        if _is_shown(base.__module__) and not base.__name__.startswith("_") and base.__doc__
    ]
    return (
        [
            "",
            "A kind of "
            + ", ".join(f":py:class:`~{base.__module__}.{base.__qualname__}`" for base in ours)
            + ".",
            "",
        ]
        if ours
        else []
    )


@functools.cache
def _for_the_type_checker(module: str) -> dict[str, str]:
    """What stands under `if TYPE_CHECKING:` and is the library's own: a name, and the same with its
    module before it.
    """
    path = getattr(sys.modules.get(module), "__file__", None)
    blocks = (
        [node for node in ast.parse(Path(path).read_text()).body if isinstance(node, ast.If)]
        if path
        else []
    )
    imports = [
        node
        for block in blocks
        if "TYPE_CHECKING" in ast.unparse(block.test)
        for node in block.body
    ]
    found = [
        (node.module, alias)
        for node in imports
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    ]
    ours = [
        getattr(importlib.import_module(source), alias.name)
        for source, alias in found
        if source and source.startswith("distillery.")
    ]
    return {
        one.__name__: f"~{one.__module__}.{one.__qualname__}"
        for one in ours
        if isinstance(one, type)
    }


def _is_shown(name: str) -> bool:
    if name in OF_THE_BOOK:
        return True
    private = any(part.startswith("_") for part in name.split("."))
    return name.startswith("distillery.") and not private and not name.startswith(APART)


def _is_room(name: str) -> bool:
    return hasattr(importlib.import_module(name), "__path__")


def _with_whole_literals(lines: list[str]) -> list[str]:
    """The lines, joined where a literal in backticks goes on in the next one."""
    joined: list[str] = []
    for line in lines:
        is_open = bool(joined) and joined[-1].count("`") % 2 == 1
        if is_open and line.strip():
            joined[-1] = f"{joined[-1]} {line.strip()}"
        else:
            joined.append(line)
    return joined


def _in_block(written: list[str]) -> bool:
    """Whether the last line that is not empty belongs to an indented block."""
    return next((line.startswith("    ") for line in reversed(written) if line.strip()), False)


def _escaped(line: str) -> str:
    """A literal must stand apart from letters beside it, as in the plural of `x`."""
    literal = re.compile(r"(?<=(\w))?`+([^`]+)`+(?=(\w))?")
    pieces, end = [], 0
    for found in literal.finditer(line):
        before, inside, after = found.groups()
        pieces += [
            _signs(line[end : found.start()]),
            "\\ " if before else "",
            f"``{inside}``",
            "\\ " if after else "",
        ]
        end = found.end()
    return "".join(pieces) + _signs(line[end:])


def _signs(text: str) -> str:
    return re.sub(r"([*|\\])|(?<=\w)_(?=\W|$)", lambda sign: "\\" + sign.group(0), text)
