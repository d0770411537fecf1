"""How the thesis' claims about NADEs are tested, and that the recorded runs tell all of them."""

from __future__ import annotations

import pytest
import torch

from distillery_book.chapters.rbm_to_nade import claims, rbm
from distillery_book.results.results import Results


def test_every_claim_of_the_chapter_is_told_by_the_recorded_runs() -> None:
    results = Results.open()
    told = {key: list(test(results)) for key, test in claims.TESTS.items()}
    assert [key for key, differences in told.items() if not differences] == []


def test_a_student_differs_from_itself_by_nothing_and_from_another_by_what_its_images_say() -> None:
    results = Results.open()
    same = claims.difference(results, "nade-250", "nade-250")
    other = claims.difference(results, "nade-500", "nade-250")
    kept = claims.pictures(results)
    assert same is not None
    assert other is not None
    assert (same.value, same.error) == (0.0, 0.0)
    gap = (kept["nade-500"].double() - kept["nade-250"].double()).mean()
    assert other.value == pytest.approx(float(gap))


def test_the_average_lead_is_the_average_of_the_leads_of_four_widths() -> None:
    results = Results.open()
    leads = [
        claims.difference(results, rbm.name_of(width, "kl"), rbm.name_of(width, "square_error"))
        for width in rbm.HIDDEN
    ]
    [mean] = claims.mean_lead(results)
    assert mean.value == pytest.approx(sum(lead.value for lead in leads if lead) / 4)


def test_a_window_over_all_minibatches_is_the_mean_of_the_curve() -> None:
    results = Results.open()
    whole = claims.window(results, "kl", (0, 30_000))
    assert torch.allclose(whole, claims.curves(results, "kl")["log_prob"].double().mean(0))
