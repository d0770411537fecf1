"""The numbers of pages in a real, small build."""

from __future__ import annotations

import subprocess
import sys

import pytest

PAGE = """\
Title {n}
=========

Part
----

.. figure:: a.png
   :name: fig-{n}

   Caption.

.. math:: x = {n}
   :label: eq-{n}
"""
CONF = """\
extensions = ["sphinx_external_toc", "distillery_book.site.sphinx_numbers"]
numfig = True
math_numfig = True
math_number_all = False
"""
CONTENTS = """\
root: index
subtrees:
  - numbered: 1
    entries:
      - glob: book/[0-9]*
  - entries:
      - file: book/other
"""
NAMES = ("01_one", "07_seven", "07b_seven", "10_ten")


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the pages say; the contents name no chapter."""
    folder = tmp_path_factory.mktemp("pages")
    book = folder / "book"
    book.mkdir()
    (folder / "conf.py").write_text(CONF)
    (folder / "index.rst").write_text("Top\n===\n\n.. tableofcontents::\n")
    (folder / "_toc.yml").write_text(CONTENTS)
    (book / "other.rst").write_text("Other\n=====\n\nSee :numref:`fig-07b_seven`.\n")
    (book / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    for name in NAMES:
        (book / f"{name}.rst").write_text(PAGE.format(n=name))
    command = [sys.executable, "-m", "sphinx", "-q", "-b", "html", folder, folder / "out"]
    subprocess.run(command, check=True)
    written = {name: (folder / "out/book" / f"{name}.html") for name in (*NAMES, "other")}
    texts = {name: path.read_text() for name, path in written.items()}
    return texts | {"index": (folder / "out/index.html").read_text()}


@pytest.mark.parametrize(
    ("name", "number"), [("01_one", "1"), ("07_seven", "7"), ("07b_seven", "7b"), ("10_ten", "10")]
)
def test_a_page_has_the_number_of_its_file_in_headings_figures_and_equations(
    pages: dict[str, str], name: str, number: str
) -> None:
    assert f'<span class="section-number">{number}. </span>Title {name}' in pages[name]
    assert f"Fig. {number}.1" in pages[name]
    assert f"({number}.1)" in pages[name]


def test_a_second_page_stands_behind_the_first_in_the_contents(pages: dict[str, str]) -> None:
    titles = [pages["index"].index(f"Title {name}") for name in NAMES]
    assert titles == sorted(titles)
    assert "7b. Title 07b_seven" in pages["index"]


def test_other_pages_refer_to_a_second_page_by_its_number(pages: dict[str, str]) -> None:
    assert "Fig. 7b.1" in pages["other"]
