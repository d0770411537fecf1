"""The perceptron that Ahn et al. (2019, section 3.3) teach what a convolutional network knows."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from distillery.models.described import Described
from distillery.models.mlp import start_weights
from distillery.models.pixels import Pixels


class BottleneckMLP(Described, nn.Module):
    """Five hidden layers of `width` units: a linear layer, three bottlenecks, a linear layer, with
    ReLU after each; then the logits.

    A bottleneck is two linear layers through a quarter of the units, nothing between them. What
    `hidden.0` to `hidden.3` put out, before the ReLU, is compared with a teacher's layers.
    """

    def __init__(
        self,
        width: int = 1024,
        *,
        rng: torch.Generator,
        classes: int = 10,
        channels: int = 3,
        side: int = 32,
    ) -> None:
        super().__init__()
        if width < 4 or width % 4:
            raise ValueError(f"width is {width!r}: a multiple of 4 is needed")
        self.channels, self.side = channels, side
        self.pixels = Pixels(channels)
        self.hidden = nn.ModuleList(
            [nn.Linear(channels * side * side, width)]
            + [_bottleneck(width) for _ in range(3)]
            + [nn.Linear(width, width)]
        )
        self.classifier = nn.Linear(width, classes)
        start_weights(self, rng=rng)
        for bottleneck in self.hidden[1:4]:
            # No ReLU follows its first half, so that the weights need not make up for one.
            start_weights(bottleneck.get_submodule("0"), rng=rng, gain=1.0)

    def arguments(self) -> dict[str, Any]:
        return {
            "width": self.classifier.in_features,
            "classes": self.classifier.out_features,
            "channels": self.channels,
            "side": self.side,
        }

    def forward(self, x: Tensor) -> Tensor:
        x = self.pixels(x).flatten(1)
        for layer in self.hidden:
            x = F.relu(layer(x))
        logits: Tensor = self.classifier(x)
        return logits


def _bottleneck(width: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, width // 4), nn.Linear(width // 4, width))
