"""Memories that the papers do not compare with: for the same bits pictures in JPEG or WebP, or a
coreset of raw ones, and two ways to do without any stored picture.

The bits are counted as the papers count theirs: a tenth, a fiftieth or a hundredth of what the
50,000 images take uncompressed. What a file would hold once, a header say, is not counted.
"""

from __future__ import annotations

import torch
from torch import Tensor

from distillery.generators.codes import sampled_codes
from distillery.models.autoencoder import CategoricalAutoencoder
from distillery.storage import Codec, WholePrior
from distillery.support.place import Place
from distillery.tools.compress.priors import learned
from distillery.tools.compress.recipes import as_bytes, encoded

PRIOR_HIDDEN, PRIOR_PASSES = 64, 12
ASKED_FOR = 10  # random codes of which the one is kept that the teacher is surest of
AT_ONCE = 1000


def coded(codec: Codec, x: Tensor, bits: float, *, rng: torch.Generator) -> Tensor:
    """Pictures drawn at random, as a codec gives them back, as many as the bits hold."""
    order = torch.randperm(len(x), generator=rng, device=rng.device).to(x.device)
    strings = codec.encode(x[order].cpu())
    ends = torch.tensor([8 * len(string) for string in strings]).cumsum(0)
    held = int((ends <= bits).sum())
    return codec.decode(strings[:held], x.shape[1:]).to(x.device)


def k_centres(x: Tensor, size: int, *, rng: torch.Generator) -> Tensor:
    """Places of `size` pictures: one at random, then again and again the one that lies furthest
    from all that are taken, in Euclidean distance (Gonzalez, 1985).
    """
    if not 1 <= size <= len(x):
        raise ValueError(f"size is {size}: 1 to {len(x)} pictures can be taken")
    flat = x.flatten(1).float() / 255
    squares = flat.square().sum(1)
    place = int(torch.randint(len(x), (), generator=rng, device=rng.device))
    taken, away = [place], torch.full_like(squares, torch.inf)
    for _ in range(size - 1):
        distances = squares - 2 * (flat @ flat[place]) + squares[place]
        away = torch.minimum(away, distances)
        place = int(away.argmax())
        taken.append(place)
    return torch.tensor(taken, device=x.device)


def code_prior(codec: CategoricalAutoencoder, x: Tensor, place: Place, *, seed: int) -> WholePrior:
    """What chapter 2 calls a prior: a small network that has learned which codes are likely."""
    codes = encoded(codec, x, None)
    hidden, passes = PRIOR_HIDDEN, PRIOR_PASSES
    return learned(codes, codec.values, hidden, passes=passes, seed=seed, context=place)


def dreamt(
    codec: CategoricalAutoencoder, prior: WholePrior, count: int, *, rng: torch.Generator
) -> Tensor:
    """Pictures of codes that the prior draws: likely, and remembered by nobody."""
    codes = sampled_codes(prior, count, rng=rng)
    return _decoded(codec, codes)


def confident(
    codec: CategoricalAutoencoder, teacher: torch.nn.Module, count: int, *, rng: torch.Generator
) -> Tensor:
    """Of every ten decoded random codes the one that the teacher is surest of: a rival that keeps
    no picture and no code.
    """
    kept = []
    for begin in range(0, count, AT_ONCE):
        some = min(AT_ONCE, count - begin)
        size = (some * ASKED_FOR, codec.variables)
        codes = torch.randint(codec.values, size, generator=rng, device=rng.device)
        pictures = _decoded(codec, codes)
        sure = _sureness(teacher, pictures).reshape(some, ASKED_FOR)
        first = torch.arange(some, device=sure.device) * ASKED_FOR
        kept.append(pictures[first + sure.argmax(1)])
    return torch.cat(kept)


@torch.no_grad()
def _decoded(codec: CategoricalAutoencoder, codes: Tensor) -> Tensor:
    device = next(codec.parameters()).device
    return torch.cat([as_bytes(codec.decode(part.to(device))) for part in codes.split(AT_ONCE)])


@torch.no_grad()
def _sureness(teacher: torch.nn.Module, pictures: Tensor) -> Tensor:
    """(N,): the largest of the teacher's probabilities."""
    parts = [teacher(part.float() / 255).softmax(-1).amax(-1) for part in pictures.split(AT_ONCE)]
    return torch.cat(parts)
