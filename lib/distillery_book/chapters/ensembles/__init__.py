"""Chapter 6: ensembles: thirty networks into one."""

from __future__ import annotations

from distillery_book.results.registry import Chapter

CHAPTER = Chapter("06_ensembles", studies=("ensembles",))
