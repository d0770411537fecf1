"""Chapter 9: a Boltzmann machine distilled into NADEs."""

from __future__ import annotations

from distillery_book.results.registry import Chapter

CHAPTER = Chapter(
    "09_rbm_to_nade",
    studies=("rbm", "densities", "stronger", "orders", "agreement"),
    title="From a Boltzmann machine to NADE",
    question=(
        "I have a density known up to its sum, and want one that says probabilities and draws "
        "exactly."
    ),
    costs="a chain; tens of minutes on one core for 784 pixels",
    finding=(
        "**From a Boltzmann machine to NADE**: a student that starts from its teacher's weights, "
        "is told more and sees more images gives a test image "
        "{glue:text}`09_rbm_to_nade.ipynb::nade-best:s` nats, "
        "{glue:text}`09_rbm_to_nade.ipynb::nade-gap-test:s` less than the machine does; by the "
        "published protocol it is {glue:text}`09_rbm_to_nade.ipynb::nade-last:s` at best."
    ),
)
