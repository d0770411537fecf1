"""Multi-layer perceptrons."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any, Self

import torch
from torch import Tensor, nn

from distillery.models.described import Described
from distillery.support.nearest import chosen

# those that a file can name: none takes an argument
ACTIVATIONS = (nn.ReLU, nn.Tanh, nn.Sigmoid, nn.SiLU, nn.Identity)


class MLP(Described, nn.Module):
    """Linear layers with a nonlinearity between: `MLP([784, 300, 300, 10], rng=rng)` gives logits.

    Inputs of any shape are flattened. Weights start as He et al. (2015) have them, biases at zero,
    from `rng`; or by another `start`.
    """

    def __init__(
        self,
        widths: Sequence[int],
        *,
        rng: torch.Generator,
        activation: nn.Module | None = None,
        start: Callable[..., None] | None = None,
    ) -> None:
        super().__init__()
        if len(widths) < 2 or any(w < 1 for w in widths):
            raise ValueError(
                f"widths is {list(widths)!r}: at least an input and an output width, all positive,"
                " are needed"
            )
        layers: list[nn.Module] = [nn.Flatten()]
        for before, after in pairwise(widths):
            layers += [nn.Linear(before, after), activation or nn.ReLU()]
        self.layers = nn.Sequential(*layers[:-1])
        (start or start_weights)(self, rng=rng)

    def arguments(self) -> dict[str, Any]:
        linear = [layer for layer in self.layers if isinstance(layer, nn.Linear)]
        widths = [linear[0].in_features, *(layer.out_features for layer in linear)]
        between = {type(layer) for layer in self.layers[2::2]}
        if not between <= set(ACTIVATIONS) or len(between) > 1:
            allowed = ", ".join(activation.__name__ for activation in ACTIVATIONS)
            raise ValueError(
                f"activation is {', '.join(sorted(kind.__name__ for kind in between))}: a file can"
                f" name {allowed}"
            )
        if between <= {nn.ReLU}:
            return {"widths": widths}
        return {"widths": widths, "activation": between.pop().__name__}

    @classmethod
    def from_arguments(cls, *, activation: str = "ReLU", **sizes: Any) -> Self:
        kinds = {kind.__name__: kind for kind in ACTIVATIONS}
        return super().from_arguments(
            activation=kinds[chosen("activation", activation, list(kinds))](), **sizes
        )

    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.layers(x)
        return answer


@torch.no_grad()
def start_weights(network: nn.Module, *, rng: torch.Generator, gain: float = 2.0) -> None:
    """Normal weights of variance gain / fan-in, zero biases: every linear and convolutional layer,
    from one stream.
    """
    for layer, fan_in in _layers(network):
        layer.weight.copy_(_fresh(layer.weight, rng) * (gain / fan_in) ** 0.5)
        if layer.bias is not None:
            layer.bias.zero_()


@torch.no_grad()
def unit_start(network: nn.Module, *, rng: torch.Generator) -> None:
    """Normal weights and biases of variance 1 / (fan-in + 1), a bias being the weight of one more
    input that is always 1.

    Inputs of size 1 then add up to size 1. ReLUs halve the squares of what they pass on, layer by
    layer, which He et al. make good.
    """
    for layer, fan_in in _layers(network):
        for p in layer.parameters():
            p.copy_(_fresh(p, rng) / (fan_in + 1) ** 0.5)


def _layers(network: nn.Module) -> Iterator[tuple[nn.Linear, int]]:
    """Every linear and convolutional layer, and how many inputs one of its outputs has."""
    for layer in network.modules():
        if isinstance(layer, (nn.Linear, nn.Conv1d, nn.Conv2d, nn.ConvTranspose2d)):
            one = layer.weight[:, 0] if isinstance(layer, nn.ConvTranspose2d) else layer.weight[0]
            yield layer, one.numel()  # type: ignore[misc]


def _fresh(p: Tensor, rng: torch.Generator) -> Tensor:
    return torch.randn(p.shape, generator=rng, dtype=p.dtype, device=rng.device)
