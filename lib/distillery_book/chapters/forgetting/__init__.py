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
        "**Forgetting**: after twenty tasks of CIFAR-100, each seen once, "
        "{glue:text}`05_forgetting.ipynb::forgetting-replay:s` % is right if 200 photographs were "
        "kept. In as many bits recollections make it "
        "{glue:text}`05_forgetting.ipynb::forgetting-paid:s` % as the papers count their network, "
        "{glue:text}`05_forgetting.ipynb::forgetting-halved:s` % with it in half precision, JPEG "
        "copies {glue:text}`05_forgetting.ipynb::forgetting-jpeg:s` %."
    ),
)
