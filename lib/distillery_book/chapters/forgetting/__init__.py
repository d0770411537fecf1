"""Chapter 5: tasks that never return, and memories that fit in bits."""

from __future__ import annotations

from distillery_book.results.registry import Chapter

CHAPTER = Chapter(
    "05_forgetting",
    studies=("forgetting",),
    title="Forgetting",
    question="My data come once, task after task. What keeps a network from forgetting?",
    costs="a pass over CIFAR-100 with a memory: a quarter of an hour on one core",
    in_preparation=True,
)
