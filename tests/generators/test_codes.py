"""Pictures of codes drawn uniformly, and of codes drawn from a learned prior."""

from __future__ import annotations

import pytest
import torch
from scipy.stats import chisquare
from torch import Tensor

from distillery.generators import PriorCodes, RandomCodes
from distillery.generators.codes import sampled_codes
from distillery.models.autoencoder import CategoricalAutoencoder
from distillery.storage import CodePrior


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def all_codes(variables: int, values: int) -> Tensor:
    return torch.cartesian_prod(*[torch.arange(values)] * variables)


def wild_prior(variables: int, values: int) -> CodePrior:
    """A prior far from uniform, in which every variable hears those before it."""
    prior = CodePrior(variables, values, hidden=6, rng=rng())
    with torch.no_grad():
        for p in prior.parameters():
            p.add_(0.7 * torch.randn(p.shape, generator=rng(1)))
    return prior


def counts(codes: Tensor, values: int) -> Tensor:
    powers = values ** torch.arange(codes.shape[1]).flip(0)
    return (codes.long() * powers).sum(1).bincount(minlength=values ** codes.shape[1])


@pytest.mark.parametrize(("variables", "values"), [(4, 2), (3, 3), (2, 5)])
def test_codes_of_a_prior_have_the_probabilities_it_gives_them(variables: int, values: int) -> None:
    prior, draws = wild_prior(variables, values), 30_000
    probs = prior(all_codes(variables, values)).exp().detach().double()
    assert probs.sum().item() == pytest.approx(1, abs=1e-5)
    seen = counts(sampled_codes(prior.whole(), draws, rng=rng(2)), values)
    often = draws * probs >= 5
    expected = draws * probs[often] * seen[often].sum() / (draws * probs[often].sum())
    assert chisquare(seen[often].numpy(), expected.numpy()).pvalue > 1e-4
    assert probs.max() > 3 * probs.mean()  # or any sampler would do


def test_random_codes_are_uniform() -> None:
    """Told apart by their pictures: of 3^4 codes each comes equally often."""
    codec = CategoricalAutoencoder(4, 3, rng=rng())
    pictures = codec.decode(all_codes(4, 3)).flatten(1)
    drawn = RandomCodes(codec, rng=rng(1)).draw(8100).x.flatten(1)
    nearest = torch.cat([torch.cdist(part, pictures).argmin(1) for part in drawn.split(900)])
    assert chisquare(nearest.bincount(minlength=81).numpy()).pvalue > 1e-4


def test_codes_of_a_prior_are_decoded() -> None:
    codec, prior = CategoricalAutoencoder(4, 2, rng=rng()), wild_prior(4, 2)
    batch = PriorCodes(codec, prior, rng=rng(1)).draw(7)
    assert batch.x.equal(codec.decode(sampled_codes(prior.whole(), 7, rng=rng(1)).long()))
    assert batch.y is None
    assert PriorCodes(codec, prior.whole(), rng=rng(1)).draw(7).x.equal(batch.x)


def test_a_stopped_stream_of_codes_goes_on_as_it_would_have() -> None:
    codec, prior = CategoricalAutoencoder(4, 2, rng=rng()), wild_prior(4, 2)
    for make in (
        lambda s: RandomCodes(codec, rng=rng(s)),
        lambda s: PriorCodes(codec, prior, rng=rng(s)),
    ):
        one, other = make(1), make(2)
        one.draw(3)
        other.load_state_dict(one.state_dict())
        assert one.draw(3).x.equal(other.draw(3).x)


def test_bad_arguments_are_refused() -> None:
    codec = CategoricalAutoencoder(4, 2, rng=rng())
    with pytest.raises(ValueError, match="prior is over 4 variables of 3 values, codec has 4 of 2"):
        PriorCodes(codec, CodePrior(4, 3, rng=rng()), rng=rng())
    for generator in (
        RandomCodes(codec, rng=rng()),
        PriorCodes(codec, wild_prior(4, 2), rng=rng()),
    ):
        with pytest.raises(ValueError, match="n is 0: a whole number of at least 1"):
            generator.draw(0)
