"""Random changes to pictures, a whole batch at a time on its device."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

Transform = Callable[[Tensor, torch.Generator], Tensor]


def crop_and_flip(padding: int = 4) -> Transform:
    """The usual recipe for CIFAR: pad with zeros, crop at a random place, and mirror a picture with
    probability a half.
    """

    def transform(x: Tensor, rng: torch.Generator) -> Tensor:
        n, _, height, width = x.shape
        padded = F.pad(x, (padding,) * 4)
        corner = torch.randint(2 * padding + 1, (2, n, 1), generator=rng, device=rng.device)
        corner = corner.to(x.device)
        rows = corner[0] + torch.arange(height, device=x.device)
        columns = corner[1] + torch.arange(width, device=x.device)
        mirrored = torch.rand((n, 1), generator=rng, device=rng.device).to(x.device) < 0.5
        columns = torch.where(mirrored, columns.flip(1), columns)
        pictures = torch.arange(n, device=x.device)[:, None, None]
        picked = padded.permute(0, 2, 3, 1)[pictures, rows[:, :, None], columns[:, None, :]]
        return picked.permute(0, 3, 1, 2)

    return transform


def jitter(*, shift: float = 2.0, turn: float = 10.0, scale: float = 0.1) -> Transform:
    """Each picture turned, scaled and shifted at random: uniformly by at most `turn` degrees, a
    share `scale`, `shift` pixels each way.

    Pictures (B, C, H, W) are interpolated between pixels; what comes in from outside is zero.
    """

    def transform(x: Tensor, rng: torch.Generator) -> Tensor:
        n, _, height, width = x.shape
        drawn = 2 * torch.rand(4, n, generator=rng, device=rng.device) - 1
        angle, size, down, right = drawn.to(x.device)
        angle, size = angle * math.radians(turn), 1 + size * scale
        cos, sin = angle.cos() / size, angle.sin() / size
        turned = [cos, -sin * height / width, sin * width / height, cos]
        x_shift, y_shift = right * 2 * shift / width, down * 2 * shift / height
        rows = [
            *turned[:2],
            turned[0] * x_shift + turned[1] * y_shift,
            *turned[2:],
            turned[2] * x_shift + turned[3] * y_shift,
        ]
        maps = torch.stack(rows, 1).view(n, 2, 3).to(x.dtype)
        grid = F.affine_grid(maps, list(x.shape), align_corners=False)
        return F.grid_sample(x, grid, align_corners=False)

    return transform


def mixup(alpha: float = 1.0) -> Transform:
    """Each picture mixed with another of its batch, s x + (1 - s) x', s from Beta(alpha, alpha)
    (Zhang et al., 2018).

    Labels do not follow: it is for a teacher who is asked about what comes out.
    """
    _check_alpha(alpha)

    def transform(x: Tensor, rng: torch.Generator) -> Tensor:
        shares = _beta(len(x), alpha, rng).to(x.device)[:, None, None, None].to(x.dtype)
        return shares * x + (1 - shares) * x[_partners(len(x), rng).to(x.device)]

    return transform


def cutmix(alpha: float = 1.0) -> Transform:
    """Into each picture a rectangle of another of its batch is pasted, at the same place, which
    covers a share from Beta(alpha, alpha) where it does not reach over the edge (Yun et al., 2019).

    Labels do not follow: it is for a teacher who is asked about what comes out.
    """
    _check_alpha(alpha)

    def transform(x: Tensor, rng: torch.Generator) -> Tensor:
        n, _, height, width = x.shape
        half = _beta(n, alpha, rng).sqrt() / 2
        middle = torch.rand(2, n, generator=rng, device=rng.device)
        inside = [
            ((torch.arange(size, device=rng.device) + 0.5) / size - at[:, None]).abs()
            < half[:, None]
            for size, at in zip((height, width), middle, strict=True)
        ]
        pasted = (inside[0][:, None, :, None] & inside[1][:, None, None, :]).to(x.device)
        return torch.where(pasted, x[_partners(n, rng).to(x.device)], x)

    return transform


def resized(side: int) -> Transform:
    """Every picture at another size, `side` pixels a side: the first passes of a long training are
    cheaper on small pictures.
    """
    if side < 1:
        raise ValueError(f"side is {side!r}: at least one pixel is needed")

    def transform(x: Tensor, rng: torch.Generator) -> Tensor:
        if x.shape[-1] == x.shape[-2] == side:
            return x
        return F.interpolate(x, (side, side), mode="bilinear", align_corners=False, antialias=True)

    return transform


def _check_alpha(alpha: float) -> None:
    if not alpha > 0:
        raise ValueError(f"alpha is {alpha!r}: a positive number is needed")


def _partners(n: int, rng: torch.Generator) -> Tensor:
    return torch.randperm(n, generator=rng, device=rng.device)


def _beta(n: int, alpha: float, rng: torch.Generator) -> Tensor:
    """Draws of Beta(alpha, alpha), from two gammas."""
    if alpha == 1:
        return torch.rand(n, generator=rng, device=rng.device)
    shapes = torch.full((2, n), alpha, device=rng.device)
    gammas = torch._standard_gamma(shapes, generator=rng)
    return gammas[0] / gammas.sum(0)
