"""What goes in and what comes out of every loss, generator and teacher, checked by jaxtyping and
beartype; the library needs neither.
"""

# ruff: noqa: F722, F821, UP037 (shapes are written in strings)
from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from beartype import beartype
from beartype.roar import BeartypeCallHintViolation
from jaxtyping import Float, Int, Shaped, TypeCheckError, jaxtyped
from torch import Tensor, nn

from distillery import Batch, generators, losses, teachers
from distillery.models.autoencoder import CategoricalAutoencoder
from distillery.models.bank import Bank
from distillery.models.lenet import LeNet
from distillery.models.mlp import MLP
from distillery.models.nade import NADE
from distillery.models.rbm import RBM
from distillery.protocols import Teacher
from distillery.storage import CodePrior

BATCHES, INPUTS, CLASSES = (1, 5), 2, 3


class Posterior(Teacher):
    def forward(self, batch: Batch) -> Tensor:
        return torch.stack([(batch.x * batch.draw).sum(-1) * k for k in range(CLASSES)], -1)


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def network(seed: int = 0) -> nn.Module:
    return MLP([INPUTS, 4, CLASSES], rng=rng(seed), activation=nn.Tanh())


def machine() -> RBM:
    return RBM(INPUTS, 3, rng=rng(3))


def nade() -> NADE:
    return NADE(INPUTS, 3, rng=rng(), kernel=False)


class Flat(CategoricalAutoencoder):
    """One whose pictures have as many pixels as inputs have here."""

    def decode(self, codes: Tensor) -> Tensor:
        return super().decode(codes).flatten(1)[:, :INPUTS]


@jaxtyped(typechecker=beartype)
def each(
    loss: losses.Loss,
    teacher: Teacher,
    student: nn.Module,
    x: Float[Tensor, "B *shape"],
    batch: Batch,
) -> Float[Tensor, "B"]:
    return loss.each(teacher, student, batch)


@jaxtyped(typechecker=beartype)
def each_of_bank(
    loss: losses.Loss, teacher: Teacher, bank: Bank, x: Float[Tensor, "B *shape"], batch: Batch
) -> Float[Tensor, "S B"]:
    return loss.each(teacher, bank, batch)


@jaxtyped(typechecker=beartype)
def inputs(batch: Batch, like: Float[Tensor, "n *shape"]) -> Float[Tensor, "n *shape"]:
    return batch.x


@jaxtyped(typechecker=beartype)
def answers(
    answer: Shaped[Tensor, "n *answer"], like: Float[Tensor, "n *shape"]
) -> Shaped[Tensor, "n *answer"]:
    return answer


@jaxtyped(typechecker=beartype)
def logits(
    answer: Float[Tensor, "n K"], like: Float[Tensor, "n *shape"], classes: Int[Tensor, "K"]
) -> Float[Tensor, "n K"]:
    return answer


