"""A curriculum of unlike examples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor

from distillery.generators.kdpp import greedy_k_dpp, k_dpp
from distillery.generators.msss import FRACTION, msss
from distillery.generators.wrappers import Parallel
from distillery.models.bits import check_size
from distillery.protocols import Batch, Generator
from distillery.support.nearest import chosen

Way = Literal["msss", "dpp", "greedy"]
Similarity = Literal["dot", "cosine"]


class Diverse(Generator):
    """Of every `of` · `keep` candidates the `keep` that are least alike; batches are selected group
    by group, all at once.

    `by="msss"` is the minimum sum of squared similarities, at each step among a random `fraction`
    of the rest (the papers give none; 0.5 is ours); `by="dpp"` draws from a k-DPP exactly, and
    `by="greedy"` takes its likeliest items one by one. Similarities are dot products of inputs, or
    their cosines. The curriculum of the papers, 100 drawn, 10 kept, of these the hardest one, is
    `Hardest(Diverse(generator, of=10, rng=rng), score, of=10)`.

    `rng` may be a list, one for each of equally many parallel streams: each stream is then selected
    from as it would be alone.
    """

    def __init__(
        self,
        generator: Generator,
        *,
        of: int,
        rng: torch.Generator | Sequence[torch.Generator],
        keep: int = 10,
        by: Way = "msss",
        fraction: float = FRACTION,
        similarity: Similarity = "dot",
    ) -> None:
        check_size("of", of)
        check_size("keep", keep)
        if not 0 < fraction <= 1:
            raise ValueError(f"fraction is {fraction!r}: a share above 0 and at most 1 is needed")
        self.generator, self.of, self.keep, self.fraction = generator, of, keep, fraction
        self.by = chosen("by", by, get_args(Way))
        self.similarity = chosen("similarity", similarity, get_args(Similarity))
        self.streams = [rng] if isinstance(rng, torch.Generator) else list(rng)
        if not self.streams:
            raise ValueError("rng is empty: at least one stream is needed")

    def draw(self, n: int) -> Batch:
        if n < 1 or n % (self.keep * len(self.streams)):
            streams = f" in each of {len(self.streams)} streams" * (len(self.streams) > 1)
            raise ValueError(
                f"n is {n}: a multiple of the {self.keep} that are kept of a group{streams} is"
                " needed"
            )
        self._check_there_are_enough()
        candidates, groups = self.generator.draw(n * self.of), n // self.keep
        vectors = candidates.x.detach().reshape(groups, self.of * self.keep, -1)
        places = self._places(vectors)
        firsts = torch.arange(groups, device=places.device)[:, None] * vectors.shape[1]
        return candidates[(firsts + places).flatten()]

    def _places(self, vectors: Tensor) -> Tensor:
        """(groups, keep): which of each group's candidates are kept."""
        if self.similarity == "cosine":
            vectors = torch.nn.functional.normalize(vectors, dim=2)
        if self.by == "msss":
            chances = self._chances(len(vectors), self.keep)
            return msss(vectors, self.keep, chances=chances, fraction=self.fraction)
        vectors = vectors.double()
        kernels = torch.bmm(vectors, vectors.transpose(1, 2))
        if self.by == "greedy":
            return greedy_k_dpp(kernels, self.keep)
        return k_dpp(kernels, self.keep, chances=self._chances(len(vectors), 2 * self.keep))

    def _chances(self, groups: int, each: int) -> Tensor:
        """(groups, each) uniform numbers, an equal share from every stream in order."""
        size = (groups // len(self.streams), each)
        return torch.cat(
            [
                torch.rand(size, generator=rng, dtype=torch.float64, device=rng.device)
                for rng in self.streams
            ]
        )

    def _check_there_are_enough(self) -> None:
        drawn = self.generator
        for stream in drawn.generators if isinstance(drawn, Parallel) else [drawn]:
            there = len(stream) if hasattr(stream, "__len__") else None
            if there is not None and there < self.of * self.keep:
                raise ValueError(
                    f"of * keep is {self.of} * {self.keep} = {self.of * self.keep}:"
                    f" {type(stream).__name__} holds {there}, at most as many candidates are needed"
                )
