from __future__ import annotations

from typing import Any

import pytest

from distillery_book.site import ipynb
from distillery_book.site.pytest_notebooks import close, comparison

pytest_plugins = ["pytester"]


def cell(name: str, source: str, printed: str, **asked: Any) -> ipynb.Cell:
    output = {"output_type": "stream", "name": "stdout", "text": printed}
    metadata = {"distillery": asked} if asked else {}
    return {
        "cell_type": "code",
        "id": name,
        "metadata": metadata,
        "source": source,
        "outputs": [output],
        "execution_count": 1,
    }


def test_each_cell_is_compared_as_exactly_as_it_asks(pytester: pytest.Pytester) -> None:
    cells = [
        cell("exact", "print(1.0)", "1.0\n"),
        cell("exactly-off", "print(1.0)", "1.1\n"),
        cell("close", "print('rmse', 1.0)", "rmse   1.05\n", compare="close", rtol=0.1),
        cell("closely-off", "print('rmse', 1.0)", "rmse 1.2\n", compare="close", rtol=0.1),
        cell("other-words", "print('rmse', 1.0)", "loss 1.0\n", compare="close", rtol=0.1),
        cell("none", "print(1.0)", "2.0\n", compare="none"),
        cell(
            "thread",
            "import os\nprint(os.environ['OMP_NUM_THREADS'], os.environ['PYTHONHASHSEED'])",
            "1 0\n",
        ),
    ]
    notebook = {
        "cells": cells,
        "metadata": {"kernelspec": {"name": "no-such-kernel"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    (pytester.path / "_build" / "matplotlib").mkdir(parents=True)
    (pytester.path / "_build" / "matplotlib" / "fontlist-made.json").write_text("{}")
    (pytester.path / "chapter.ipynb").write_text(ipynb.text(notebook))
    result = pytester.runpytest_subprocess(
        "-p",
        "distillery_book.site.pytest_notebooks",
        "--nbval",
        "-v",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:randomly",
    )
    verdicts = [
        line.split("::Cell ")[1].split()[1]
        for line in result.outlines
        if "::Cell " in line and "%" in line
    ]
    assert verdicts == ["PASSED", "FAILED", "PASSED", "FAILED", "FAILED", "PASSED", "PASSED"]


@pytest.mark.parametrize(
    ("printed", "committed", "agree"),
    [
        ("loss 0.100, 3 steps", "loss 0.109, 3 steps", True),
        ("loss 0.100, 3 steps", "loss 0.120, 3 steps", False),
        ("a  1.0\nb  2.0", "a 1.0\nb 2.0", True),
        ("a 1.0", "b 1.0", False),
        ("-1.0", "1.0", False),
        ("1e-3 nan", "1.05e-3 nan", True),
        ("lenet5 1", "lenet6 1", False),
        ("1 2", "1", False),
    ],
)
def test_close_compares_numbers_within_the_tolerance_and_words_exactly(
    printed: str, committed: str, agree: bool
) -> None:
    assert close(printed, committed, rtol=0.1, atol=0.0) is agree


def test_an_absolute_tolerance_lets_numbers_near_zero_differ() -> None:
    assert close("0.0001", "-0.0001", rtol=0.1, atol=0.001)
    assert not close("0.0001", "-0.0001", rtol=0.1, atol=0.0)


def test_a_cell_that_asks_for_an_unknown_comparison_is_refused() -> None:
    assert comparison({}) == ("exact", 0.1, 0.0)
    for asked in ({"compare": "roughly"}, {"rtoll": 0.2}):
        with pytest.raises(pytest.UsageError, match="exact, close, none"):
            comparison({"distillery": asked})
