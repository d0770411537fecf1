"""What an error says, as part of a sentence of ours."""

from __future__ import annotations

_MOST = 400  # characters


def told(problem: object) -> str:
    """The text in one line of bearable length that can be printed anywhere; the kind of an error
    that says nothing.

    What others' software says of a stranger's bytes may quote all of them, line breaks and halves
    of letters included.
    """
    text = " ".join(str(problem).split()) or type(problem).__name__
    text = text.encode(errors="backslashreplace").decode()
    return text if len(text) <= _MOST else f"{text[: _MOST // 2]} … {text[-_MOST // 2 :]}"
