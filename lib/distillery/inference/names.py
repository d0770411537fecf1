"""A word out of a short list, or a sentence that names the list and the nearest word in it."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches


def chosen(argument: str, value: str, allowed: Sequence[str]) -> str:
    """`value` if it is allowed; else an error that says what is."""
    if value in allowed:
        return value
    near = get_close_matches(str(value), allowed, n=1, cutoff=0.4)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise ValueError(f"{argument} is {value!r}, but it must be one of {', '.join(map(repr, allowed))}{hint}")
