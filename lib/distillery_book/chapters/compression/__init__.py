"""Chapter 2: how small can a picture be?."""

from __future__ import annotations

from distillery_book.results.registry import Chapter

CHAPTER = Chapter("02_compression", studies=("compression",))
