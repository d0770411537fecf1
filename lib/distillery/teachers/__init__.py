"""Who answers: a network, several, a formula, a label, a recorded answer, an old self, whoever saw
how the input was made.
"""

from distillery.teachers.frozen import Average, Formula, Frozen
from distillery.teachers.given import Given
from distillery.teachers.probabilities import Probabilities
from distillery.teachers.recorded import Inputs, Labels, Recorded, RecordedSlopes

__all__ = [
    "Average",
    "Formula",
    "Frozen",
    "Given",
    "Inputs",
    "Labels",
    "Probabilities",
    "Recorded",
    "RecordedSlopes",
]
