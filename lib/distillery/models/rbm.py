"""The restricted Boltzmann machine: a density over bits known up to its sum."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from distillery.models.bits import check_bits, check_size
from distillery.models.described import Described
from distillery.samplers.gibbs import BlockGibbs, check_machine, sample_bits


class RBM(Described, nn.Module):
    """p(x, h) proportional to exp(x W h + a x + b h), bits x and h (thesis, equation 4.29); called
    on x it answers `log_density(x)`.

    W is (visible, hidden). `log_density` sums out the hidden units; log Z, its normaliser, is what
    `distillery.partition` estimates.
    """

    def __init__(
        self, visible: int, hidden: int, *, rng: torch.Generator, scale: float = 0.01
    ) -> None:
        super().__init__()
        check_size("visible", visible)
        check_size("hidden", hidden)
        self._take(
            torch.randn(visible, hidden, generator=rng, device=rng.device) * scale,
            torch.zeros(visible),
            torch.zeros(hidden),
        )

    @classmethod
    def from_arrays(cls, W: Any, a: Any, b: Any, *, dtype: torch.dtype | None = None) -> RBM:
        """From weights (visible, hidden) and biases, numpy or torch, in `dtype` or in their own."""
        tensors = [
            torch.as_tensor(np.array(value) if isinstance(value, np.ndarray) else value)
            for value in (W, a, b)
        ]
        check_machine(*tensors)
        machine = cls.__new__(cls)
        nn.Module.__init__(machine)
        machine._take(*(tensor.to(dtype or tensors[0].dtype) for tensor in tensors))
        return machine

    @property
    def visible(self) -> int:
        return len(self.a)

    @property
    def hidden(self) -> int:
        return len(self.b)

    def arguments(self) -> dict[str, Any]:
        return {"visible": self.visible, "hidden": self.hidden}

    def forward(self, x: Tensor) -> Tensor:
        return self.log_density(x)

    def log_density(self, x: Tensor) -> Tensor:
        """log of the sum over h of exp(x W h + a x + b h), minus the free energy (thesis, equation
        4.31): (B, D) bits to (B,).
        """
        check_bits(x, self.visible)
        bits = x.to(self.W.dtype)
        return bits @ self.a + F.softplus(bits @ self.W + self.b).sum(-1)

    def hidden_probs(self, x: Tensor) -> Tensor:
        """p(h = 1 | x), (B, H) (thesis, equation 4.33)."""
        check_bits(x, self.visible)
        return (x.to(self.W.dtype) @ self.W + self.b).sigmoid()

    def visible_probs(self, h: Tensor) -> Tensor:
        """p(x = 1 | h), (B, D) (thesis, equation 4.34)."""
        check_bits(h, self.hidden, name="h")
        return (h.to(self.W.dtype) @ self.W.t() + self.a).sigmoid()

    def gibbs(self, dtype: torch.dtype = torch.float32) -> BlockGibbs:
        """A sweep of block Gibbs sampling with the weights of this moment; float32 is fastest."""
        return BlockGibbs(
            *(value.detach().to(dtype, copy=True) for value in (self.W, self.a, self.b))
        )

    def mirrored(self) -> RBM:
        """The machine with its two sides exchanged, weights shared no longer: its chains are over
        what were the hidden units.
        """
        return RBM.from_arrays(self.W.detach().t(), self.b.detach(), self.a.detach())

    def sample_visible(self, h: Tensor, rng: torch.Generator) -> Tensor:
        """x ~ p(x | h), bits in the dtype of W."""
        check_bits(h, self.hidden, name="h")
        return sample_bits(torch.addmm(self.a, h.to(self.W.dtype), self.W.t()), rng)

    def _take(self, W: Tensor, a: Tensor, b: Tensor) -> None:
        self.W, self.a, self.b = (
            nn.Parameter(value.to(W.device, W.dtype).clone()) for value in (W, a, b)
        )
