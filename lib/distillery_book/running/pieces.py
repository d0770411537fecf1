"""A long computation in pieces: each has a random stream of its own, and a file as soon as it is
done.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from distillery.support.atomic import replacing
from distillery_book.results.study import Context

Share = Callable[[float], None]
Make = Callable[[torch.Generator, Share], dict[str, Tensor]]


class Pieces:
    """`pieces(name, make)` is what `make(rng, share)` returns, or what it returned to an earlier
    attempt that was killed later on.

    The stream follows from the seed and the name alone: an interrupted run ends as an uninterrupted
    one does, and equal pieces of two cells are equal. `share` takes the piece's progress, 0 to 1;
    `total` is what the costs of all pieces add up to.
    """

    def __init__(self, context: Context, seed: int, *, total: float) -> None:
        self.context, self.seed, self.total, self.done = context, seed, total, 0.0

    def __call__(self, name: str, make: Make, *, cost: float = 1.0) -> dict[str, Tensor]:
        path = self.context.scratch / f"{name}.safetensors"
        if not path.exists():

            def share(done: float) -> None:
                self.context.report((self.done + cost * done) / self.total)

            made = make(self.stream(name), share)
            plain = {key: value.detach().cpu().contiguous() for key, value in made.items()}
            with replacing(path) as part:
                save_file(plain, part)
        self.done += cost
        self.context.report(self.done / self.total)
        return {key: value.to(self.context.device) for key, value in load_file(path).items()}

    def stream(self, name: str) -> torch.Generator:
        digest = hashlib.sha256(f"{self.seed} {name}".encode()).digest()
        return torch.Generator(self.context.device).manual_seed(int.from_bytes(digest[:7], "big"))


def sizes(total: int, at_once: int) -> list[int]:
    """`total` in parts of `at_once`, the last one smaller where it must be."""
    return [min(at_once, total - start) for start in range(0, total, at_once)]
