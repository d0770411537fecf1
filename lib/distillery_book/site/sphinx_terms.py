"""A Sphinx extension: on each page the first use of a glossary's term is a link to its definition,
and shows the definition when it is pointed at.

Terms are taken from the glossaries of all pages, so a term that is defined is found everywhere.
Only running text is searched: no headings, captions, tables, links, code or formulas. The link is
underlined with dots, and the definition stands in the page: no script is needed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

# Words that the pages use in more than one sense, or as verbs.
SILENT = ("hint", "departure", "prior")
# Pages that define words themselves, or list names.
WITHOUT = ("book/glossary", "book/notation", "book/references", "book/api")
CLOSED: tuple[Any, ...] = (
    nodes.reference,
    nodes.literal,
    nodes.math,
    nodes.raw,
    nodes.title,
    nodes.caption,
    nodes.table,
    nodes.footnote,
    addnodes.pending_xref,
)


@dataclass(frozen=True)
class Term:
    """What is defined under one or several names, and where."""

    names: tuple[str, ...]
    says: str
    docname: str
    anchor: str


class term_link(nodes.Inline, nodes.TextElement):  # noqa: N801 (docutils names nodes so)
    """A use of a term, with its address and its definition."""


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_node(term_link, html=(_open, _close), latex=(_nothing, _nothing))
    app.connect("doctree-read", collect)
    app.connect("env-purge-doc", forget)
    app.connect("env-merge-info", merge)
    app.connect("env-updated", rewritten)
    app.connect("doctree-resolved", link)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def collect(app: Sphinx, doctree: nodes.document) -> None:
    """Remember the terms that a page defines."""
    docname = app.env.docname
    found = [
        _term(item, docname)
        for glossary in doctree.findall(addnodes.glossary)
        for item in glossary.findall(nodes.definition_list_item)
    ]
    _terms(app.env)[docname] = found


def forget(app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    _terms(env).pop(docname, None)


def merge(app: Sphinx, env: BuildEnvironment, *others: Any) -> None:
    """What another process has read, when pages are read in parallel: names, then environment."""
    docnames, other = others
    theirs = _terms(other)
    _terms(env).update({name: theirs[name] for name in docnames if name in theirs})


def rewritten(app: Sphinx, env: BuildEnvironment) -> Iterable[str]:
    """All pages, when a definition is no longer what they show."""
    present = defined(env)
    if getattr(env, "distillery_terms_shown", None) == present:
        return []
    env.distillery_terms_shown = present  # type: ignore[attr-defined]
    return env.found_docs


def link(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Turn the first use of each term in a page's running text into a link."""
    if docname.startswith(WITHOUT):
        return
    waiting = {name: term for term in defined(app.env) for name in term.names}
    for text in list(_running(doctree)):
        pieces = _linked(text.astext(), waiting, app, docname)
        if len(pieces) > 1:
            text.parent.replace(text, pieces)


def defined(env: BuildEnvironment) -> list[Term]:
    """All terms that are linked, in the order of pages and of definitions."""
    every = [term for _, terms in sorted(_terms(env).items()) for term in terms]
    return [term for term in every if not set(term.names) & set(SILENT)]


def pattern(names: Iterable[str]) -> re.Pattern[str]:
    """Any of these names as a whole word or its plural, the longest first; abbreviations as they
    are written, other names with a capital too.
    """
    spelled = [_spelled(name) for name in sorted(names, key=len, reverse=True)]
    return re.compile(rf"(?<![\w-])(?:{'|'.join(spelled)})(?![\w-])")


def _linked(
    text: str, waiting: dict[str, Term], app: Sphinx, docname: str
) -> list[nodes.Text | term_link]:
    """The text in pieces; a term that is linked waits no longer, by none of its names."""
    pieces: list[nodes.Text | term_link] = []
    while waiting and (match := pattern(waiting).search(text)):
        term = waiting[_name(match.group(), waiting)]
        for name in term.names:
            del waiting[name]
        address = app.builder.get_relative_uri(docname, term.docname)
        node = term_link("", match.group(), refuri=f"{address}#{term.anchor}", says=term.says)
        pieces += [nodes.Text(text[: match.start()]), node]
        text = text[match.end() :]
    return [*pieces, nodes.Text(text)]


def _running(doctree: nodes.document) -> Iterator[nodes.Text]:
    for paragraph in doctree.findall(nodes.paragraph):
        if not _is_within(paragraph, CLOSED):
            texts = paragraph.findall(nodes.Text)
            yield from (text for text in texts if not _is_within(text, CLOSED))


def _is_within(node: nodes.Node, kinds: tuple[Any, ...]) -> bool:
    above: Any = node.parent
    while above is not None:
        if isinstance(above, kinds) or "cell_output" in getattr(above, "attributes", {}).get(
            "classes", ()
        ):
            return True
        above = above.parent
    return False


def _term(item: nodes.definition_list_item, docname: str) -> Term:
    terms = [child for child in item.children if isinstance(child, nodes.term)]
    definition = next(child for child in item.children if isinstance(child, nodes.definition))
    names = tuple(" ".join(term.astext().split()) for term in terms)
    says = " ".join(definition.astext().split())
    return Term(names, says, docname, terms[0]["ids"][0])


def _spelled(name: str) -> str:
    """A pattern for one name: any plural, and a capital where the name is not spelled with any."""
    first = name[0]
    either = f"[{first.upper()}{first}]" if name == name.lower() else re.escape(first)
    ending = r"(?:s|es)?" if not name.endswith(("s", "Z")) else ""
    return either + re.escape(name[1:]).replace(r"\ ", r"\s+") + ending


def _name(found: str, waiting: Sequence[str] | dict[str, Term]) -> str:
    """The name that was found in one of its spellings."""
    return next(name for name in waiting if pattern([name]).fullmatch(found))


def _terms(env: Any) -> dict[str, list[Term]]:
    if not hasattr(env, "distillery_terms"):
        env.distillery_terms = {}
    known: dict[str, list[Term]] = env.distillery_terms
    return known


def _open(self: Any, node: term_link) -> None:
    attributes = {"href": node["refuri"], "data-says": node["says"], "CLASS": "term-link"}
    self.body.append(self.starttag(node, "a", "", **attributes))


def _close(self: Any, node: term_link) -> None:
    self.body.append("</a>")


def _nothing(self: Any, node: term_link) -> None:
    """Other builders show the word alone."""
