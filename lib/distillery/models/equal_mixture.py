"""Several densities in equal shares: where one is wrong about an example, another may not be."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from distillery.models.bits import check_size


class EqualMixture(nn.Module):
    """log p(x) = log of the mean over the members of p_m(x), which is nowhere below any member's by
    more than log M.

    A member has `log_prob(x)` and `sample(n, rng=...)`, both exact, as NADE has. Learning from x,
    each is pulled by the share of p(x) that is its own: members that begin alike but see the
    picture in other orders come to divide the pictures between them.
    """

    def __init__(self, members: Sequence[nn.Module]) -> None:
        if not members:
            raise ValueError("members is empty: a mixture of one density or more is needed")
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, x: Tensor) -> Tensor:
        return self.log_prob(x)

    def log_prob(self, x: Tensor) -> Tensor:
        """log p(x) of every example, in nats: (B, D) to (B,)."""
        each = torch.stack([member.log_prob(x) for member in self.members])  # type: ignore[operator]
        return each.logsumexp(0) - math.log(len(self.members))

    @torch.no_grad()
    def sample(self, n: int, *, rng: torch.Generator) -> Tensor:
        """n exact samples, (n, D), each of a member drawn at random."""
        check_size("n", n)
        chosen = torch.randint(len(self.members), (n,), generator=rng, device=rng.device)
        places = [(chosen == index).nonzero()[:, 0] for index in range(len(self.members))]
        drawn = [
            member.sample(len(at), rng=rng)  # type: ignore[operator]
            for member, at in zip(self.members, places, strict=True)
            if len(at)
        ]
        return (
            torch.empty_like(drawn[0][:1])
            .repeat(n, 1)
            .index_copy_(0, torch.cat(places), torch.cat(drawn))
        )
