"""Pictures as a recollection file of a size that is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from distillery.support.lazily import lazily

if TYPE_CHECKING:
    from distillery.tools.compress.run import compress

__all__ = ["compress"]

__getattr__, __dir__ = lazily(__name__, {"compress": "run"}, globals())
