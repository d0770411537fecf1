from __future__ import annotations

import pandas as pd
import pytest

from distillery.metrics import Estimate
from distillery_book.pages.conclusions import conclusions, tally
from distillery_book.results import claims


def test_a_tally_counts_each_way_of_coming_out_and_says_one_in_the_singular() -> None:
    judged = pd.DataFrame({"verdict": ["fails", "not run", "holds", "holds", "undecided", "holds"]})
    assert tally(judged) == "3 hold, 1 fails, 1 is undecided, 1 is not run"


def test_what_did_not_come_out_is_not_mentioned() -> None:
    judged = pd.DataFrame({"verdict": ["undecided", "undecided"]})
    assert tally(judged) == "2 are undecided"


@pytest.mark.parametrize(
    ("difference", "seeds"),
    [(Estimate(1.0, 0.1, 3), "3"), (Estimate(0.5, 0.0, 1), ""), (None, "")],
)
def test_a_claim_says_how_many_seeds_it_rests_on_and_arithmetic_has_none(
    difference: Estimate | None, seeds: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "found", lambda _claim, _results: difference)
    assert set(conclusions(3)["seeds"]) == {seeds}


def test_a_difference_is_told_with_its_unit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "found", lambda _claim, _results: Estimate(1.25, 0.1, 3))
    told = {claim.claim: claim.unit for claim in claims.claims(7)}
    for claim, difference in conclusions(7)["difference"].items():
        assert difference == f"1.25 ± 0.2 {told[claim]}".rstrip()
