from __future__ import annotations

from html import escape

import pandas as pd
import pytest

from distillery.metrics import Estimate
from distillery_book.pages.conclusions import COLUMNS, WithTests, conclusions, tally
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


def test_under_each_claim_stands_where_it_is_made_and_what_tests_it() -> None:
    judged = conclusions(4)
    shown = WithTests(judged, "difference", "verdict")._repr_html_()
    for claim, line in judged.iterrows():
        under = f"{escape(line['where'])}. Test: {escape(line['tested by'])}."
        assert f"<th>{escape(str(claim))}<small>{under}</small></th>" in shown
    assert "<th>seeds</th>" not in shown


def test_what_a_claim_says_cannot_become_markup() -> None:
    line = ["<i>here</i>", "a < b", "1 & 2", "3", "holds"]
    judged = pd.DataFrame([line], index=["x < y"], columns=COLUMNS)
    shown = WithTests(judged, "difference")._repr_html_()
    assert "x &lt; y" in shown
    assert "1 &amp; 2" in shown
    assert "<i>" not in shown
