"""Pictures as a recollection file of a size that is asked for.

from distillery.tools.compress import Budget, compress, read_pictures
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from distillery.support.lazily import lazily

if TYPE_CHECKING:
    from distillery.tools.compress.budget import Budget
    from distillery.tools.compress.picture_files import Pictures, read_pictures, write_pictures
    from distillery.tools.compress.report import Compressed
    from distillery.tools.compress.run import Run, compress, planned

__all__ = [
    "Budget",
    "Compressed",
    "Pictures",
    "Run",
    "compress",
    "planned",
    "read_pictures",
    "write_pictures",
]

_HOMES = {
    "Budget": "budget",
    "Compressed": "report",
    "Pictures": "picture_files",
    "Run": "run",
    "compress": "run",
    "planned": "run",
    "read_pictures": "picture_files",
    "write_pictures": "picture_files",
}

# found when first used: the command line's doors need no torch
__getattr__, __dir__ = lazily(__name__, _HOMES, globals())
