"""Chapter 3: what a network learns from recollections of the data."""

from __future__ import annotations

from distillery_book.results.registry import Chapter

CHAPTER = Chapter(
    "03_transfer",
    studies=("transfer", "curricula", "omniglot"),
    title="Buffer or code",
    question="I may keep a hundredth of my data. What should I keep to teach another network?",
    costs="a student taught from a recollection file: a minute on one core for 10,000 examples",
    finding=(
        "**Buffer or code**: kept as 38 bits each, 50,000 digits teach a new LeNet, by 10,000 "
        "examples, to read {glue:text}`03_transfer.ipynb::transfer-buffer:s` % of unseen digits; "
        "in the same storage five hundred whole ones "
        "{glue:text}`03_transfer.ipynb::transfer-raw:s` %, JPEG copies "
        "{glue:text}`03_transfer.ipynb::transfer-jpeg:s` %, WebP "
        "{glue:text}`03_transfer.ipynb::transfer-webp:s` %; random codes, of which nothing is "
        "kept, {glue:text}`03_transfer.ipynb::transfer-code:s` %. A network without convolutions "
        "learns less from random codes than from those kept."
    ),
)
