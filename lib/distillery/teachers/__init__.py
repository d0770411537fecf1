"""Who answers: a network, several, a formula, a label, a recorded answer, an old self."""

from distillery.teachers.frozen import Average, Formula, Frozen
from distillery.teachers.recorded import Labels, Recorded

__all__ = ["Average", "Formula", "Frozen", "Labels", "Recorded"]
