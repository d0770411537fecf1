"""Chapter 8: a posterior distilled into ten logistic units."""

from __future__ import annotations

from distillery_book.results.registry import Chapter

CHAPTER = Chapter(
    "08_predictive_classifier",
    studies=(
        "classifier",
        "dark_knowledge",
    ),
)
