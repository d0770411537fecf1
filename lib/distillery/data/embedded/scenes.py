"""Coloured pictures without a download: a hundred shapes and textures in twenty groups of five,
32x32, in the form of `cifar100.npz`.

Every image is painted anew: its page, colours, place, size, turn and light are its own, and some
images lie in part behind a leaf or a post. All arithmetic is elementwise, so the bytes are the same
everywhere.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from distillery.data.embedded import painting
from distillery.data.embedded.chance import order
from distillery.data.embedded.scene_table import SCENES

TRAIN, TEST, SIDE = 50, 10, 32  # images a class, pixels a side
_SEED, _SEED_OF_TEN = 100, 10


def arrays() -> dict[str, NDArray]:
    """The arrays of `cifar100.npz`: 5,000 training and 1,000 test images of 100 fine and 20 coarse
    classes.
    """
    groups = np.repeat(np.arange(len(SCENES)), 5).astype(np.uint8)
    parts = _split(_SEED)
    return parts | {
        "c_train": groups[parts["y_train"]],
        "c_test": groups[parts["y_test"]],
        "fine_names": np.array([name for pictures in SCENES.values() for name in pictures]),
        "coarse_names": np.array([group for group, _ in SCENES]),
        "fine_to_coarse": groups,
    }


def ten() -> dict[str, NDArray]:
    """The arrays of `cifar10.npz`: as many images, none of them among the hundred's, two
    neighbouring groups to a class.
    """
    parts = _split(_SEED_OF_TEN)
    groups = [group for group, _ in SCENES]
    pairs = zip(groups[::2], groups[1::2], strict=True)
    return parts | {
        "y_train": parts["y_train"] // 10,
        "y_test": parts["y_test"] // 10,
        "label_names": np.array([f"{first} or {second}" for first, second in pairs]),
    }


def _split(seed: int) -> dict[str, NDArray]:
    """Fifty and ten images of every class, in random order."""
    pictures = [
        (scene, layers) for (_, scene), group in SCENES.items() for layers in group.values()
    ]
    images = np.stack(
        [
            painting.paint(layers, scene, TRAIN + TEST, seed=1000 * seed + i)
            for i, (scene, layers) in enumerate(pictures)
        ]
    )
    labels = np.repeat(np.arange(len(pictures), dtype=np.uint8)[:, None], TRAIN + TEST, axis=1)
    parts: dict[str, NDArray] = {}
    for name, part, mixed in (("train", slice(None, TRAIN), 1), ("test", slice(TRAIN, None), 2)):
        x, y = images[:, part].reshape(-1, SIDE, SIDE, 3), labels[:, part].reshape(-1)
        shuffled = order(1000 * seed + 500 + mixed, len(y))
        parts |= {f"x_{name}": x[shuffled], f"y_{name}": y[shuffled]}
    return parts
