"""Residual networks of 18 layers (He et al., 2016), in the reduced form that lifelong learning
compares with (Lopez-Paz and Ranzato, 2017).
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from distillery.models.bits import check_size
from distillery.models.described import Described
from distillery.models.mlp import start_weights

# The variance, times the fan-in, with which torch starts a layer. A normalised layer computes the
# same at any scale of its weights, but a step of a given rate turns small ones further, and the
# rates that are published were found with this start.
_GAIN = 1 / 3


class ResNet18(Described, nn.Module):
    """A convolution, four groups of two residual blocks, the mean over space, a linear layer:
    pictures (B, channels, H, W) to logits.

    The groups have 1, 2, 4 and 8 times `width` filters; each but the first halves the picture. The
    usual width is 64; GEM's reduced network has 20. `features` are what the linear layer sees.
    """

    def __init__(
        self, *, rng: torch.Generator, classes: int = 100, width: int = 20, channels: int = 3
    ) -> None:
        for name, value in (("classes", classes), ("width", width), ("channels", channels)):
            check_size(name, value)
        super().__init__()
        self.first = nn.Conv2d(channels, width, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(width)
        self.groups = nn.ModuleList(
            _group(max(1, scale // 2) * width, scale * width, stride=1 if scale == 1 else 2)
            for scale in (1, 2, 4, 8)
        )
        self.classifier = nn.Linear(8 * width, classes)
        start_weights(self, rng=rng, gain=_GAIN)

    def arguments(self) -> dict[str, Any]:
        return {
            "classes": self.classifier.out_features,
            "width": self.first.out_channels,
            "channels": self.first.in_channels,
        }

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.features(x))
        return logits

    def features(self, x: Tensor) -> Tensor:
        """(B, 8 · width): what the last group puts out, in the mean over space."""
        if x.dim() != 4 or x.shape[1] != self.first.in_channels:
            raise ValueError(
                f"x has shape {tuple(x.shape)}: ResNet18 takes (B, {self.first.in_channels}, H, W)"
            )
        x = F.relu(self.norm(self.first(x)))
        for group in self.groups:
            x = group(x)
        return x.mean((2, 3))


class Block(nn.Module):
    """Two 3x3 convolutions, each normalised, added to the input (or to its normalised 1x1
    projection); ReLU after the first and after the sum.
    """

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.norm1, self.norm2 = nn.BatchNorm2d(after), nn.BatchNorm2d(after)
        self.project = (
            nn.Sequential(
                nn.Conv2d(before, after, 1, stride=stride, bias=False), nn.BatchNorm2d(after)
            )
            if before != after or stride != 1
            else None
        )

    def forward(self, x: Tensor) -> Tensor:
        residual = self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x)))))
        return F.relu(residual + (x if self.project is None else self.project(x)))


def _group(before: int, after: int, *, stride: int) -> nn.Sequential:
    return nn.Sequential(Block(before, after, stride), Block(after, after, 1))
