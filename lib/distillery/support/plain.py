"""Output that never fails for its letters: what a terminal cannot show is written in its stead."""

from __future__ import annotations

import codecs
import unicodedata
from io import TextIOWrapper
from typing import Any

_HANDLER = "distillery.plain"
_INSTEAD = {
    "±": "+-",
    "×": "x",
    "·": "*",
    "–": "-",
    "—": "-",
    "−": "-",
    "…": "...",
    "→": "->",
    "‘": "'",
    "’": "'",
    "“": '"',
    "”": '"',
}


def plainly(*streams: Any) -> None:
    """From here on the streams write letters that their encoding lacks as near ones, or as ?."""
    codecs.register_error(_HANDLER, _instead)
    for stream in streams:
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors=_HANDLER)


def _instead(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    letters = error.object[error.start : error.end]
    return "".join(_near(letter) for letter in letters), error.end


def _near(letter: str) -> str:
    """In ASCII: a letter without its accents, a sign's usual substitute, or ?."""
    if letter in _INSTEAD:
        return _INSTEAD[letter]
    return unicodedata.normalize("NFKD", letter).encode("ascii", "ignore").decode() or "?"
