from __future__ import annotations

import pandas as pd

from distillery_book.pages.conclusions import tally


def test_a_tally_counts_each_way_of_coming_out_and_says_one_in_the_singular() -> None:
    judged = pd.DataFrame({"verdict": ["fails", "not run", "holds", "holds", "undecided", "holds"]})
    assert tally(judged) == "3 hold, 1 fails, 1 is undecided, 1 is not run"


def test_what_did_not_come_out_is_not_mentioned() -> None:
    judged = pd.DataFrame({"verdict": ["undecided", "undecided"]})
    assert tally(judged) == "2 are undecided"
