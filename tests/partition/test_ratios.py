from __future__ import annotations

import torch
from exact_worlds import world

from distillery.models.nade import NADE
from distillery.partition.bridge import bridge
from distillery.partition.enumeration import every_state
from distillery.partition.ratios import log_ratios


def test_ratios_of_a_machine_and_a_student_lead_to_log_z() -> None:
    rng = torch.Generator().manual_seed(0)
    w, student = world(rng, scale=0.5), NADE(7, 4, rng=rng)
    at_proposal = log_ratios(w.machine, student, student.sample(3000, rng=rng))
    index = torch.multinomial(w.target.exp(), 3000, replacement=True, generator=rng)
    at_target = log_ratios(w.machine, student, every_state(7)[index], batch_size=7)
    assert at_target.dtype == torch.float64
    estimate = bridge(at_proposal, at_target)
    assert abs(estimate.value - w.log_z) < 4 * estimate.error
    assert estimate.error < 0.05
