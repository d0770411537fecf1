"""A plain convolutional network of nine layers (after Simonyan and Zisserman, 2015)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from distillery.models.described import Described
from distillery.models.mlp import start_weights
from distillery.models.pixels import Pixels

STAGES = ((1,), (2,), (4, 4), (8, 8), (8, 8))  # filters of each convolution, in units of `width`


class VGG9(Described, nn.Module):
    """Eight 3x3 convolutions with normalisation and ReLU in five stages that end in pooling, the
    mean over space, a linear layer.

    `stages.3` and `stages.4` are the fourth and fifth pooling, which Ahn et al. (2019) compare with
    the third and fourth group of a ResNet-34. How the layers are shared out is chosen here.
    """

    def __init__(
        self, *, rng: torch.Generator, classes: int = 10, channels: int = 3, width: int = 64
    ) -> None:
        super().__init__()
        self.channels, self.width = channels, width
        self.pixels = Pixels(channels)
        before = [channels, *(width * stage[-1] for stage in STAGES)]
        self.stages = nn.ModuleList(
            _stage(first, [width * times for times in stage])
            for first, stage in zip(before, STAGES, strict=False)
        )
        self.classifier = nn.Linear(before[-1], classes)
        start_weights(self, rng=rng)

    def arguments(self) -> dict[str, Any]:
        return {
            "classes": self.classifier.out_features,
            "channels": self.channels,
            "width": self.width,
        }

    def forward(self, x: Tensor) -> Tensor:
        if min(x.shape[2:]) < 32:
            raise ValueError(
                f"x has shape {tuple(x.shape)}: VGG9 halves pictures five times, so 32 pixels a"
                " side are needed at least"
            )
        x = self.pixels(x)
        for stage in self.stages:
            x = stage(x)
        logits: Tensor = self.classifier(x.mean((2, 3)))
        return logits


def _stage(before: int, filters: list[int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for first, after in zip([before, *filters], filters, strict=False):
        layers += [
            nn.Conv2d(first, after, 3, padding=1, bias=False),
            nn.BatchNorm2d(after),
            nn.ReLU(),
        ]
    return nn.Sequential(*layers, nn.MaxPool2d(2))
