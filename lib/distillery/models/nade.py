"""NADE: a distribution over bits, exact to evaluate and exact to sample (Larochelle and Murray,
2011; thesis, section 4.2.2).

On a CPU in float32 it runs in `nade_kernel`; everywhere else, and whenever derivatives with respect
to the inputs or second derivatives are asked for, in plain torch. Both give the same numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from distillery.models.bits import check_bits, check_order, check_size
from distillery.models.described import Described
from distillery.models.orders import columns as columns
from distillery.models.orders import order_as_json, order_from_json
from distillery.models.rbm import RBM


class NADE(Described, nn.Module):
    """log p(x) = sum of log p(x_i | the pixels before it), pixels taken in `order` (thesis,
    equations 4.36 to 4.42).

    `order[k]` is the pixel that comes k-th (by default as they stand; see `columns`). `W` and `U`
    have a row a pixel, in that order: `features()` puts the rows of W back where their pixels are.
    `kernel=False` keeps to plain torch.
    """

    order: Tensor
    follows = ("order",)

    def __init__(
        self,
        visible: int,
        hidden: int,
        *,
        rng: torch.Generator,
        order: Tensor | None = None,
        kernel: bool = True,
    ) -> None:
        super().__init__()
        check_size("visible", visible)
        check_size("hidden", hidden)
        self.register_buffer("order", check_order(order, visible))
        self.visible, self.hidden, self.kernel = visible, hidden, kernel
        width = max(visible, hidden) ** -0.5  # as Larochelle and Murray start it
        self.W = nn.Parameter(
            (2 * torch.rand(visible, hidden, generator=rng, device=rng.device) - 1) * width
        )
        self.U = nn.Parameter(
            (2 * torch.rand(visible, hidden, generator=rng, device=rng.device) - 1) * width
        )
        self.b = nn.Parameter(torch.zeros(visible, device=rng.device))
        self.c = nn.Parameter(torch.zeros(hidden, device=rng.device))

    def arguments(self) -> dict[str, Any]:
        return {"visible": self.visible, "hidden": self.hidden, **order_as_json(self.order)}

    @classmethod
    def from_arguments(cls, *, order: Any = None, **sizes: Any) -> Self:
        return super().from_arguments(order=order_from_json(order), **sizes)

    @classmethod
    def from_rbm(
        cls, machine: RBM, hidden: int, *, rng: torch.Generator, order: Tensor | None = None
    ) -> NADE:
        """One mean-field step of the machine, which is how NADE was found (Larochelle and Murray,
        2011): its weights in W and in U.

        Hidden units beyond the machine's begin at random and silent; fewer units than the machine
        has are refused.
        """
        if hidden < machine.hidden:
            raise ValueError(
                f"hidden is {hidden}: at least as many units as the machine has, {machine.hidden},"
                " are needed"
            )
        student = cls(machine.visible, hidden, rng=rng, order=order)
        with torch.no_grad():
            weights = machine.W.index_select(0, student.order.to(machine.W.device))
            student.U.zero_()
            for rows in (student.W, student.U):
                rows[:, : machine.hidden] = weights
            student.c[: machine.hidden] = machine.b
            student.b.copy_(machine.a[student.order])
        return student

    def forward(self, x: Tensor) -> Tensor:
        return self.log_prob(x)

    def log_prob(self, x: Tensor) -> Tensor:
        """log p(x) of every example, in nats, normalised: (B, D) bits to (B,)."""
        pixels = self._pixels(x)
        z = self._logits(pixels)
        bits = pixels.to(z.dtype)
        return (bits * z - F.softplus(z)).sum(0)

    def logits(self, x: Tensor) -> Tensor:
        """(B, D): of every pixel, given those before it in the order, each at its own place."""
        logits = self._logits(self._pixels(x)).t()
        return torch.empty_like(logits).index_copy(1, self.order, logits)

    def conditionals(self, x: Tensor) -> Tensor:
        """probs (B, D): for every pixel p(x_i = 1 | the pixels before it in the order), each pixel
        at its own place.
        """
        return self.logits(x).sigmoid()

    @torch.no_grad()
    def sample(self, n: int, *, rng: torch.Generator) -> Tensor:
        """n exact samples by ancestry, one pixel after another: (n, D) of uint8."""
        return self.sample_with_conditionals(n, rng=rng)[0]

    @torch.no_grad()
    def sample_with_conditionals(self, n: int, *, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """The same samples, and how probable each pixel was to be on when its turn came, (n, D):
        grey pictures (thesis, Figure 2.4).
        """
        check_size("n", n)
        draw = _sample_kernel if self._uses_kernel() else _sample_torch
        parts = [
            draw(
                self,
                torch.rand(
                    self.visible, m, generator=rng, device=self.W.device, dtype=self.W.dtype
                ),
            )
            for m in _chunks(n, 1000)
        ]
        pixels, probs = (torch.cat(each, 1).t() for each in zip(*parts, strict=True))
        return tuple(
            torch.empty_like(rows).index_copy(1, self.order, rows) for rows in (pixels, probs)
        )  # type: ignore[return-value]

    def features(self) -> Tensor:
        """(H, D): what each hidden unit looks for, pixels in their places (thesis, Figure 4.8)."""
        rows = self.W.detach()
        return torch.empty_like(rows).index_copy(0, self.order, rows).t()

    def _pixels(self, x: Tensor) -> Tensor:
        """(D, B), in the order."""
        check_bits(x, self.visible)
        return x.t().index_select(0, self.order)

    def _logits(self, pixels: Tensor) -> Tensor:
        if self._uses_kernel() and not pixels.requires_grad:
            z: Tensor = _Kernel.apply(pixels, self.W, self.U, self.b, self.c)
            return z
        weights = (self.W, self.U, self.b, self.c)
        return logits_in_torch(pixels.t().to(self.W.dtype), weights).t()

    def _uses_kernel(self) -> bool:
        return self.kernel and self.W.dtype == torch.float32 and self.W.device.type == "cpu"


def logits_in_torch(x: Tensor, weights: Sequence[Tensor]) -> Tensor:
    """z (B, D) by a cumulative sum over pixels (thesis, equations C.2 to C.5), differentiable in
    everything, twice too; `weights` are W, U, b and c.

    Examples are taken a few at a time; memory is still O(B · D · H) while gradients are kept.
    """
    W, U, b, c = weights
    if not len(x):
        return x.new_empty(0, len(b))
    some = max(1, 2**26 // (W.numel() + 1))
    return torch.cat([_cumulative(part, W, U, b, c) for part in x.split(some)])


def _cumulative(x: Tensor, W: Tensor, U: Tensor, b: Tensor, c: Tensor) -> Tensor:
    before = F.pad((x[:, :-1, None] * W[:-1]).cumsum(1), (0, 0, 1, 0))
    return ((before + c).sigmoid() * U).sum(-1) + b


class _Kernel(torch.autograd.Function):
    """z (D, B) from pixels (D, B) in the order; keeps the pixels and the last pre-activations, (B,
    H).
    """

    @staticmethod
    def forward(ctx: Any, pixels: Tensor, *weights: Tensor) -> Tensor:
        from distillery.models import nade_kernel  # compiles: not before it is needed

        padded = F.pad(
            pixels.to(torch.uint8), (0, -pixels.shape[1] % nade_kernel.TILE)
        ).contiguous()
        z, last = nade_kernel.logits(padded, [p.contiguous() for p in weights])
        ctx.save_for_backward(padded, *weights[:2], last)
        return z[:, : pixels.shape[1]]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dz: Tensor) -> Any:
        from distillery.models import nade_kernel

        padded, W, U, last = ctx.saved_tensors
        padded_dz = F.pad(dz, (0, padded.shape[1] - dz.shape[1])).contiguous()
        both = (W.contiguous(), U.contiguous())
        dW, dU, dc = nade_kernel.gradients(padded, both, last, padded_dz)
        return None, dW, dU, dz.sum(1), dc


def _sample_kernel(nade: NADE, uniforms: Tensor) -> tuple[Tensor, Tensor]:
    from distillery.models import nade_kernel

    padded = F.pad(uniforms, (0, -uniforms.shape[1] % nade_kernel.TILE))
    drawn, probs = nade_kernel.sample(
        padded, [p.detach().contiguous() for p in (nade.W, nade.U, nade.b, nade.c)]
    )
    return drawn[:, : uniforms.shape[1]], probs[:, : uniforms.shape[1]]


def _sample_torch(nade: NADE, uniforms: Tensor) -> tuple[Tensor, Tensor]:
    pixels, probs = (
        torch.empty(uniforms.shape, dtype=torch.uint8, device=uniforms.device),
        torch.empty_like(uniforms),
    )
    a = nade.c.expand(uniforms.shape[1], -1)
    for i in range(nade.visible):
        probs[i] = (a.sigmoid() @ nade.U[i] + nade.b[i]).sigmoid()
        on = uniforms[i] < probs[i]
        pixels[i] = on
        a = a + on[:, None] * nade.W[i]
    return pixels, probs


def _chunks(n: int, size: int) -> Iterator[int]:
    yield from (min(size, n - start) for start in range(0, n, size))