LOSSES: dict[str, tuple[losses.Loss, Teacher]] = {
    "SoftTargets": (losses.SoftTargets(2.0), teachers.Frozen(network(1))),
    "HardLabels": (losses.HardLabels(), teachers.Labels()),
    "SquareError": (losses.SquareError(), teachers.Frozen(network(1))),
    "AbsoluteError": (losses.AbsoluteError(), teachers.Frozen(network(1))),
    "PixelCrossEntropy": (
        losses.PixelCrossEntropy("layers"),
        teachers.Formula(lambda x: x.repeat(1, 2)[:, :CLASSES].sigmoid()),
    ),
    "DerivativeSquareError": (losses.DerivativeSquareError(), teachers.Frozen(network(1))),
    "TwoSampleDerivatives": (losses.TwoSampleDerivatives(), Posterior()),
    "DecoupledTargets": (losses.DecoupledTargets(), teachers.Frozen(network(1))),
    "StandardizedTargets": (losses.StandardizedTargets(), teachers.Frozen(network(1))),
    "Sum": (0.5 * losses.SoftTargets() + losses.SquareError(), teachers.Frozen(network(1))),
}
MAPS = losses.Pair("0", "0", (1, 1, INPUTS), (1, 1, INPUTS))
# losses between layers: what a first layer makes of the inputs, as a map of one channel
TAPPED: dict[str, losses.Loss] = {
    "Attention": losses.Attention([MAPS]),
    "Hints": losses.Hints([MAPS], rng=rng()),
    "Information": losses.Information([MAPS], rng=rng()),
    "Selectivity": losses.Selectivity([MAPS]),
}
# losses between densities of two bits: loss, teacher, student
BITS: dict[str, tuple[losses.Loss, Teacher, nn.Module]] = {
    "CodeKL": (
        losses.CodeKL("0"),
        teachers.Inputs(),
        nn.Sequential(nn.Unflatten(1, (1, INPUTS))),
    ),
    "CodeBits": (
        losses.CodeBits(CodePrior(1, INPUTS, 2, rng=rng()), "0"),
        teachers.Inputs(),
        nn.Sequential(nn.Unflatten(1, (1, INPUTS))),
    ),
    "KL": (losses.KL(), teachers.Frozen(machine()), nade()),
    "LogSquareError": (losses.LogSquareError(1.0), teachers.Frozen(machine()), nade()),
    "SoftBits": (losses.SoftBits(), teachers.Formula(torch.sigmoid), nade()),
    "ScoreMatching": (losses.ScoreMatching(), teachers.Frozen(machine()), nade()),
    "RatioMatching": (losses.RatioMatching(2, rng=rng()), teachers.Frozen(machine()), nade()),
    "ContrastiveDivergence": (
        losses.ContrastiveDivergence(rng=rng()),
        teachers.Recorded(),
        machine(),
    ),
    "Adversarial": (
        losses.Adversarial(MLP([INPUTS, 4, 1], rng=rng()), rng=rng()),
        teachers.Frozen(machine()),
        nade(),
    ),
}
OF_A_BANK = ("SoftTargets", "HardLabels", "SquareError", "AbsoluteError", "Sum")

noise, data = (
    generators.Noise(INPUTS, rng=rng()),
    generators.Resample(torch.randn(9, INPUTS, generator=rng()), rng=rng()),
)
flat = Flat(4, 2, rng=rng())
remembered = generators.RecollectionBuffer.full(flat, torch.eye(4).long(), rng=rng())
GENERATORS: dict[str, Callable[[], generators.Generator]] = {
    "Noise": lambda: noise,
    "Uniform": lambda: generators.Uniform(INPUTS, rng=rng()),
    "Resample": lambda: data,
    "Chain": lambda: generators.Chain(
        lambda state, rng: state + torch.randn(state.shape, generator=rng),
        torch.zeros(4, INPUTS),
        rng=rng(),
    ),
    "Alongside": lambda: generators.Alongside(noise, generators.Noise(7, rng=rng())),
    "Ancestral": lambda: generators.Ancestral(
        noise, lambda w, rng: w + torch.randn(w.shape, generator=rng), rng=rng()
    ),
    "Augmented": lambda: generators.Augmented(
        data, lambda x, rng: x + torch.rand(x.shape, generator=rng), rng=rng()
    ),
    "Hardest": lambda: generators.Hardest(noise, lambda batch: batch.x.sum(-1), of=3),
    "Interleave": lambda: generators.Interleave([noise, data], [1, 2]),
    "Parallel": lambda: generators.Parallel([noise]),
    "Asked": lambda: generators.Asked(noise, teachers.Frozen(network(1)), at_once=4),
    "Bootstrap": lambda: generators.Bootstrap(torch.randn(9, INPUTS, generator=rng()), rng=rng()),
    "Diverse": lambda: generators.Diverse(noise, of=3, keep=1, rng=rng()),
    "PriorCodes": lambda: generators.PriorCodes(flat, CodePrior(4, 2, rng=rng()), rng=rng()),
    "RandomCodes": lambda: generators.RandomCodes(flat, rng=rng()),
    "Recall": lambda: remembered.stream(rng()),
    "RecollectionBuffer": lambda: remembered,
    "Conditionals": lambda: generators.Conditionals(nade(), rng=rng()),
}
ABSTRACT = {"Loss", "RandomLoss", "BetweenLayers", "Pair", "pairs_of", "Generator", "Exhausted"}


def batch(n: int, *, two_draws: bool = False) -> Batch:
    draw = torch.randn((n, 2, INPUTS) if two_draws else (n, INPUTS), generator=rng(2))
    return Batch(torch.randn(n, INPUTS, generator=rng()), torch.arange(n) % CLASSES, draw=draw)


