"""Which classes a file of models may name, and where they are: nothing else is ever imported for a
file.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from distillery.support.nearest import unknown

if TYPE_CHECKING:
    from distillery.models.described import Described

HOMES = {
    "BottleneckMLP": "bottleneck",
    "CategoricalAutoencoder": "autoencoder",
    "ContinuousAutoencoder": "autoencoder",
    "LeNet": "lenet",
    "MADE": "made",
    "MLP": "mlp",
    "MeanOfLogistics": "logistic",
    "MeanOfModerated": "moderated",
    "Mixture": "mixture",
    "NADE": "nade",
    "OrderlessNADE": "orderless",
    "RBM": "rbm",
    "ResNet18": "resnet",
    "VGG9": "vgg",
    "WideResNet": "wrn",
}


def find(kind: str) -> type[Described]:
    """The class of that name, if it is one of the library's."""
    if kind not in HOMES:
        raise ValueError(unknown("class of model", kind, sorted(HOMES)))
    found: type[Described] = getattr(
        importlib.import_module(f"distillery.models.{HOMES[kind]}"), kind
    )
    return found


def kind_of(model: Any) -> str:
    """The name of a model's class, if it is one of the library's."""
    kind = type(model).__name__
    if kind not in HOMES or type(model) is not find(kind):
        raise TypeError(
            f"model is a {kind}: files hold the library's own classes, {', '.join(sorted(HOMES))}"
        )
    return kind
