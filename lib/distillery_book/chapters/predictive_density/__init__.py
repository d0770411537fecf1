"""Chapter 7: a Markov chain distilled into nine numbers."""

from __future__ import annotations

from distillery_book.results.registry import Chapter

CHAPTER = Chapter("07_predictive_density", studies=("density",))
