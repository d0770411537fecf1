import subprocess
import sys
from pathlib import Path

PAGE = "Title {n}\n=========\n\nPart\n----\n\n.. figure:: a.png\n   :name: fig-{n}\n\n   Caption.\n"


def test_a_chapter_has_the_number_of_its_file_in_headings_and_figures(tmp_path: Path) -> None:
    (tmp_path / "book").mkdir()
    (tmp_path / "conf.py").write_text(
        "extensions = ['sphinx_external_toc', 'distillery_book.site.sphinx_numbers']\nnumfig ="
        " True\n"
    )
    (tmp_path / "index.rst").write_text("Top\n===\n\n.. tableofcontents::\n")
    numbered = "- numbered: 1\n  entries:\n  - file: book/01_one\n  - file: book/07_seven\n"
    toc = f"root: index\nsubtrees:\n{numbered}- entries:\n  - file: book/other\n"
    (tmp_path / "_toc.yml").write_text(toc)
    (tmp_path / "book").joinpath("other.rst").write_text("Other\n=====\n")
    for n in ("01_one", "07_seven"):
        (tmp_path / "book" / f"{n}.rst").write_text(PAGE.format(n=n))
    (tmp_path / "book" / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    subprocess.run(
        [sys.executable, "-m", "sphinx", "-q", "-b", "html", tmp_path, tmp_path / "out"], check=True
    )
    shown = (tmp_path / "out" / "book" / "07_seven.html").read_text()
    assert '<span class="section-number">7. </span>Title 07_seven' in shown
    assert "Fig. 7.1" in shown
    assert (
        '<span class="section-number">1. </span>'
        in (tmp_path / "out" / "book" / "01_one.html").read_text()
    )
