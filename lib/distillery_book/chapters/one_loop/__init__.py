"""Chapter 1: one loop whose four parts can all be drawn."""

from __future__ import annotations

from distillery_book.results.registry import Chapter

CHAPTER = Chapter(
    "01_one_loop",
    studies=("one_loop",),
    title="One loop",
    question="I have a model, and want a smaller one that answers alike. What matters most?",
    costs="one forward pass of the teacher an example",
    finding=(
        "**One loop**: of two students of one teacher, the one that was asked in the wrong place "
        "errs {glue:text}`01_one_loop.ipynb::one-loop-times:s` times as much on the data, and its "
        "training loss is the lower of the two."
    ),
)
