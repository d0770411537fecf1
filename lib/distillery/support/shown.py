"""A value as a sentence can show it: numbers and names as they are, an array by its shape."""

from __future__ import annotations

from typing import Any

MOST_CHARACTERS = 80


def shown(value: Any) -> str:
    """The value as Python writes it where that is short; else what it is, with its shape if it has
    one.

    A sentence that refuses an argument shows what the argument was, and must stay one sentence when
    that was an array of a million numbers.
    """
    if isinstance(value, type):
        return f"the class {value.__name__} itself"
    shape = getattr(value, "shape", None)
    if shape is not None and tuple(shape) != ():
        return f"a {type(value).__name__} of shape {tuple(shape)} and dtype {value.dtype}"
    text = repr(value)
    if len(text) <= MOST_CHARACTERS and "\n" not in text:
        return text
    size = f" of {len(value)} entries" if hasattr(value, "__len__") else ""
    return f"a {type(value).__name__}{size}"
