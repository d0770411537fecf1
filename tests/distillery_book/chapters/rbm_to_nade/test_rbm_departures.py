"""What the students of Table 4.1 do otherwise than the thesis says."""

from __future__ import annotations

import pytest

from distillery_book.chapters.rbm_to_nade import rbm
from distillery_book.results import published
from distillery_book.results.results import Results
from distillery_book.results.study import Cell, Profile


@pytest.mark.parametrize("profile", ["smoke", "paper"])
def test_students_of_several_widths_share_chains_and_are_rounded(profile: Profile) -> None:
    for cell in rbm.cells(profile):
        assert set(rbm.departs(cell)) == {"generator", "rounding"}
        assert set(rbm.departs(cell)) <= set(published.helps())


def test_a_student_alone_has_chains_of_its_own() -> None:
    assert set(rbm.departs(Cell({"loss": "kl", "hidden": "250"}, 0, rbm.REAL))) == {"rounding"}


def test_every_verdict_on_table_4_1_is_reduced() -> None:
    cells = Results.open().table("thesis_nade_test_loglik")
    assert len(cells) == 8
    assert all(verdict.endswith("reduced") for verdict in cells["verdict"])
