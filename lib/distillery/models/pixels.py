"""Pictures in [0, 1] brought to mean 0 and deviation 1 inside the network, so that whoever loads it
need not know what it was trained on.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Pixels(nn.Module):
    """(x - mean) / deviation, a channel at a time; nothing happens until `measure` has seen data.

    Both are buffers, stored with the network.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("deviation", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        mean, deviation = self.mean[:, None, None], self.deviation[:, None, None]
        return (x - mean) / deviation

    @torch.no_grad()
    def measure(self, x: Tensor) -> None:
        """Take mean and deviation from pictures (N, C, H, W), bytes or floats in [0, 1]."""
        scale = 255.0 if x.dtype == torch.uint8 else 1.0
        for channel in range(x.shape[1]):
            values = x[:, channel].float() / scale
            self.mean[channel] = values.mean()
            self.deviation[channel] = values.std().clamp(min=1e-3)


def measure_pixels(network: nn.Module, x: Tensor) -> None:
    """Let every `Pixels` of a network measure these pictures."""
    for layer in network.modules():
        if isinstance(layer, Pixels):
            layer.measure(x)
