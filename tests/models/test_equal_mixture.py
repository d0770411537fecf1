from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor

from distillery.models.equal_mixture import EqualMixture
from distillery.models.nade import NADE


@pytest.fixture
def mixture() -> EqualMixture:
    rng = torch.Generator().manual_seed(0)
    members = [
        NADE(4, 3, rng=rng, order=order)
        for order in (torch.arange(4), torch.tensor([3, 1, 0, 2]), torch.arange(4).flip(0))
    ]
    with torch.no_grad():
        for p in itertools.chain.from_iterable(member.parameters() for member in members):
            p.normal_(std=2.0, generator=rng)
    return EqualMixture(members)


def every_state() -> Tensor:
    return torch.tensor(list(itertools.product([0.0, 1.0], repeat=4)))


def test_it_sums_to_one_and_is_nowhere_below_a_member_by_more_than_log_m(
    mixture: EqualMixture,
) -> None:
    log_probs = mixture.log_prob(every_state())
    assert log_probs.exp().sum().item() == pytest.approx(1, abs=1e-5)
    for member in mixture.members:
        assert (log_probs >= member.log_prob(every_state()) - math.log(3) - 1e-5).all()


def test_its_samples_occur_as_often_as_it_says(mixture: EqualMixture) -> None:
    n = 20_000
    drawn = mixture.sample(n, rng=torch.Generator().manual_seed(1)).long()
    counts = (drawn @ torch.tensor([8, 4, 2, 1])).bincount(minlength=16)
    expected = n * mixture.log_prob(every_state()).exp().detach()
    assert (
        float(((counts - expected) ** 2 / expected).sum()) < 38
    )  # chi squared, 15 degrees of freedom: 0.999 quantile 37.7


def test_each_member_is_pulled_by_its_share_of_the_probability(mixture: EqualMixture) -> None:
    x = every_state()[5:6]
    mixture.log_prob(x).sum().backward()
    shares = torch.stack([member.log_prob(x)[0] for member in mixture.members]).softmax(0)
    for share, member in zip(shares, mixture.members, strict=True):
        alone = torch.autograd.grad(member.log_prob(x).sum(), member.b)[0]
        torch.testing.assert_close(member.b.grad, share.detach() * alone)


def test_a_mixture_of_none_is_refused() -> None:
    with pytest.raises(ValueError, match="members is empty"):
        EqualMixture([])
