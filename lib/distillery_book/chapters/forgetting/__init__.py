"""Chapter 5: tasks that never return, and memories that fit in bits."""

from __future__ import annotations

from distillery_book.results.registry import Chapter

CHAPTER = Chapter(
    "05_forgetting",
    studies=("forgetting",),
    title="Forgetting",
    question="My data come once, task after task. What keeps a network from forgetting?",
    costs="a pass over CIFAR-100 with a memory: a quarter of an hour on one core",
    finding=(
        "**Forgetting**: CIFAR-100's classes come in twenty groups, each seen once, and the bits "
        "of 200 photographs may be kept. At the end a network answers "
        "{glue:text}`05_forgetting.ipynb::forgetting-replay:s` % rightly from photographs, hardly "
        "more from recollections with their autoencoder at 32 bits a parameter "
        "({glue:text}`05_forgetting.ipynb::forgetting-paid:s` %), "
        "{glue:text}`05_forgetting.ipynb::forgetting-halved:s` % if it is kept in half precision, "
        "and {glue:text}`05_forgetting.ipynb::forgetting-jpeg:s` % from JPEG copies. With nothing "
        "kept it is {glue:text}`05_forgetting.ipynb::forgetting-online:s` %, and "
        "{glue:text}`05_forgetting.ipynb::forgetting-joint:s` % if all is taught at once. How "
        "many seeds stand behind each number is told on the page."
    ),
)
