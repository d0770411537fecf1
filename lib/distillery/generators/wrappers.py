"""Generators around generators: each takes what another draws and changes it, mixes it, or chooses
from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from distillery.models.bank import Bank
from distillery.models.once import quietly
from distillery.protocols import Batch, Generator, check_rng


class Alongside(Generator):
    """Inputs, and alongside each input a draw of every chain: `batch.draw` is (B, D), or (B, k, D)
    for k chains.

    So a posterior over weights rides with the inputs, and the teacher t(x, w) stays pure (thesis,
    equation 3.36).
    """

    def __init__(self, inputs: Generator, *chains: Generator) -> None:
        if not chains:
            raise ValueError("chains is empty: at least one generator of draws is needed")
        self.inputs, self.chains = inputs, chains

    def draw(self, n: int) -> Batch:
        batch = self.inputs.draw(n)  # first: where it is exhausted, no chain moves
        draws = [chain.draw(n).x for chain in self.chains]
        return replace(batch, draw=draws[0] if len(draws) == 1 else torch.stack(draws, 1))


class Ancestral(Generator):
    """Inputs by ancestry: first a draw of the chain, then an input given it, `simulate(draws,
    rng)`.

    So a posterior over weights hands out data as it predicts them (thesis, section 3.2.2). With
    `keep` the draws ride along in `batch.draw`, for a teacher that knows more with them than
    without.
    """

    def __init__(
        self,
        chain: Generator,
        simulate: Callable[[Tensor, torch.Generator], Tensor],
        *,
        rng: torch.Generator,
        keep: bool = False,
    ) -> None:
        self.chain, self.simulate, self.keep = chain, simulate, keep
        self.rng = check_rng(rng)

    def draw(self, n: int) -> Batch:
        draws = self.chain.draw(n).x
        return Batch(self.simulate(draws, self.rng), draw=draws if self.keep else None)


class Interleave(Generator):
    """Every batch is shared out among several generators: new examples and remembered ones, say.

    `shares` are relative; fractions of an example are carried over to the next batch, so that the
    shares hold in the long run.
    """

    remembers = ("carried",)

    def __init__(
        self, generators: Sequence[Generator], shares: Sequence[float] | None = None
    ) -> None:
        shares = [1.0] * len(generators) if shares is None else list(shares)
        if not generators or len(shares) != len(generators) or min(shares) < 0 or sum(shares) <= 0:
            raise ValueError(
                f"shares is {shares!r} for {len(generators)} generators: as many are needed, none"
                " negative, not all zero"
            )
        self.generators = list(generators)
        self.shares = torch.tensor(shares, dtype=torch.float64) / sum(shares)
        self.carried = torch.zeros(len(generators), dtype=torch.float64)

    def draw(self, n: int) -> Batch:
        counts = self._counts(n)
        shared = zip(self.generators, counts, strict=True)
        return joined([generator.draw(count) for generator, count in shared if count > 0])

    def _counts(self, n: int) -> list[int]:
        """How many of n examples each generator is asked for; the rest of its share is carried."""
        due = self.carried + n * self.shares
        counts = (due + 1e-9).floor().clamp(min=0)
        while counts.sum() < n:
            counts[(due - counts).argmax()] += 1
        while counts.sum() > n:
            counts[torch.where(counts > 0, due - counts, torch.inf).argmin()] -= 1
        self.carried = due - counts
        return [int(c) for c in counts]


class Parallel(Generator):
    """A stream for each student of a bank: n examples are n / S from each of S generators, in order
    (see `Bank(own_streams=True)`).
    """

    def __init__(self, generators: Sequence[Generator]) -> None:
        if not generators:
            raise ValueError("generators is empty: at least one is needed")
        self.generators = list(generators)

    def draw(self, n: int) -> Batch:
        if n % len(self.generators):
            raise ValueError(
                f"n is {n}: a multiple of the {len(self.generators)} streams is needed"
            )
        share = n // len(self.generators)
        return joined([generator.draw(share) for generator in self.generators])


class Augmented(Generator):
    """What another generator draws, its inputs changed at random: `transform(x, rng)`."""

    def __init__(
        self,
        generator: Generator,
        transform: Callable[[Tensor, torch.Generator], Tensor],
        *,
        rng: torch.Generator,
    ) -> None:
        self.generator, self.transform = generator, transform
        self.rng = check_rng(rng)

    def draw(self, n: int) -> Batch:
        batch = self.generator.draw(n)
        return replace(batch, x=self.transform(batch.x, self.rng))


class Hardest(Generator):
    """Of every `of` candidates the one with the highest score: active sampling.

    `score(batch)` gives one value an example, `partial(loss.each, teacher, student)` say; the
    networks named in such a partial are asked in evaluation mode without gradients. A bank of S
    students with streams of their own scores (S, B), each its own candidates.
    """

    def __init__(self, generator: Generator, score: Callable[[Batch], Tensor], *, of: int) -> None:
        if of < 1:
            raise ValueError(f"of is {of!r}: at least one candidate is needed")
        self.generator, self.score, self.of = generator, score, of

    def draw(self, n: int) -> Batch:
        candidates = self.generator.draw(n * self.of)
        networks = list(_networks(self.score))
        with quietly(*networks):
            scores = self.score(candidates)
        if any(isinstance(network, Bank) and network.own_streams for network in networks):
            scores = scores.flatten()
        if scores.shape != (len(candidates),):
            raise ValueError(
                f"score returned shape {tuple(scores.shape)} for {len(candidates)} candidates: one"
                " value each is needed"
            )
        groups = torch.arange(n, device=scores.device)
        return candidates[groups * self.of + scores.reshape(n, self.of).argmax(1)]


def joined(batches: Sequence[Batch]) -> Batch:
    """Several batches as one, in order."""
    if len(batches) == 1:
        return batches[0]
    values: dict[str, Any] = {}
    for field in fields(Batch):
        carried = [getattr(batch, field.name) for batch in batches]
        present = [value for value in carried if value is not None]
        if present and len(present) != len(batches):
            raise ValueError(
                f"{len(present)} of {len(batches)} batches carry {field.name}: all or none must, to"
                " be joined"
            )
        values[field.name] = torch.cat(present) if present else None
    return Batch(**values)


def _networks(score: Any) -> Iterator[nn.Module]:
    """The networks that a partial was made of: `partial(loss.each, teacher, student)` has three."""
    if not isinstance(score, partial):
        return
    owner = getattr(score.func, "__self__", None)
    for part in (owner, *score.args, *score.keywords.values()):
        if isinstance(part, nn.Module):
            yield part
