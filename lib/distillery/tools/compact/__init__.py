"""A posterior distilled into a few numbers, behind the conventions of scikit-learn: `fit`,
`predict_proba`, `score`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from distillery.support.lazily import lazily

if TYPE_CHECKING:
    from distillery.tools.compact.classifier import CompactClassifier
    from distillery.tools.compact.density import CompactDensity

__all__ = ["CompactClassifier", "CompactDensity"]

__getattr__, __dir__ = lazily(
    __name__, {"CompactClassifier": "classifier", "CompactDensity": "density"}, globals()
)
