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
