"""The newest packages are tried beside the pinned ones, in a place of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from distillery_book.site.newest import run as newest
from distillery_book.site.newest.outcome import Moved

NOTEBOOK = {
    "cells": [
        {
            "cell_type": "code",
            "id": "a",
            "metadata": {},
            "outputs": [{"output_type": "stream", "name": "stdout", "text": ["loss 1.0"]}],
        }
    ]
}


class Machine:
    """Answers commands as git, pip, the book and pytest would; `failing` names what fails."""

    def __init__(self, *failing: str) -> None:
        self.failing = failing
        self.commands: list[tuple[str, Path]] = []

    def __call__(self, command: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
        line = " ".join(command)
        self.commands.append((line, folder))
        failed = any(word in line for word in self.failing)
        output = "" if failed else self.answer(command, line)
        return subprocess.CompletedProcess(command, int(failed), output, "first\nWARNING: no\n\n")

    def answer(self, command: Sequence[str], line: str) -> str:
        if "git clone" in line:
            book = Path(command[-1]) / "book"
            book.mkdir(parents=True)
            (book / "01_page.ipynb").write_text(json.dumps(NOTEBOOK))
        if "rev-parse" in line:
            return "abc123\n"
        if "--no-site" in line:
            clone = self.commands[-1][1]
            executed = clone / "_build" / "executed" / "smoke" / "01_page.ipynb"
            executed.parent.mkdir(parents=True)
            executed.write_text(json.dumps(NOTEBOOK).replace("1.0", "2.0"))
        if "--junitxml" in line:
            report = Path(line.partition("--junitxml=")[2])
            report.parent.mkdir(exist_ok=True)
            report.write_text("<testsuites/>")
        if "list" in command:
            torch = "2.15" if command[0] == sys.executable else "2.16"
            return json.dumps([{"name": "Torch", "version": torch},
                               {"name": "distillery", "version": torch}])  # fmt: skip
        return ""


def quiet(_: str) -> None:
    pass


def test_what_moved_is_found_and_who_was_tried_is_named(tmp_path: Path) -> None:
    machine = Machine()
    outcome = newest.newest(tmp_path, run=machine, say=quiet)
    assert outcome.commit == "abc123"
    assert outcome.versions == {"torch": ("2.15", "2.16")}
    assert outcome.packages == 1
    assert outcome.moved == [Moved("01_page, cell a", "number", "1.0", "2.0")]


def test_the_newest_are_installed_without_constraints_in_an_environment_of_their_own(
    tmp_path: Path,
) -> None:
    machine = Machine()
    newest.newest(tmp_path, run=machine, say=quiet)
    [(install, _)] = [one for one in machine.commands if " install " in one[0]]
    python = tmp_path / ".venv-newest" / "bin" / "python"
    assert install.startswith(f"{python} -m pip install")
    assert "constraints" not in install
    assert f"{tmp_path / '_build' / 'newest'}[book,dask,test]" in install
    work = [one for one in machine.commands if {"book", "pytest"} & set(one[0].split())]
    assert len(work) == 3
    assert {folder for _, folder in work} == {tmp_path / "_build" / "newest"}
    assert all(line.startswith(str(python)) for line, _ in work)


def test_pages_that_fail_are_told_and_the_site_is_not_tried_without_them(tmp_path: Path) -> None:
    machine = Machine("--no-site")
    outcome = newest.newest(tmp_path, run=machine, say=quiet)
    assert outcome.moved == [
        Moved("01_page", "page", "ran", "failed"),
        Moved("site", "site", "built", "WARNING: no"),
    ]
    assert [line for line, _ in machine.commands if line.endswith("distillery book")] == []


@pytest.mark.parametrize(
    ("failing", "sentence"),
    [("git clone", "git could not clone"), ("pip install", "pip could not install the newest")],
)
def test_what_cannot_begin_is_a_sentence(tmp_path: Path, failing: str, sentence: str) -> None:
    with pytest.raises(OSError, match=f"{sentence}.*: WARNING: no"):
        newest.newest(tmp_path, run=Machine(failing), say=quiet)


def test_a_command_sees_neither_this_path_nor_these_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISTILLERY_RESULTS", "elsewhere")
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    script = (
        "import os; print(sorted({'PYTHONPATH', 'DISTILLERY_RESULTS'} & set(os.environ)),"
        " os.environ['OMP_NUM_THREADS'], os.getcwd())"
    )
    done = newest.run_here([sys.executable, "-c", script], tmp_path)
    assert done.stdout.strip() == f"[] 1 {tmp_path}"
