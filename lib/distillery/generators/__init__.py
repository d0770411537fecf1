"""What produces inputs: data, noise, chains; and what wraps them: memories, curricula,
augmentation.
"""

from distillery.generators.asked import Asked
from distillery.generators.bootstrap import Bootstrap
from distillery.generators.buffer import Recall, RecollectionBuffer
from distillery.generators.chain import Chain
from distillery.generators.codes import PriorCodes, RandomCodes
from distillery.generators.conditionals import Conditionals
from distillery.generators.diverse import Diverse
from distillery.generators.noise import Noise, Uniform
from distillery.generators.resample import Resample
from distillery.generators.wrappers import (
    Alongside,
    Ancestral,
    Augmented,
    Hardest,
    Interleave,
    Parallel,
)
from distillery.protocols import Exhausted, Generator

__all__ = [
    "Alongside",
    "Ancestral",
    "Asked",
    "Augmented",
    "Bootstrap",
    "Chain",
    "Conditionals",
    "Diverse",
    "Exhausted",
    "Generator",
    "Hardest",
    "Interleave",
    "Noise",
    "Parallel",
    "PriorCodes",
    "RandomCodes",
    "Recall",
    "RecollectionBuffer",
    "Resample",
    "Uniform",
]
