"""A parameter given on the command line: its name exists in the chapter, and its value has the
declared type.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from typing import Any

from distillery.support.nearest import unknown

TYPES: dict[str, type] = {"str": str, "int": int, "float": float, "bool": bool}


def checked(chapter: str, declared: Mapping[str, tuple[str, Any]], name: str, value: str) -> Any:
    """`value`, read as the type that the chapter's parameters cell gives to `name`."""
    if name not in declared:
        raise ValueError(unknown(f"parameter of {chapter}", name, declared))
    kind, default = declared[name]
    wanted = TYPES.get(kind, type(default))
    read = value if wanted is str else _literal(value)
    if wanted is float and type(read) is int:
        read = float(read)
    if type(read) is not wanted:
        raise ValueError(
            f"parameter {name} of {chapter} is {value!r}:"
            f" a value of type {kind} is needed, such as {default!r}"
        )
    return read


def assignments(pairs: Iterable[str]) -> dict[str, str]:
    """`key=value` pairs as a mapping."""
    split = [pair.partition("=") for pair in pairs]
    for pair, (name, equals, _) in zip(pairs, split, strict=True):
        if not (name and equals):
            raise ValueError(f"parameter is {pair!r}: name=value is needed")
    return {name: value for name, _, value in split}


def _literal(value: str) -> Any:
    try:
        return ast.literal_eval(value.capitalize() if value.lower() in ("true", "false") else value)
    except (ValueError, SyntaxError):
        return value
