"""Chapter 9: from a Boltzmann machine to NADE."""

from __future__ import annotations

from distillery_book.results.registry import Chapter

CHAPTER = Chapter(
    "09_rbm_to_nade",
    studies=(
        "rbm",
        "densities",
        "stronger",
        "orders",
        "agreement",
    ),
)
