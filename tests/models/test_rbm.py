from __future__ import annotations

import itertools
import math
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from distillery.losses.contrastive import ContrastiveDivergence
from distillery.models.rbm import RBM
from distillery.protocols import Batch


def every_state(n: int) -> Tensor:
    return torch.tensor(list(itertools.product([0, 1], repeat=n)), dtype=torch.float64)


@pytest.fixture
def rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.fixture
def machine(rng: torch.Generator) -> RBM:
    return RBM.from_arrays(
        *(torch.randn(shape, generator=rng, dtype=torch.float64) for shape in ((4, 3), (4,), (3,)))
    )


def test_the_log_density_sums_the_energy_over_all_hidden_states(machine: RBM) -> None:
    x, h = every_state(4), every_state(3)
    exponent = (
        torch.einsum("nv,vh,mh->nm", x, machine.W, h) + (x @ machine.a)[:, None] + h @ machine.b
    )
    torch.testing.assert_close(machine.log_density(x), exponent.logsumexp(1))
    torch.testing.assert_close(machine.hidden_probs(x), exponent.softmax(1) @ h)
    torch.testing.assert_close(machine.visible_probs(h), exponent.t().softmax(1) @ x)


def test_contrastive_divergence_far_from_the_data_is_the_likelihood_gradient(
    machine: RBM, rng: torch.Generator
) -> None:
    data = torch.tensor([[1.0, 0, 0, 1], [1, 1, 0, 0]])
    states = every_state(4)
    exact = torch.autograd.grad(
        machine.log_density(states).logsumexp(0) - machine.log_density(data).mean(),
        list(machine.parameters()),
    )
    loss = ContrastiveDivergence(sweeps=40, rng=rng)
    value = loss(torch.nn.Identity(), machine, Batch(data.repeat(4000, 1)))
    for estimate, gradient in zip(
        torch.autograd.grad(value, list(machine.parameters())), exact, strict=True
    ):
        assert (estimate - gradient).abs().max() < 5 * 0.5 / math.sqrt(
            8000
        )  # bits have a deviation of at most 1/2


def test_persistent_chains_go_on_where_they_were(machine: RBM, rng: torch.Generator) -> None:
    start = torch.randint(2, (50, 4), generator=rng).float()
    loss = ContrastiveDivergence(rng=rng, chains=start)
    loss(torch.nn.Identity(), machine, Batch(start[:7]))
    assert loss.chains is not None
    assert loss.chains.shape == (50, 4)
    assert not torch.equal(loss.chains, start)


def test_a_stopped_contrastive_divergence_continues_bit_for_bit(machine: RBM) -> None:
    def losses() -> ContrastiveDivergence:
        return ContrastiveDivergence(rng=torch.Generator().manual_seed(5), chains=torch.zeros(6, 4))

    data, first = Batch(torch.zeros(3, 4)), losses()
    first(torch.nn.Identity(), machine, data)
    second = losses()
    second.load_state_dict(first.state_dict())
    torch.testing.assert_close(
        first(torch.nn.Identity(), machine, data),
        second(torch.nn.Identity(), machine, data),
        rtol=0,
        atol=0,
    )
    assert first.chains is not None
    assert torch.equal(first.chains, second.chains)


@pytest.mark.parametrize("persistent", [False, True])
def test_training_raises_the_exact_likelihood(persistent: bool, rng: torch.Generator) -> None:
    data = torch.tensor([[1.0, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1]]).repeat(20, 1)
    student = RBM(6, 4, rng=rng)
    loss = ContrastiveDivergence(sweeps=3, rng=rng, chains=data.clone() if persistent else None)
    optimizer = torch.optim.SGD(student.parameters(), lr=0.2)
    for _ in range(300):
        optimizer.zero_grad()
        loss(torch.nn.Identity(), student, Batch(data)).backward()
        optimizer.step()
    log_prob = student.log_density(data).mean() - student.log_density(every_state(6)).logsumexp(0)
    assert log_prob > -2.2  # untrained -4.16, the best possible -0.69


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ((np.zeros((3, 2)), np.zeros(2), np.zeros(3)), "must be .visible, hidden. = .2, 3."),
        (
            (np.full((3, 2), np.nan), np.zeros(3), np.zeros(2)),
            "W holds 6 entries that are not finite",
        ),
        ((np.zeros((3, 2)), np.array([0, np.inf, 0]), np.zeros(2)), "a holds 1 entries"),
        ((np.zeros(3), np.zeros(3), np.zeros(2)), "W is torch.float64 of shape"),
        ((np.zeros((3, 2), dtype=int), np.zeros(3), np.zeros(2)), "floating-point"),
    ],
)
def test_arrays_that_make_no_machine_are_refused(
    arrays: tuple[np.ndarray, ...], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        RBM.from_arrays(*arrays)


def test_grey_pixels_are_refused(machine: RBM) -> None:
    with pytest.raises(ValueError, match=r"x holds 0.3: every entry must be 0 or 1"):
        machine.log_density(torch.full((2, 4), 0.3))


@pytest.mark.realdata
def test_the_published_machine_gives_the_all_black_image_its_published_density() -> None:
    path = Path(os.environ.get("DISTILLERY_DATA", "data")) / "rbm_cd25_500.npz"
    if not path.exists():
        pytest.skip(f"{path} is not there")
    arrays = np.load(path)
    machine = RBM.from_arrays(arrays["W"], arrays["a"], arrays["b"])
    assert machine.log_density(torch.zeros(1, 784)).item() == pytest.approx(436.494, abs=5e-4)


def test_a_mirrored_machine_is_the_other_margin(machine: RBM) -> None:
    h, x = every_state(3), every_state(4)
    exponent = (
        torch.einsum("nv,vh,mh->nm", x, machine.W, h) + (x @ machine.a)[:, None] + h @ machine.b
    )
    torch.testing.assert_close(machine.mirrored().log_density(h), exponent.logsumexp(0))
    assert machine.mirrored().mirrored().W.equal(machine.W)


def test_visible_units_are_drawn_as_often_as_their_probabilities_say(
    machine: RBM, rng: torch.Generator
) -> None:
    n, h = 20_000, torch.tensor([[1.0, 0.0, 1.0]])
    frequency = machine.sample_visible(h.expand(n, -1), rng).mean(0)
    probs = machine.visible_probs(h)[0]
    assert ((frequency - probs).abs() < 4.5 * (probs * (1 - probs) / n).sqrt()).all()
