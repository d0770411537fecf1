"""What asks teacher and student about a batch and says how far apart they are."""

from distillery.losses.adversarial import Adversarial
from distillery.losses.classification import HardLabels, SoftTargets, SquareError
from distillery.losses.code_kl import CodeKL
from distillery.losses.contrastive import ContrastiveDivergence
from distillery.losses.densities import KL, LogSquareError, SoftBits
from distillery.losses.derivatives import DerivativeSquareError, TwoSampleDerivatives
from distillery.losses.description import CodeBits
from distillery.losses.loss import Loss, RandomLoss, Sum
from distillery.losses.reconstruction import AbsoluteError, PixelCrossEntropy
from distillery.losses.score import RatioMatching, ScoreMatching

__all__ = [
    "KL",
    "AbsoluteError",
    "Adversarial",
    "CodeBits",
    "CodeKL",
    "ContrastiveDivergence",
    "DerivativeSquareError",
    "HardLabels",
    "LogSquareError",
    "Loss",
    "PixelCrossEntropy",
    "RandomLoss",
    "RatioMatching",
    "ScoreMatching",
    "SoftBits",
    "SoftTargets",
    "SquareError",
    "Sum",
    "TwoSampleDerivatives",
]
