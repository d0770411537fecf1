"""LeNet, the convolutional teacher and student of the recollection papers."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from distillery.models.described import Described
from distillery.models.mlp import start_weights


class LeNet(Described, nn.Module):
    """Two 5x5 convolutions with pooling, then a dense layer: 28x28 pictures to logits (LeCun et
    al., 1998).

    `widths` are the filters of the two convolutions and the units of the dense layer.
    """

    def __init__(
        self,
        *,
        rng: torch.Generator,
        channels: int = 1,
        classes: int = 10,
        widths: tuple[int, int, int] = (20, 50, 500),
    ) -> None:
        super().__init__()
        first, second, dense = widths
        self.features = nn.Sequential(
            nn.Conv2d(channels, first, 5), nn.MaxPool2d(2), nn.ReLU(),
            nn.Conv2d(first, second, 5), nn.MaxPool2d(2), nn.ReLU(),
        )  # fmt: skip
        self.classifier = nn.Sequential(
            nn.Flatten(), nn.Linear(second * 16, dense), nn.ReLU(), nn.Linear(dense, classes)
        )
        self.channels = channels
        start_weights(self, rng=rng)

    def arguments(self) -> dict[str, Any]:
        layers = [
            layer for layer in self.modules() if isinstance(layer, (nn.Conv2d, nn.Linear))
        ]  # two convolutions, two linear layers
        *widths, classes = [len(layer.weight) for layer in layers]
        return {"channels": self.channels, "classes": classes, "widths": widths}

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[1:] != (self.channels, 28, 28):
            raise ValueError(
                f"x has shape {tuple(x.shape)}: LeNet takes (B, {self.channels}, 28, 28)"
            )
        logits: Tensor = self.classifier(self.features(x))
        return logits
