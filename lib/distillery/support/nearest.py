"""The sentence for an unknown name: what was asked for, which name is nearest, and what exists."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """One sentence for an unknown `name` among the `known` names of a `kind`."""
    names = [str(other) for other in known]
    near = difflib.get_close_matches(str(name), names, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return (
        f"unknown {kind} {str(name)!r}; {hint}{kind} can be: {', '.join(names) or '(none exist)'}"
    )


def chosen(argument: str, value: str, allowed: Sequence[str]) -> str:
    """`value` if it is one of the `allowed` ones, else that sentence as an error."""
    if value not in allowed:
        raise ValueError(unknown(argument, value, allowed))
    return value
