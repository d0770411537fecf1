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
        "**Forgetting**: of CIFAR-100's classes in twenty groups, each seen once, a network that "
        "keeps nothing answers {glue:text}`05_forgetting.ipynb::forgetting-online:s` % rightly at "
        "the end, and {glue:text}`05_forgetting.ipynb::forgetting-joint:s` % if taught all at "
        "once. In the bits of ten photographs, recollections retain "
        "{glue:text}`05_forgetting.ipynb::forgetting-codes:s` % and the ten "
        "{glue:text}`05_forgetting.ipynb::forgetting-ten:s` %, the autoencoder not counted. Once "
        "it is counted, in the bits of 200, they are no better than the 200 "
        "({glue:text}`05_forgetting.ipynb::forgetting-paid:s` % and "
        "{glue:text}`05_forgetting.ipynb::forgetting-replay:s` %), and JPEG copies in these bits "
        "are far better: {glue:text}`05_forgetting.ipynb::forgetting-jpeg:s` %. How many seeds "
        "stand behind each number is told on the page."
    ),
)
