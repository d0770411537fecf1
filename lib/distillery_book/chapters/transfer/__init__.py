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
        "**Buffer or code**: 50,000 digits kept as 38 bits each teach a new LeNet to read "
        "{glue:text}`03_transfer.ipynb::transfer-buffer:s` % of unseen ones (10,000 examples). In "
        "the same storage JPEG copies teach it {glue:text}`03_transfer.ipynb::transfer-jpeg:s` %, "
        "WebP {glue:text}`03_transfer.ipynb::transfer-webp:s` %, 500 whole digits "
        "{glue:text}`03_transfer.ipynb::transfer-raw:s` %; random codes, of which none is kept, "
        "{glue:text}`03_transfer.ipynb::transfer-code:s` %."
    ),
)
