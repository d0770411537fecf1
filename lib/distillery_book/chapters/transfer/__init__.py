"""Chapter 3: buffer or code."""

from __future__ import annotations

from distillery_book.results.registry import Chapter

CHAPTER = Chapter("03_transfer", studies=("transfer",))
