"""Which machines of the study `coverage` each estimator's intervals held the log Z of."""

from __future__ import annotations

from typing import NamedTuple

from distillery_book.results.results import Results


class Covered(NamedTuple):
    """Of `machines` how many an estimator's intervals `held` the exact log Z of, how far its values
    were `off` on average, and of how many machines it raised a doubt (`doubted`); `unwarned` are
    those it missed without any, `endless` those whose interval has no upper end.
    """

    machines: int
    held: int
    off: float
    doubted: int
    unwarned: int
    endless: int


def by(name: str, kind: str) -> Covered | None:
    """How an estimator of the study `coverage` fared with the machines of one kind."""
    runs = Results.open().runs("coverage")
    found = runs[runs["machine"] == kind] if len(runs) else runs
    if found.empty:
        return None
    is_held, is_doubted = found[f"{name}_covers"] > 0, found[f"{name}_warnings"] > 0
    return Covered(
        len(found),
        int(is_held.sum()),
        float(found[f"{name}_off"].abs().mean()),
        int(is_doubted.sum()),
        int((~is_held & ~is_doubted).sum()),
        int(found.reindex(columns=[f"{name}_high"]).isna().sum().item()),
    )
