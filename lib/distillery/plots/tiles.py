"""Images in a grid."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from torch import Tensor

from distillery.plots._drawing import axes

_GAP = 2  # pixels between neighbours


def images(
    pictures: Tensor | Sequence[Tensor],
    *,
    columns: int = 10,
    rows: Sequence[str] = (),
    labels: Sequence[str] = (),
    size: float = 0.6,
    ax: Axes | None = None,
) -> Axes:
    """A grid of images (N, C, H, W) or (N, H, W), bytes or floats in [0, 1], `columns` to a row.

    Several such tensors start a row each, named by `rows`. `labels` stand under the lowest row.
    `size` is an image's width in inches.
    """
    stacks = [pictures] if isinstance(pictures, Tensor) else list(pictures)
    wide = min(columns, max(len(stack) for stack in stacks))
    shown = [_pixels(part) for stack in stacks for part in stack.split(wide)]
    height, width = (length + _GAP for length in shown[0].shape[1:3])
    across = wide * size + (1.0 if rows else 0.1)
    down = len(shown) * size * height / width + (0.25 if labels else 0.1)
    ax = axes(ax, (across, down))
    ax.imshow(_mosaic(shown, wide))
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    starts = np.cumsum([0, *(-(-len(stack) // wide) for stack in stacks)])
    ax.set_xticks([(j + 0.5) * width - _GAP for j in range(len(labels))], labels)
    ax.set_yticks([(starts[i] + 0.5) * height - _GAP for i in range(len(rows))], rows)
    return ax


def tinted(values: Tensor, *, bands: int = 5) -> Tensor:
    """Signed numbers (N, H, W) as coloured pictures (N, 3, H, W) for `images`: each against its own
    largest, red above zero, blue below.
    """
    x = values.detach().cpu().float()
    largest = x.abs().amax((1, 2), keepdim=True).clamp(min=1e-12)
    colours = plt.get_cmap("RdBu_r", 2 * bands + 1)((0.5 + 0.5 * x / largest).numpy())
    opaque = np.ascontiguousarray(colours[..., :3])
    return torch.from_numpy(opaque).float().permute(0, 3, 1, 2)


def _pixels(pictures: Tensor) -> np.ndarray:
    """Images as (N, H, W, 4), colours and opacity in [0, 1]."""
    x = pictures.detach().cpu()
    x = (x.float() / 255 if x.dtype == torch.uint8 else x.float()).clamp(0, 1)
    x = (x.unsqueeze(1) if x.dim() == 3 else x).expand(-1, 3, -1, -1)
    return torch.cat([x, torch.ones_like(x[:, :1])], 1).permute(0, 2, 3, 1).numpy()


def _mosaic(rows: Sequence[np.ndarray], wide: int) -> np.ndarray:
    """Rows of images side by side, with gaps that let the ground through."""
    padded = [np.pad(row, ((0, wide - len(row)), (0, _GAP), (0, _GAP), (0, 0))) for row in rows]
    return np.concatenate([np.concatenate(list(row), 1) for row in padded])[:-_GAP, :-_GAP]
