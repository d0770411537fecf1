"""The built site as one PDF, by a headless Chromium.

The pages' articles are joined in one page, in the order of the contents, with their links turned
to one another; code that the site folds away stays out, tables and solutions are unfolded.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
LAST = ("running", "cookbook", "format", "glossary", "notation", "references", "errata")
PATIENCE = 1800  # seconds
PAGE = """<!DOCTYPE html>
<html lang="en" data-theme="light" data-mode="light"><head>
{head}
</head><body><main class="printed">
{body}
</main></body></html>
"""
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
    *("--disable-background-networking", "--host-resolver-rules=MAP * ~NOTFOUND"),
    *("--no-pdf-header-footer", "--generate-pdf-document-outline"),
    "--virtual-time-budget=300000",
)


def chromium(find: Callable[[str], str | None] = shutil.which) -> str:
    """The browser that prints."""
    found = next((path for name in BROWSERS if (path := find(name))), None)
    if found is None:
        raise ValueError(
            "no Chromium is installed, which prints the book: install one (on Debian: apt install"
            " chromium), or print single pages from the browser that you read them in"
        )
    return found


def write_pdf(root: Path) -> Path:
    """Print the site that is built at `root`."""
    browser, site, target = chromium(), root / "_build" / "html", root / "_build" / "distillery.pdf"
    if not (site / "book" / "index.html").is_file():
        raise ValueError(f"the site is not built: {site / 'book'} holds no index.html")
    joined = site / "book" / "_whole.html"
    joined.write_text(whole(site / "book"), encoding="utf-8")
    try:
        _print(browser, joined, target)
    finally:
        joined.unlink()
    return target


def whole(folder: Path) -> str:
    """The text of a page that holds the articles of all the others."""
    names = pages(folder)
    soups = {name: _soup(folder / f"{name}.html") for name in names}
    first = soups[names[0]]
    head = first.head.find_all(["meta", "link", "style", "title"])
    head += [script for script in first.find_all("script") if "mathjax" in str(script).lower()]
    articles = [_article(soups[name], name, names) for name in names]
    return PAGE.format(head="\n".join(map(str, head)), body="\n".join(map(str, articles)))


def pages(folder: Path) -> list[str]:
    """The front page, the chapters by their numbers, and what one looks things up in."""
    numbered = sorted(path.stem for path in folder.glob("[0-9][0-9]*.html"))
    return ["index", *numbered, *(name for name in LAST if (folder / f"{name}.html").is_file())]


def _print(browser: str, page: Path, target: Path) -> None:
    command = [browser, *FLAGS, f"--print-to-pdf={target}", page.as_uri()]
    target.unlink(missing_ok=True)
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=PATIENCE
        )
    except subprocess.TimeoutExpired as error:
        raise ValueError(
            f"{browser} did not print the book within {PATIENCE // 60} minutes"
        ) from error
    if done.returncode or not target.is_file():
        raise ValueError(f"{browser} did not print the book: {done.stderr.strip()[-1000:]}")


def _soup(path: Path) -> Any:
    from bs4 import BeautifulSoup

    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def _article(soup: Any, name: str, names: Sequence[str]) -> Any:
    """A page's article, whose names begin with the page's."""
    article = soup.select_one("article.bd-article")
    for fold in article.select("details.hide.above-input"):
        fold.decompose()
    for fold in article.find_all("details"):
        fold["open"] = ""
    for script in article.find_all("script"):
        script.decompose()
    for element in article.find_all(id=True):
        if element.find_parent("svg") is None:
            element["id"] = f"{name}--{element['id']}"
    for link in article.find_all("a", href=True):
        link["href"] = turned(link["href"], name, names)
    article["id"] = name
    return article


def turned(address: str, name: str, names: Sequence[str]) -> str:
    """Where a link of a page leads in the joined one; what is not in it, nowhere."""
    split = urlsplit(address)
    if split.scheme or split.netloc:
        return address
    page = split.path.rpartition("/")[2].removesuffix(".html") if split.path else name
    if split.path and (page not in names or not split.path.endswith(".html") or "/" in split.path):
        return "#"
    return f"#{page}--{split.fragment}" if split.fragment else f"#{page}"
