"""The site as one page to print: links lead within it, and what is missing is said in a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from distillery_book.site import printed

NAMES = ["index", "01_one_loop"]


@pytest.mark.parametrize(
    ("address", "turned"),
    [
        ("#checks", "#01_one_loop--checks"),
        ("index.html", "#index"),
        ("index.html#top", "#index--top"),
        ("https://doi.org/10.1000/1", "https://doi.org/10.1000/1"),
        ("api/losses.html#distillery.losses", "#"),
        ("../_downloads/notebooks/01_one_loop.ipynb", "#"),
        ("02_compression.html", "#"),
    ],
)
def test_a_link_leads_to_the_same_place_within_the_whole(address: str, turned: str) -> None:
    assert printed.turned(address, "01_one_loop", NAMES) == turned


def test_without_a_chromium_the_book_is_not_printed_and_it_says_why() -> None:
    with pytest.raises(ValueError, match="no Chromium is installed, which prints the book"):
        printed.chromium(lambda name: None)


def test_a_site_that_is_not_built_is_not_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(printed, "chromium", lambda: "chromium")
    with pytest.raises(ValueError, match="the site is not built"):
        printed.write_pdf(tmp_path)


def test_the_whole_unfolds_tables_and_leaves_out_folded_code(tmp_path: Path) -> None:
    head = "<html><head><title>T</title></head><body><article class='bd-article'>"
    fold = "<details class='hide above-input'>imports</details><details>a table</details>"
    text = f"{head}<h2 id='x'>H</h2><a href='#x'>there</a>{fold}<script>1</script></article></body></html>"
    for name in ("index", "01_one_loop", "notation"):
        (tmp_path / f"{name}.html").write_text(text)
    whole = printed.whole(tmp_path)
    assert printed.pages(tmp_path) == ["index", "01_one_loop", "notation"]
    assert whole.count("a table") == 3
    assert "imports" not in whole
    assert "<script" not in whole
    assert 'href="#01_one_loop--x"' in whole
    assert 'id="01_one_loop--x"' in whole
