"""Functions of numbers and arrays as machine code, by numba, kept on disk where there is a folder
to keep it in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

# Sums may be reordered, which vectors need; NaN and infinity keep their meaning, so that a run that
# diverges shows it.
VECTORS: dict[str, Any] = {
    "error_model": "numpy",
    "fastmath": {"contract", "reassoc", "nsz", "arcp"},
}


def compiled(function: Callable[..., Any], **options: Any) -> Any:
    """Machine code of a function, without Python's lock.

    It is made when first called with arguments of a kind.
    """
    import numba

    try:
        return numba.njit(cache=True, nogil=True, **options)(function)
    except RuntimeError:  # neither the installation nor the user's cache folder can be written to
        return numba.njit(nogil=True, **options)(function)