@pytest.mark.parametrize("n", BATCHES)
@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_gives_one_value_an_example(name: str, n: int) -> None:
    loss, teacher = LOSSES[name]
    asked = batch(n, two_draws=name == "TwoSampleDerivatives")
    assert each(loss, teacher, network(), asked.x, asked).shape == (n,)


@pytest.mark.parametrize("n", BATCHES)
@pytest.mark.parametrize("name", TAPPED)
def test_a_loss_between_layers_gives_one_value_an_example(name: str, n: int) -> None:
    first, second = (
        nn.Sequential(nn.Unflatten(1, (1, 1, INPUTS)), nn.Flatten(), network(s)) for s in (0, 1)
    )
    asked = batch(n)
    assert each(TAPPED[name], teachers.Frozen(first), second, asked.x, asked).shape == (n,)


@pytest.mark.parametrize("n", BATCHES)
@pytest.mark.parametrize("name", BITS)
def test_a_loss_between_densities_gives_one_value_an_example(name: str, n: int) -> None:
    loss, teacher, student = BITS[name]
    asked = Batch((batch(n).x > 0).float())
    assert each(loss, teacher, student, asked.x, asked).shape == (n,)


@pytest.mark.parametrize("stacked", [False, True])
@pytest.mark.parametrize("n", BATCHES)
@pytest.mark.parametrize("name", OF_A_BANK)
def test_a_loss_gives_a_bank_one_value_a_student_and_example(
    name: str, n: int, stacked: bool
) -> None:
    loss, teacher = LOSSES[name]
    asked = batch(n)
    assert each_of_bank(
        loss, teacher, Bank([network(s) for s in range(4)], stacked=stacked), asked.x, asked
    ).shape == (4, n)


@pytest.mark.parametrize("n", [1, 4, 5, 11])
@pytest.mark.parametrize("name", GENERATORS)
def test_a_generator_draws_exactly_as_many_examples_as_it_is_asked_for(name: str, n: int) -> None:
    drawn = GENERATORS[name]().draw(n)
    inputs(drawn, torch.zeros(n, INPUTS))
    assert drawn.draw is None or drawn.draw.shape == (n, 7)


@pytest.mark.parametrize("n", BATCHES)
@pytest.mark.parametrize(
    "teacher",
    [
        teachers.Frozen(network()),
        teachers.Average([teachers.Frozen(network(seed)) for seed in range(2)]),
        teachers.Formula(lambda x: x.repeat(1, 2)[:, :CLASSES]),
        teachers.Given(lambda w: w.repeat(1, 2)[:, :CLASSES]),
        Posterior(),
    ],
    ids=["Frozen", "Average", "Formula", "Given", "random"],
)
def test_a_teacher_gives_one_answer_an_example(teacher: Teacher, n: int) -> None:
    asked = batch(n)
    logits(teacher(asked), asked.x, torch.arange(CLASSES))


@pytest.mark.parametrize(
    "teacher",
    [teachers.Labels(), teachers.Recorded(), teachers.Inputs()],
    ids=["Labels", "Recorded", "Inputs"],
)
def test_what_travelled_with_an_example_comes_back_with_it(teacher: Teacher) -> None:
    answers(teacher(batch(5)), batch(5).x)


@pytest.mark.parametrize("n", BATCHES)
def test_networks_give_one_row_of_logits_an_example(n: int) -> None:
    logits(network()(batch(n).x), batch(n).x, torch.arange(CLASSES))
    logits(
        LeNet(rng=rng(), widths=(2, 3, 4))(torch.zeros(n, 1, 28, 28)),
        torch.zeros(n, 1, 28, 28),
        torch.arange(10),
    )


def test_every_loss_and_generator_of_the_vocabulary_has_its_shapes_checked() -> None:
    assert set(losses.__all__) - ABSTRACT <= set(LOSSES) | set(TAPPED) | set(BITS), (
        "add the new loss to LOSSES, TAPPED or BITS above"
    )
    assert set(generators.__all__) - ABSTRACT <= set(GENERATORS), (
        "add the new generator to GENERATORS above"
    )


def test_the_checks_can_fail() -> None:
    with pytest.raises((TypeCheckError, BeartypeCallHintViolation)):
        inputs(batch(5), torch.zeros(4, INPUTS))
    with pytest.raises((TypeCheckError, BeartypeCallHintViolation)):
        logits(batch(5).x, torch.zeros(5, 1), torch.arange(INPUTS + 1))
