from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor, nn

from distillery.losses import AbsoluteError, CodeBits
from distillery.models.autoencoder import CategoricalAutoencoder
from distillery.models.once import once
from distillery.protocols import Batch
from distillery.storage import CodePrior
from distillery.teachers import Inputs


class Table(nn.Module):
    """Codes by their place in a table of log probabilities: a prior that can be written down whole."""

    def __init__(self, variables: int, values: int) -> None:
        super().__init__()
        self.shape = (values,) * variables
        self.logits = nn.Parameter(torch.randn(self.shape, generator=rng()))

    def forward(self, codes: Tensor) -> Tensor:
        table = (
            self.logits.flatten().log_softmax(0).view(self.shape).expand(len(codes), *self.shape)
        )
        for variable in codes.unbind(1):
            table = torch.einsum("bv,bv...->b...", variable, table)
        return table


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def student(variables: int = 4, values: int = 2) -> CategoricalAutoencoder:
    made = CategoricalAutoencoder(variables, values, rng=rng())
    made.noisy = False
    return made.train()


def pictures(n: int = 3) -> Tensor:
    return torch.rand(n, 1, 28, 28, generator=rng(1))


def test_the_bits_are_those_of_the_code_in_the_table_of_all_codes() -> None:
    network, prior, x = student(4, 3), CodePrior(4, 3, 5, rng=rng(2)), pictures(6)
    every = torch.tensor(list(itertools.product(range(3), repeat=4)))
    probs = prior(every).detach().exp()
    places = (network.encode(x).long() * torch.tensor([27, 9, 3, 1])).sum(1)
    torch.testing.assert_close(
        CodeBits(prior).each(Inputs(), network, Batch(x)).detach(),
        -(probs / probs.sum())[places].log2(),
    )


def test_every_value_hears_what_the_code_would_cost_with_it() -> None:
    """The gradient with respect to a one-hot code, under a prior whose log probability is linear in
    each variable.
    """
    prior, codes = Table(3, 2), torch.eye(2)[torch.tensor([[0, 1, 1], [1, 0, 1]])].requires_grad_()
    (slopes,) = torch.autograd.grad(
        CodeBits(prior, "0").each(Inputs(), nn.Sequential(nn.Identity()), Batch(codes)).sum(), codes
    )
    table = prior.logits.detach().flatten().log_softmax(0).view(2, 2, 2)
    for b, code in enumerate(codes.argmax(-1).tolist()):
        for i, value in itertools.product(range(3), range(2)):
            other = (*code[:i], value, *code[i + 1 :])
            assert float(slopes[b, i, value]) == pytest.approx(
                -float(table[other]) / torch.log(torch.tensor(2.0)).item(), rel=1e-5
            )


def test_a_gradient_reaches_the_encoder_and_the_prior_but_no_decoder() -> None:
    network, loss = student(), CodeBits(CodePrior(4, 2, 3, rng=rng(2)))
    with torch.no_grad():
        loss.prior.bias += torch.tensor([0.5, -0.5])  # type: ignore[operator]
    loss(Inputs(), network, Batch(pictures())).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.encoder.parameters())
    assert all(p.grad is None for p in network.decoder.parameters())
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in loss.parameters())


def test_a_step_against_the_gradient_makes_codes_cheaper_for_a_prior_that_stays() -> None:
    network, prior, x = student(8, 2), CodePrior(8, 2, 3, rng=rng(2)), pictures(20)
    with torch.no_grad():
        prior.bias += torch.tensor([2.0, -2.0])
    loss, optimizer = CodeBits(prior), torch.optim.Adam(network.encoder.parameters(), lr=0.01)
    before = loss(Inputs(), network, Batch(x))
    for _ in range(10):
        optimizer.zero_grad()
        loss(Inputs(), network, Batch(x)).backward()
        optimizer.step()
    assert loss(Inputs(), network, Batch(x)).item() < before.item() - 1


def test_distortion_and_bits_run_the_student_once() -> None:
    network, bits, batch = student(), CodeBits(CodePrior(4, 2, 3, rng=rng(2))), Batch(pictures())
    loss, runs = AbsoluteError() + 0.01 * bits, []
    apart = AbsoluteError()(Inputs(), network, batch) + 0.01 * bits(Inputs(), network, batch)
    network.decoder.register_forward_hook(lambda *_: runs.append(1))
    with once(Inputs(), network, loss):
        torch.testing.assert_close(loss(Inputs(), network, batch), apart)
    assert len(runs) == 1


def test_under_autocast_the_bits_are_still_exact() -> None:
    codes = torch.eye(2)[torch.randint(2, (5, 30), generator=rng(3))]
    loss = CodeBits(CodePrior(30, 2, 16, rng=rng(2)), "0")
    exact = loss.each(Inputs(), nn.Sequential(nn.Identity()), Batch(codes))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert loss.each(Inputs(), nn.Sequential(nn.Identity()), Batch(codes)).equal(exact)


def test_a_layer_that_puts_out_no_code_is_refused() -> None:
    with pytest.raises(
        ValueError,
        match=(
            r"layer 'encoder' puts out shape \(3, 2, 2, 2\): one-hot codes \(B, c, l\) are needed"
        ),
    ):
        CodeBits(CodePrior(4, 2, 3, rng=rng()), "encoder").each(
            Inputs(), student(), Batch(pictures())
        )
