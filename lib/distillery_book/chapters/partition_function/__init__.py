"""Chapter 10: the sum over 2⁷⁸⁴ states."""

from __future__ import annotations

from distillery_book.results.registry import Chapter

CHAPTER = Chapter(
    "10_partition_function",
    studies=("partition", "coverage"),
    title="The sum over 2^784 states",
    question="I have a density known up to its sum, and want the sum, with an error.",
    costs=(
        "annealing in both directions: minutes to hours; with a student at hand, its draws and "
        "a chain for each"
    ),
    finding=(
        "**The sum over 2^784 states**: its logarithm is "
        "{glue:text}`10_partition_function.ipynb::partition-best:s`, if its own error is to be "
        "believed; published was "
        "{glue:text}`10_partition_function.ipynb::partition-published:s`."
    ),
)
