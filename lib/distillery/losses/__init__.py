"""What asks teacher and student about a batch and says how far apart they are."""

from distillery.losses.adversarial import Adversarial
from distillery.losses.attention import Attention
from distillery.losses.classification import HardLabels, SoftTargets, SquareError
from distillery.losses.code_kl import CodeKL
from distillery.losses.contrastive import ContrastiveDivergence
from distillery.losses.decoupled import DecoupledTargets
from distillery.losses.densities import KL, LogSquareError, SoftBits
from distillery.losses.derivatives import DerivativeSquareError, TwoSampleDerivatives
from distillery.losses.description import CodeBits
from distillery.losses.hints import Hints
from distillery.losses.information import Information
from distillery.losses.layers import BetweenLayers, Pair, pairs_of
from distillery.losses.loss import Loss, RandomLoss, Sum
from distillery.losses.reconstruction import AbsoluteError, PixelCrossEntropy
from distillery.losses.score import RatioMatching, ScoreMatching
from distillery.losses.selectivity import Selectivity
from distillery.losses.standardized import StandardizedTargets

__all__ = [
    "KL",
    "AbsoluteError",
    "Adversarial",
    "Attention",
    "BetweenLayers",
    "CodeBits",
    "CodeKL",
    "ContrastiveDivergence",
    "DecoupledTargets",
    "DerivativeSquareError",
    "HardLabels",
    "Hints",
    "Information",
    "LogSquareError",
    "Loss",
    "Pair",
    "PixelCrossEntropy",
    "RandomLoss",
    "RatioMatching",
    "ScoreMatching",
    "Selectivity",
    "SoftBits",
    "SoftTargets",
    "SquareError",
    "StandardizedTargets",
    "Sum",
    "TwoSampleDerivatives",
    "pairs_of",
]
