"""What asks teacher and student about a batch and says how far apart they are."""

from distillery.losses.classification import HardLabels, SoftTargets, SquareError
from distillery.losses.derivatives import DerivativeSquareError, TwoSampleDerivatives
from distillery.losses.loss import Loss, Sum

__all__ = ["DerivativeSquareError", "HardLabels", "Loss", "SoftTargets", "SquareError", "Sum", "TwoSampleDerivatives"]
