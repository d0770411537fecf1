"""On a CUDA device the library says what it says on a CPU, and a killed run continues.

Skipped where there is none.
"""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import Tensor, nn

from distillery import distill
from distillery.generators import (
    Asked,
    Conditionals,
    Diverse,
    Generator,
    Hardest,
    Noise,
    RecollectionBuffer,
    Resample,
)
from distillery.losses import AbsoluteError, DerivativeSquareError, SoftTargets
from distillery.models.autoencoder import CategoricalAutoencoder
from distillery.models.mlp import MLP
from distillery.models.nade import NADE, columns
from distillery.models.rbm import RBM
from distillery.partition.annealed import forward
from distillery.partition.enumeration import exact_log_z
from distillery.partition.importance import importance
from distillery.partition.temperatures import uniform
from distillery.protocols import Batch
from distillery.teachers import Frozen, Inputs, Recorded, RecordedSlopes
from distillery.teachers.ensemble import ensemble, train_members
from distillery.training.adadelta import Adadelta

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")


def stream(seed: int = 0) -> torch.Generator:
    return torch.Generator("cuda").manual_seed(seed)


def network(*widths: int) -> nn.Module:
    return MLP(widths, rng=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    "loss", [SoftTargets(2.0), DerivativeSquareError(), DerivativeSquareError(closed_form=False)]
)
def test_a_loss_and_its_gradient_are_those_of_the_cpu(loss):
    x = torch.randn(32, 6, generator=torch.Generator().manual_seed(2))
    values_and_gradients = []
    for device in ("cpu", "cuda"):
        teacher, student = Frozen(network(6, 16, 5)).to(device), network(6, 8, 5).to(device)
        value = loss(teacher, student, Batch(x.to(device)))
        value.backward()
        gradients = [parameter.grad.cpu() for parameter in student.parameters()]
        values_and_gradients.append([value.detach().cpu(), *gradients])
    for here, there in zip(*values_and_gradients, strict=True):
        torch.testing.assert_close(there, here, rtol=1e-4, atol=1e-5)


def test_a_killed_run_continues_to_the_same_numbers(tmp_path):
    def run(steps: int, path=None) -> Tensor:
        student = CategoricalAutoencoder(8, 2, rng=stream(3)).cuda()
        student = student.to(memory_format=torch.channels_last)
        rng = stream(4)
        x = torch.rand(70, 1, 28, 28, generator=rng, device="cuda")
        optimizer = torch.optim.Adam(student.parameters(), lr=0.01, fused=True)
        return distill(
            Inputs(),
            student,
            Resample(x, rng=rng),
            AbsoluteError(),
            optimizer=optimizer,
            batch_size=20,
            steps=steps,
            dtype=torch.bfloat16,
            checkpoint=path,
        ).losses

    whole = run(12)
    run(5, tmp_path / "run.safetensors")
    torch.testing.assert_close(run(12, tmp_path / "run.safetensors"), whole, rtol=0.02, atol=0)
    assert whole[-1] < whole[0]


def test_members_trained_as_one_stack_are_those_trained_alone():
    x, y = torch.randn(60, 6, device="cuda"), torch.randint(3, (60,), device="cuda")
    stacked_and_alone = [
        train_members(
            lambda rng: MLP((6, 8, 3), rng=rng),
            x,
            y,
            streams=[stream(k) for k in (5, 6)],
            passes=3,
            stacked=stacked,
            optimizer=Adadelta,
        )
        for stacked in (True, False)
    ]
    for member, alone in zip(*stacked_and_alone, strict=True):
        torch.testing.assert_close(member(x), alone(x), rtol=1e-3, atol=1e-4)


def test_an_ensemble_is_asked_in_half_precision_for_values_and_slopes():
    teacher = ensemble([network(6, 16, 5).cuda(), MLP((6, 16, 5), rng=stream(7)).cuda()])
    student = network(6, 8, 5).cuda()
    source = Asked(
        Noise((6,), rng=stream(8)), teacher, slopes=True, dtype=torch.bfloat16, at_once=100
    )
    optimizer = Adadelta(student.parameters())
    losses = distill(
        RecordedSlopes(),
        student,
        source,
        DerivativeSquareError(),
        optimizer=optimizer,
        batch_size=20,
        steps=200,
        dtype=torch.bfloat16,
    ).losses
    assert losses[-20:].mean() < losses[:20].mean()
    values = Asked(Noise((6,), rng=stream(8)), teacher, at_once=100).draw(30)
    torch.testing.assert_close(Recorded()(values), teacher(Batch(values.x)))


def test_a_nade_samples_and_scores_as_on_the_cpu():
    here = NADE(16, 6, rng=torch.Generator().manual_seed(9), order=columns(4, 4))
    there = NADE(16, 6, rng=torch.Generator().manual_seed(9), order=columns(4, 4)).cuda()
    draws = there.sample(20_000, rng=stream(10))
    torch.testing.assert_close(
        there.log_prob(draws).cpu(), here.log_prob(draws.cpu()), rtol=1e-4, atol=1e-4
    )
    expected = here.sample(20_000, rng=torch.Generator().manual_seed(11)).float().mean(0)
    assert (draws.float().mean(0).cpu() - expected).abs().max() < 5 * (2 * 0.25 / 20_000) ** 0.5
    grey = Conditionals(there, rng=stream(12), shape=(1, 4, 4)).draw(7).x
    assert grey.is_cuda
    assert grey.shape == (7, 1, 4, 4)


def test_annealing_finds_the_partition_function():
    machine = RBM(10, 6, rng=torch.Generator().manual_seed(13), scale=0.7)
    exact = exact_log_z(machine)
    paths = forward(machine.cuda(), uniform(300), chains=2000, rng=stream(14))
    estimate = importance(paths.log_ratios)
    assert abs(estimate.value - exact) < 5 * estimate.error
    assert estimate.error < 0.1


def test_what_a_buffer_recalls_is_chosen_from_as_on_the_cpu():
    """Diverse and hard ones among pictures of the device; the numbers of the codes are labels."""

    class Brought(Generator):
        def __init__(self, memory: RecollectionBuffer) -> None:
            self.memory = memory

        def draw(self, n: int) -> Batch:
            return self.memory.draw(n).to("cpu")

    def recalled() -> RecollectionBuffer:
        rng, codes = torch.Generator().manual_seed(15), torch.Generator().manual_seed(16)
        codec = CategoricalAutoencoder(12, 2, rng=rng).cuda()
        codec.decoder.requires_grad_(False)
        for parameter in codec.decoder.parameters():
            parameter.mul_(4)  # so that pictures differ, though nobody trained the codec
        bits = torch.randint(2, (500, 12), generator=codes)
        return RecollectionBuffer.full(codec, bits, torch.arange(500), rng=rng, keep=True)

    def chosen(source: Generator, device: str) -> Batch:
        teacher, student = Frozen(network(784, 8, 5)).to(device), network(784, 16, 5).to(device)
        unlike = Diverse(source, of=10, keep=10, rng=torch.Generator().manual_seed(17))
        score = partial(SoftTargets().each, teacher, student)
        return Hardest(unlike, score, of=10).draw(30)

    here, there = chosen(Brought(recalled()), "cpu"), chosen(recalled(), "cuda")
    assert there.x.is_cuda
    assert there.y.is_cuda
    assert there.y.cpu().equal(here.y)
    assert there.x.cpu().equal(here.x)
    assert len(here.y.unique()) > 20
