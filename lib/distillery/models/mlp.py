"""Multi-layer perceptrons."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn


class MLP(nn.Module):
    """Linear layers with a nonlinearity between: `MLP([784, 300, 300, 10], rng=rng)` gives logits.

    Inputs of any shape are flattened. Weights start as He et al. (2015) have them, biases at zero, both from `rng`.
    """

    def __init__(self, widths: Sequence[int], *, rng: torch.Generator, activation: nn.Module | None = None) -> None:
        super().__init__()
        if len(widths) < 2 or any(w < 1 for w in widths):
            raise ValueError(f"widths is {list(widths)!r}: at least an input and an output width, all positive, are needed")
        layers: list[nn.Module] = [nn.Flatten()]
        for before, after in pairwise(widths):
            layers += [nn.Linear(before, after), activation or nn.ReLU()]
        self.layers = nn.Sequential(*layers[:-1])
        start_weights(self, rng=rng)

    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.layers(x)
        return answer


@torch.no_grad()
def start_weights(network: nn.Module, *, rng: torch.Generator, gain: float = 2.0) -> None:
    """Normal weights of variance gain / fan-in, zero biases: every linear and convolutional layer, from one stream."""
    for layer in network.modules():
        if isinstance(layer, (nn.Linear, nn.Conv1d, nn.Conv2d, nn.ConvTranspose2d)):
            fan_in = layer.weight[0].numel() if not isinstance(layer, nn.ConvTranspose2d) else layer.weight[:, 0].numel()
            fresh = torch.randn(layer.weight.shape, generator=rng, dtype=layer.weight.dtype, device=rng.device)
            layer.weight.copy_(fresh * (gain / fan_in) ** 0.5)
            if layer.bias is not None:
                layer.bias.zero_()
