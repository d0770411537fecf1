"""Students better than the thesis', one change after another: in words, colours and points."""

from __future__ import annotations

import pytest

from distillery.metrics import Estimate
from distillery_book.chapters.ensembles import figures, improvements
from distillery_book.chapters.ensembles.ladder import LADDER


def test_a_random_tenth_is_a_row_of_its_own_only_where_a_tenth_is_seen() -> None:
    rows = {share: list(improvements.ladder(share)) for share in figures.SEEN}
    assert rows["all"][:4] == [
        "images, as in the thesis",
        "images, He start",
        "NADE, as in the thesis",
        "NADE, He start",
    ]
    assert rows["10pct"][1] == "images, random tenth"
    assert len(rows["all"]) == 4 + sum(rung.share == "all" for rung in LADDER)
    assert len(rows["10pct"]) == 6 + sum(rung.share == "10pct" for rung in LADDER)


def test_a_change_compares_two_students_of_the_ladder() -> None:
    for pairs in improvements.CHANGES.values():
        for share, pair in pairs.items():
            assert set(pair) <= set(improvements.ladder(share))
            assert pair[0] != pair[1]


def test_a_change_has_an_error_only_from_three_runs_on(monkeypatch: pytest.MonkeyPatch) -> None:
    for n, text in ((1, "+0.50 (1 run)"), (2, "+0.50 (2 runs)"), (3, "+0.50 ± 0.20 (3 runs)")):
        gap = Estimate(0.5, 0.1, n)
        monkeypatch.setattr(improvements, "above", lambda *_, gap=gap: lambda _results: [gap])
        table = improvements.changes()
        assert table.loc["Adam in place of ADADELTA"].tolist() == [text, text]
        assert table.loc["a random tenth in place of the first"].tolist() == ["", text]


def test_a_colour_is_a_generator() -> None:
    titles = [*improvements.ladder("all"), *improvements.ladder("10pct")]
    colours = improvements.ladder_colours(titles)
    assert colours["Adam: moved images, slopes"] == figures.COLOURS["jitter"]
    assert colours["Adam: images, slopes"] == figures.COLOURS["mnist"]
    assert colours["NADE, He start"] == figures.COLOURS["nade"]
