"""How far pictures lie from the nearest training image, in mean absolute difference of pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from distillery.support.machine_code import compiled

AT_ONCE = 64  # pictures that are compared with one training image while it is at hand


def nearest(pictures: Tensor, training: Tensor, report: Any = None) -> Tensor:
    """For every picture, uint8 (N, …), the least mean |difference| to a training image, in [0, 1].

    Every pair is compared: nothing is estimated.
    """
    pixels = training[0].numel()
    table = np.ascontiguousarray(training.flatten(1).cpu().numpy())
    least = []
    for begin in range(0, len(pictures), AT_ONCE):
        some = pictures[begin : begin + AT_ONCE].flatten(1).cpu().numpy()
        least.append(torch.from_numpy(_least(np.ascontiguousarray(some), table)))
        if report is not None:
            report((begin + len(some)) / len(pictures))
    return torch.cat(least).double() / (255 * pixels)


def _least_sums(pictures: Any, training: Any) -> Any:
    """The least sum of absolute differences, over training images, for each picture."""
    least = np.full(len(pictures), 2**31 - 1, np.int32)
    for image in training:
        for index in range(len(pictures)):
            total = np.int32(0)
            for pixel in range(len(image)):
                total += abs(np.int32(pictures[index, pixel]) - np.int32(image[pixel]))
            least[index] = min(least[index], total)
    return least


_least = compiled(_least_sums, fastmath=True)
