"""A Sphinx extension: chapter 7 is number 7 on the page as in its file's name, also while chapter 6
is not yet written, and its second page, `07b_name`, is number 7b.
"""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.environment.collectors.toctree import TocTreeCollector

Collector: Any
try:  # jupyter-book replaces Sphinx's collector by one that counts again
    from sphinx_external_toc.collectors import TocTreeCollectorWithStyles as Collector
except ModuleNotFoundError:
    Collector = TocTreeCollector

_count: Any = Collector.assign_section_numbers


def setup(app: Sphinx) -> dict[str, Any]:
    # Sphinx counts the pages of a numbered part, and offers no event between counting sections and
    # numbering figures by them.
    setattr(Collector, "assign_section_numbers", assign_section_numbers)  # noqa: B010
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def assign_section_numbers(collector: TocTreeCollector, env: BuildEnvironment) -> list[str]:
    """Sphinx's numbers, the first of each replaced by the chapter's own; returns the pages whose
    numbers have changed.
    """
    before = env.toc_secnumbers
    _count(collector, env)
    for page, numbers in env.toc_secnumbers.items():
        if chapter := _chapter(page):
            _number(env, page, chapter)
            env.toc_secnumbers[page] = {
                anchor: old and (chapter, *old[1:]) for anchor, old in numbers.items()
            }
    return [page for page, numbers in env.toc_secnumbers.items() if numbers != before.get(page)]


def _chapter(page: str) -> Any:
    """The number that the page's name begins with; Sphinx only joins numbers by dots, so that of a
    second page may end in its letter.
    """
    match = re.match(r"book/(\d\d)([a-z]?)_", page)
    if match is None:
        return None
    number, letter = int(match[1]), match[2]
    return f"{number}{letter}" if letter else number


def _number(env: BuildEnvironment, page: str, chapter: Any) -> None:
    """Write the number where headings, contents and links to the page read it."""
    for node in [env.titles[page], *env.tocs[page].findall(nodes.reference)]:
        if old := node.get("secnumber"):
            node["secnumber"] = [chapter, *old[1:]]
