from __future__ import annotations

import pytest

from distillery.support.told import told


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (ValueError("a\n\tb"), "a b"),
        (ValueError("ü\u2028b"), "ü b"),
        (MemoryError(), "MemoryError"),
        ("half \ud800 of a pair", r"half \ud800 of a pair"),
    ],
)
def test_what_is_told_is_one_line_that_can_be_printed(problem: object, text: str) -> None:
    assert told(problem) == text


def test_what_is_long_keeps_its_ends() -> None:
    short = told("a" * 500 + "b" * 500)
    assert short == "a" * 200 + " … " + "b" * 200
