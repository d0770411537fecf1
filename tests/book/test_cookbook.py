"""The cookbook's programs do what its page says, each from its text alone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from alone import printed

PAGE = (Path(__file__).resolve().parents[2] / "book" / "cookbook.md").read_text(encoding="utf-8")
TASK = re.compile(
    r"^\((cook-[\w-]+)\)=\n## [^\n]+\n\n"  # a place to link to, and what is to be done
    r"When [^\n]+\.\n\n"  # when it is wanted
    r"```python\n(.*?)^```\n\n```text\n(.*?)^```\n\n"  # the program, and what it prints
    r"([A-Z].*?\.)\n*(?=^\(cook-|\Z)",  # what to change for data of one's own, and where to read on
    flags=re.MULTILINE | re.DOTALL,
)
DECIMAL = re.compile(r"\d+\.(\d+)")
MOST_LINES, MOST_COLUMNS, MOST_PRINTED = 36, 88, 2


@dataclass(frozen=True)
class Task:
    name: str
    program: str
    shown: str
    prose: str


TASKS = [Task(*found) for found in TASK.findall(PAGE)]
each_task = pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)


def test_the_cookbook_has_exactly_ten_tasks_each_one_program_and_what_it_prints() -> None:
    assert [task.name.removeprefix("cook-") for task in TASKS] == [
        *("network", "ensemble", "forest", "posterior", "pictures"),
        *("log-z", "memory", "loss", "study", "chapter"),
    ]
    assert len(re.findall(r"^## ", PAGE, flags=re.MULTILINE)) == len(TASKS)
    assert PAGE.count("```python\n") == PAGE.count("```text\n") == len(TASKS)


@each_task
def test_a_program_prints_in_an_empty_folder_what_its_page_shows(
    task: Task, tmp_path: Path
) -> None:
    """Words and whole numbers exactly; a number with a decimal point within a twentieth, or five of
    its last digit.
    """
    found = printed(task.program, tmp_path).replace(str(tmp_path), "…")
    assert DECIMAL.sub("#", found) == DECIMAL.sub("#", task.shown)
    for here, there in zip(DECIMAL.finditer(found), DECIMAL.finditer(task.shown), strict=True):
        tolerance = max(0.05 * float(there[0]), 5 * 10.0 ** -len(there[1]))
        assert abs(float(here[0]) - float(there[0])) <= tolerance, (here[0], there[0])


@each_task
def test_a_program_is_short_enough_to_be_read_at_once(task: Task) -> None:
    lines = task.program.splitlines()
    assert len(lines) <= MOST_LINES
    assert max(map(len, lines)) <= MOST_COLUMNS
    assert 1 <= len(task.shown.splitlines()) <= MOST_PRINTED


@each_task
def test_a_task_says_where_the_book_explains_it(task: Task) -> None:
    assert re.search(r"[Cc]hapter \d|\]\(api/\w+\.md\)|\{ref\}`\w+`", task.prose)
