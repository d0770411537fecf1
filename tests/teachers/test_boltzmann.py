"""A machine and a student trained on the spot are good enough to stand in for better ones."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from distillery.partition import every_state, exact_log_z
from distillery.teachers.boltzmann import train_machine, train_student

VISIBLE, HIDDEN = 6, 4


@pytest.fixture(scope="module")
def bits() -> Tensor:
    """Rows in which all bits are nearly always alike."""
    rng = torch.Generator().manual_seed(0)
    alike = torch.rand(400, 1, generator=rng).round().expand(-1, VISIBLE)
    flipped = torch.rand(400, VISIBLE, generator=rng) < 0.05
    return (alike - flipped.float()).abs()


def _log_prob(machine: torch.nn.Module, x: Tensor) -> float:
    with torch.no_grad():
        return float(machine(x).mean()) - exact_log_z(machine)  # type: ignore[arg-type]


@pytest.mark.parametrize(("chains", "from_rates"), [(100, True), (0, False)])
def test_a_machine_learns_what_independent_bits_cannot_say(
    bits: Tensor, chains: int, from_rates: bool
) -> None:
    machine = train_machine(
        bits,
        HIDDEN,
        rng=torch.Generator().manual_seed(1),
        rate=0.1,
        steps=600,
        chains=chains,
        from_rates=from_rates,
    )
    rates = bits.mean(0)
    independent = float(torch.special.entr(rates).add(torch.special.entr(1 - rates)).sum())
    assert _log_prob(machine, bits) > -independent + 1


def test_the_same_stream_trains_the_same_machine_and_the_same_student(bits: Tensor) -> None:
    machines = [
        train_machine(bits, HIDDEN, rng=torch.Generator().manual_seed(2), steps=20)
        for _ in range(2)
    ]
    assert torch.equal(machines[0].W, machines[1].W)
    students = [
        train_student(machine, 5, rng=torch.Generator().manual_seed(3), steps=20)
        for machine in machines
    ]
    assert torch.equal(students[0].W, students[1].W)


def test_a_machine_whose_biases_start_at_the_rates_begins_where_the_data_are(bits: Tensor) -> None:
    often = torch.cat([bits, torch.ones(1200, VISIBLE)])
    machine = train_machine(often, HIDDEN, rng=torch.Generator().manual_seed(0), steps=1)
    on = machine.a.detach().sigmoid()
    assert bool((on - often.mean(0)).abs().max() < 0.05)


def test_a_student_comes_near_to_its_machine(bits: Tensor) -> None:
    machine = train_machine(bits, HIDDEN, rng=torch.Generator().manual_seed(1), rate=0.1, steps=600)
    student = train_student(machine, 8, rng=torch.Generator().manual_seed(2))
    states = every_state(VISIBLE)
    with torch.no_grad():
        theirs = machine(states) - exact_log_z(machine)
        divergence = float((theirs.exp() * (theirs - student(states))).sum())
    assert -1e-6 < divergence < 0.1


def test_grey_pictures_and_a_negative_number_of_chains_are_refused(bits: Tensor) -> None:
    with pytest.raises(ValueError, match="every entry must be 0 or 1"):
        train_machine(bits / 2, HIDDEN, rng=torch.Generator())
    with pytest.raises(ValueError, match="chains is -1: 0, or a number of chains"):
        train_machine(bits, HIDDEN, rng=torch.Generator(), chains=-1)
