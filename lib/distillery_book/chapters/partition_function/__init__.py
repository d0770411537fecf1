"""Chapter 10: the sum over 2⁷⁸⁴ states."""

from __future__ import annotations

from distillery_book.results.registry import Chapter

CHAPTER = Chapter("10_partition_function", studies=("partition",))
