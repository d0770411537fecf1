"""Block Gibbs sampling of a restricted Boltzmann machine: all hidden units at once, then all
visible ones.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class BlockGibbs:
    """h ~ sigmoid(x W + b), then x' ~ sigmoid(h W^T + a): one sweep of every chain (thesis,
    equations 4.33 and 4.34).

    `step(state, rng) -> state`: states (C, D) of bits keep their dtype (uint8 is smallest, the
    dtype of W fastest). Reversible with respect to p(x), so a chain that starts there stays there.
    W is (D, H); the two products of a sweep are nearly all its cost.
    """

    def __init__(self, W: Tensor, a: Tensor, b: Tensor) -> None:
        check_machine(W, a, b)
        self.W, self.a, self.b = W.detach().contiguous(), a.detach(), b.detach()
        self.W_transposed = self.W.t().contiguous()

    def __call__(self, state: Tensor, rng: torch.Generator) -> Tensor:
        hidden = sample_bits(torch.addmm(self.b, state.to(self.W.dtype), self.W), rng)
        visible = sample_bits(torch.addmm(self.a, hidden, self.W_transposed), rng)
        return visible.to(state.dtype)

    def start(self, chains: int, rng: torch.Generator) -> Tensor:
        """Fair coins: where chains begin that know nothing, in the dtype that is fastest."""
        return torch.randint(2, (chains, len(self.a)), generator=rng, device=self.W.device).to(
            self.W.dtype
        )


def sample_bits(logits: Tensor, rng: torch.Generator) -> Tensor:
    """Each bit is on with probability sigmoid(logit); the logits are overwritten."""
    uniforms = torch.rand(logits.shape, generator=rng, dtype=logits.dtype, device=logits.device)
    return torch.lt(uniforms, logits.sigmoid_(), out=uniforms)


def check_machine(W: Any, a: Any, b: Any) -> None:
    """W (visible, hidden), a (visible,), b (hidden,) fit together and are finite."""
    for name, value, dim in (("W", W, 2), ("a", a, 1), ("b", b, 1)):
        if (
            not isinstance(value, Tensor)
            or value.dim() != dim
            or not value.is_floating_point()
            or value.numel() == 0
        ):
            got = (
                f"{value.dtype} of shape {tuple(value.shape)}"
                if isinstance(value, Tensor)
                else type(value).__name__
            )
            raise ValueError(
                f"{name} is {got}: a floating-point tensor of {dim} dimension{'s' * (dim > 1)}, not"
                " empty, is needed"
            )
        if not bool(value.isfinite().all()):
            raise ValueError(
                f"{name} holds {int((~value.isfinite()).sum())} entries that are not finite: all"
                " must be"
            )
    if W.shape != (len(a), len(b)):
        raise ValueError(
            f"W is {tuple(W.shape)}, but a has {len(a)} entries and b {len(b)}: W must be (visible,"
            f" hidden) = ({len(a)}, {len(b)})"
        )


def check_chains(chains: Any) -> None:
    """States (C, D) of bits, at least one."""
    if not isinstance(chains, Tensor) or chains.dim() != 2 or 0 in chains.shape:
        got = tuple(chains.shape) if isinstance(chains, Tensor) else type(chains).__name__
        raise ValueError(
            f"chains is {got}: a tensor of bits (chains, visible), at least one chain, is needed"
        )
    if not bool(((chains == 0) | (chains == 1)).all()):
        raise ValueError(
            "chains holds entries that are neither 0 nor 1: states of a machine of bits are needed"
        )
