"""What is wrong with an archive of arrays that somebody else has written and that cannot be read,
in words.
"""

from __future__ import annotations

import zipfile
import zlib

UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    ValueError,
    KeyError,
    RuntimeError,
)  # what numpy and zipfile raise


def what_is_wrong(problem: Exception) -> str:
    """The middle of a sentence that begins with the file's name."""
    said = str(problem).lower()
    if isinstance(problem, RuntimeError) and "encrypt" in said:
        return "is protected by a password, and is not opened"
    if "pickle" in said:
        return "is a pickle, or holds one, and pickles are never opened"
    return "is truncated, damaged or something else"
