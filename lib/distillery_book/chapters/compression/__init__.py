"""Chapter 2: how small a picture can be remembered."""

from __future__ import annotations

from distillery_book.results.registry import Chapter

CHAPTER = Chapter(
    "02_compression",
    studies=("compression",),
    title="How small can a picture be?",
    question="I have more pictures than room. In how few bits can they be remembered?",
    costs="an autoencoder trained: minutes on one core for a small code",
    finding=(
        "**Compression**: digits that the papers remember in 168, 62 and 38 bits take "
        "{glue:text}`02_compression.ipynb::compression-168:s`, "
        "{glue:text}`02_compression.ipynb::compression-62:s` and "
        "{glue:text}`02_compression.ipynb::compression-38:s` on disk, and lose no more, if "
        "codes are trained to be predictable (networks not counted). The 27 points of the "
        "published curve: {glue:text}`02_compression.ipynb::compression-verdicts:s`."
    ),
)
