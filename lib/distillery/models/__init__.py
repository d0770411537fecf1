"""Networks and densities, each a plain `nn.Module`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from distillery.support.lazily import lazily

if TYPE_CHECKING:
    from distillery.models.abreast import Abreast
    from distillery.models.autoencoder import CategoricalAutoencoder, ContinuousAutoencoder
    from distillery.models.bank import Bank, PerStudent
    from distillery.models.bayes import (
        LogisticPosterior,
        MixturePosterior,
        classifier_data,
        mixture_data,
    )
    from distillery.models.bottleneck import BottleneckMLP
    from distillery.models.equal_mixture import EqualMixture
    from distillery.models.lenet import LeNet
    from distillery.models.logistic import MeanOfLogistics, PosteriorLogistic
    from distillery.models.made import MADE
    from distillery.models.mixture import Mixture
    from distillery.models.mlp import MLP, start_weights, unit_start
    from distillery.models.moderated import MeanOfModerated
    from distillery.models.nade import NADE
    from distillery.models.once import look, quietly
    from distillery.models.orderless import OrderlessNADE
    from distillery.models.orders import columns
    from distillery.models.output_mask import OutputMask
    from distillery.models.pixels import Pixels, measure_pixels
    from distillery.models.rbm import RBM
    from distillery.models.resnet import ResNet18
    from distillery.models.slopes import linearized, log_slopes, mean_log_slopes
    from distillery.models.vgg import VGG9
    from distillery.models.wrn import WideResNet

__all__ = [
    "MADE",
    "MLP",
    "NADE",
    "RBM",
    "VGG9",
    "Abreast",
    "Bank",
    "BottleneckMLP",
    "CategoricalAutoencoder",
    "ContinuousAutoencoder",
    "EqualMixture",
    "LeNet",
    "LogisticPosterior",
    "MeanOfLogistics",
    "MeanOfModerated",
    "Mixture",
    "MixturePosterior",
    "OrderlessNADE",
    "OutputMask",
    "PerStudent",
    "Pixels",
    "PosteriorLogistic",
    "ResNet18",
    "WideResNet",
    "classifier_data",
    "columns",
    "linearized",
    "log_slopes",
    "look",
    "mean_log_slopes",
    "measure_pixels",
    "mixture_data",
    "quietly",
    "start_weights",
    "unit_start",
]

# found when first used: a kernel takes seconds to compile; `once` stays in the module of its name
_HOMES = {
    "Abreast": "abreast",
    "CategoricalAutoencoder": "autoencoder",
    "ContinuousAutoencoder": "autoencoder",
    "Bank": "bank",
    "PerStudent": "bank",
    "LogisticPosterior": "bayes",
    "MixturePosterior": "bayes",
    "classifier_data": "bayes",
    "mixture_data": "bayes",
    "BottleneckMLP": "bottleneck",
    "EqualMixture": "equal_mixture",
    "LeNet": "lenet",
    "MeanOfLogistics": "logistic",
    "PosteriorLogistic": "logistic",
    "MADE": "made",
    "Mixture": "mixture",
    "MLP": "mlp",
    "start_weights": "mlp",
    "unit_start": "mlp",
    "MeanOfModerated": "moderated",
    "NADE": "nade",
    "look": "once",
    "quietly": "once",
    "OrderlessNADE": "orderless",
    "columns": "orders",
    "OutputMask": "output_mask",
    "Pixels": "pixels",
    "measure_pixels": "pixels",
    "RBM": "rbm",
    "ResNet18": "resnet",
    "linearized": "slopes",
    "log_slopes": "slopes",
    "mean_log_slopes": "slopes",
    "VGG9": "vgg",
    "WideResNet": "wrn",
}
__getattr__, __dir__ = lazily(__name__, _HOMES, globals())
