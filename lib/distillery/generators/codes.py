"""Pictures from codes that nobody remembered: drawn uniformly, or from a learned prior."""

from __future__ import annotations

import torch
from torch import Tensor

from distillery.models.autoencoder import CategoricalAutoencoder
from distillery.models.bits import check_size
from distillery.protocols import Batch, Generator
from distillery.storage.prior import CodePrior, WholePrior

_TOP, _SCORE = 256, 4096  # of a prior in whole numbers: where a unit stops rising, and one bit


class RandomCodes(Generator):
    """Code sampling: every variable uniform, then decoded (Riemer et al., 2017).

    It needs the decoder and no memory.
    """

    def __init__(self, codec: CategoricalAutoencoder, *, rng: torch.Generator) -> None:
        self.codec, self.rng = codec, rng

    def draw(self, n: int) -> Batch:
        check_size("n", n)
        size = (n, self.codec.variables)
        codes = torch.randint(
            self.codec.values, size, generator=self.rng, device=self.rng.device, dtype=torch.int16
        )
        return Batch(self.codec.decode(codes.to(next(self.codec.parameters()).device)))


class PriorCodes(Generator):
    """Codes drawn from the learned prior, then decoded: between a memory, which keeps every code,
    and code sampling, which knows none.
    """

    def __init__(
        self, codec: CategoricalAutoencoder, prior: CodePrior | WholePrior, *, rng: torch.Generator
    ) -> None:
        self.prior = prior.whole() if isinstance(prior, CodePrior) else prior
        variables, values = self.prior.bias.shape
        if (variables, values) != (codec.variables, codec.values):
            raise ValueError(
                f"prior is over {variables} variables of {values} values, codec has"
                f" {codec.variables} of {codec.values}: the prior of its codes is needed"
            )
        self.codec, self.rng = codec, rng

    def draw(self, n: int) -> Batch:
        check_size("n", n)
        codes = sampled_codes(self.prior, n, rng=self.rng)
        return Batch(self.codec.decode(codes.to(next(self.codec.parameters()).device)))


@torch.no_grad()
def sampled_codes(prior: WholePrior, n: int, *, rng: torch.Generator) -> Tensor:
    """(n, c): codes drawn from the prior exactly, variable after variable, each given those before
    it.
    """
    inputs, start, outputs, bias = (
        torch.from_numpy(array).to(rng.device, torch.float64) for array in prior.arrays().values()
    )
    variables, _values = bias.shape
    codes = torch.empty(n, variables, dtype=torch.int16, device=rng.device)
    units = start.expand(n, -1)
    for i in range(variables):
        scores = (units.clamp(0, _TOP) @ outputs[i] + bias[i]) / _SCORE
        probs = torch.exp2(scores - scores.amax(1, keepdim=True))
        drawn = torch.multinomial(probs, 1, generator=rng).squeeze(1)
        codes[:, i], units = drawn.to(torch.int16), units + inputs[i][drawn]
    return codes
