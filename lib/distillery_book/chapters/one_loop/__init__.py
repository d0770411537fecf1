"""Chapter 1: one loop."""

from __future__ import annotations

from distillery_book.results.registry import Chapter

CHAPTER = Chapter("01_one_loop", studies=("one_loop",))
