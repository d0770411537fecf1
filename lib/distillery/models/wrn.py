"""Wide residual networks (Zagoruyko and Komodakis, 2016)."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from distillery.models.described import Described
from distillery.models.mlp import start_weights
from distillery.models.pixels import Pixels


class WideResNet(Described, nn.Module):
    """WRN-depth-width: a convolution, three groups of residual blocks at 32, 16 and 8 pixels, the
    mean over space, a linear layer.

    `groups.0` to `groups.2` are the ends of the groups, `first` the convolution before them: what
    information transfer compares. Pictures come in [0, 1]; `pixels` standardises them.
    """

    def __init__(
        self, depth: int, width: int, *, rng: torch.Generator, classes: int = 10, channels: int = 3
    ) -> None:
        super().__init__()
        if depth < 10 or (depth - 4) % 6:
            raise ValueError(f"depth is {depth}: 6 n + 4 is needed, such as 10, 16, 22, 28 or 40")
        filters = [16, 16 * width, 32 * width, 64 * width]
        self.pixels = Pixels(channels)
        self.first = nn.Conv2d(channels, filters[0], 3, padding=1, bias=False)
        self.groups = nn.ModuleList(
            _group(filters[i], filters[i + 1], (depth - 4) // 6, stride=1 if i == 0 else 2)
            for i in range(3)
        )
        self.norm = nn.BatchNorm2d(filters[3])
        self.classifier = nn.Linear(filters[3], classes)
        start_weights(self, rng=rng)

    def arguments(self) -> dict[str, Any]:
        blocks = sum(isinstance(layer, Block) for layer in self.modules())
        return {
            "depth": 2 * blocks + 4,
            "width": len(self.norm.weight) // 64,
            "classes": self.classifier.out_features,
            "channels": self.first.in_channels,
        }

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(self.pixels(x))
        for group in self.groups:
            x = group(x)
        logits: Tensor = self.classifier(F.relu(self.norm(x)).mean((2, 3)))
        return logits


class Block(nn.Module):
    """Two 3x3 convolutions, each after normalisation and ReLU, added to the input (or to its 1x1
    projection).
    """

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.BatchNorm2d(before), nn.BatchNorm2d(after)
        self.conv1 = nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.project = (
            nn.Conv2d(before, after, 1, stride=stride, bias=False)
            if before != after or stride != 1
            else None
        )

    def forward(self, x: Tensor) -> Tensor:
        ready = F.relu(self.norm1(x))
        residual: Tensor = self.conv2(F.relu(self.norm2(self.conv1(ready))))
        return residual + (x if self.project is None else self.project(ready))


def _group(before: int, after: int, blocks: int, *, stride: int) -> nn.Sequential:
    return nn.Sequential(
        *(Block(before if i == 0 else after, after, stride if i == 0 else 1) for i in range(blocks))
    )
