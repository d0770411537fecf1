"""What moved is found where it moved, and nothing else is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from distillery_book.site.newest import moved
from distillery_book.site.newest.outcome import Moved


def cell(*outputs: Any, name: str = "a", **asked: Any) -> dict[str, Any]:
    metadata = {"distillery": asked} if asked else {}
    return {
        "cell_type": "code",
        "id": name,
        "metadata": metadata,
        "source": "",
        "outputs": list(outputs),
    }


def printed(text: str, stream: str = "stdout") -> dict[str, Any]:
    return {"output_type": "stream", "name": stream, "text": [text]}


def shown(**data: str) -> dict[str, Any]:
    kinds = {kind.replace("_", "/"): text for kind, text in data.items()}
    return {"output_type": "display_data", "data": kinds}


def found(folder: Path, before: dict[str, Any], after: dict[str, Any]) -> list[Moved]:
    paths = folder / "01_page.ipynb", folder / "executed.ipynb"
    for path, each in zip(paths, (before, after), strict=True):
        path.write_text(json.dumps({"cells": [each]}))
    return list(moved.page(*paths))


def test_a_version_that_differs_is_told_and_a_package_that_came_or_went() -> None:
    old, new = {"torch": "2.15", "numpy": "2.4", "six": "1"}, {"torch": "2.16", "numpy": "2.4"}
    assert moved.versions(old, new) == {"six": ("1", ""), "torch": ("2.15", "2.16")}
    assert moved.versions(new, old)["six"] == ("", "1")


def test_a_page_that_prints_the_same_has_not_moved(tmp_path: Path) -> None:
    same = cell(printed("loss 0.25 at 0x7f00aa00bb11"), shown(image_png="AAAA"))
    other = cell(printed("loss 0.25 at 0x7f00aa00cc22"), shown(image_png="BBBB"))
    assert found(tmp_path, same, other) == []


def test_the_number_that_moved_furthest_is_told_with_its_cell(tmp_path: Path) -> None:
    [one] = found(tmp_path, cell(printed("a 1.00, b 2.0")), cell(printed("a 1.01, b 3.0")))
    assert one == Moved("01_page, cell a", "number", "2.0", "3.0")


def test_a_cell_that_need_not_be_exact_moves_only_beyond_its_tolerance(tmp_path: Path) -> None:
    before = cell(printed("loss 1.00"), compare="close", rtol=0.1)
    assert found(tmp_path, before, cell(printed("loss 1.05"))) == []
    assert [one.kind for one in found(tmp_path, before, cell(printed("loss 1.50")))] == ["number"]
    free = cell(printed("took 3 s"), compare="none")
    assert found(tmp_path, free, cell(printed("took 5 s"))) == []


def test_words_that_moved_are_told_by_their_first_line(tmp_path: Path) -> None:
    before, after = (cell(printed(f"one\n{word} 1\nlast")) for word in ("holds", "fails"))
    assert found(tmp_path, before, after) == [
        Moved("01_page, cell a", "text", "holds 1", "fails 1")
    ]


def test_a_warning_is_told_apart_from_what_is_printed(tmp_path: Path) -> None:
    after = cell(printed("x 1"), printed("FutureWarning: soon\n  more", stream="stderr"))
    assert found(tmp_path, cell(printed("x 1")), after) == [
        Moved("01_page, cell a", "warning", "", "FutureWarning: soon")
    ]


def test_a_page_without_an_executed_copy_has_failed(tmp_path: Path) -> None:
    missing = tmp_path / "nowhere.ipynb"
    assert list(moved.page(Path("book/01_page.ipynb"), missing)) == [
        Moved("01_page", "page", "ran", "failed")
    ]


def test_failed_tests_and_broken_ones_are_told_and_passed_ones_are_not(tmp_path: Path) -> None:
    report = tmp_path / "tests.xml"
    report.write_text(
        '<testsuites><testsuite><testcase classname="tests.a" name="good"/>'
        '<testcase classname="tests.a" name="bad"><failure message="assert 1 == 2&#10;more"/>'
        '</testcase><testcase classname="tests.b" name="broken"><error message="no module"/>'
        "</testcase></testsuite></testsuites>"
    )
    assert list(moved.tests(report)) == [
        Moved("tests.a::bad", "test", "passed", "assert 1 == 2"),
        Moved("tests.b::broken", "test", "passed", "no module"),
    ]
    [lost] = moved.tests(tmp_path / "none.xml")
    assert lost.after == "ended without a report"


def test_a_site_that_was_not_built_tells_each_warning_once() -> None:
    output = "reading\na.md:1: WARNING: no target\na.md:1: WARNING: no target\nfailed\n"
    assert [one.after for one in moved.site(output, succeeded=False)] == [
        "a.md:1: WARNING: no target"
    ]
    assert [one.after for one in moved.site("x\nlast\n", succeeded=False)] == ["last"]
    assert list(moved.site(output, succeeded=True)) == []
