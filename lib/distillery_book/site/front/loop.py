"""The loop as a picture that moves: `book/_static/loop.svg`, set into the page so that its colours
follow the page's theme. It needs no script, and stands still where less motion is asked for.
"""

from __future__ import annotations

from distillery_book.site.front import known

PAUSE = '<label class="loop-pause"><input type="checkbox"> stand still</label>'


def html() -> str:
    picture = (known.folder().parent / "_static" / "loop.svg").read_text(encoding="utf-8")
    lines = [line.strip() for line in picture.splitlines() if line.strip()]
    return "\n".join(['<div class="loop">', *lines, PAUSE, "</div>"])
