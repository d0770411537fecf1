"""The recipes of `book/contributing.md`, as steps that a program follows in a copy of the project.

A block of code beneath a paragraph that begins with the name of a file is a step: a change to the
file if it is a diff, else the whole of a new file, or the end of one that exists. Blocks of shell
are the commands that follow.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from myst_nb.core.read import read_myst_markdown_notebook

from distillery_book.site import ipynb

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "book" / "contributing.md"
RECIPE = re.compile(r"^## (A [^\n]+)\n(.*?)(?=^## A |\Z)", re.MULTILINE | re.DOTALL)
STEP = re.compile(
    r"^`([\w./-]+)`(?:(?!\n\n).)*\n\n(`{3,})(\w+)\n(.*?)^\2\n", re.MULTILINE | re.DOTALL
)
COMMANDS = re.compile(r"^```bash\n(.*?)^```", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Step:
    """What to write into one file."""

    file: str
    language: str
    text: str


@dataclass(frozen=True)
class Recipe:
    """The steps in their order, and the commands that come after them."""

    steps: tuple[Step, ...]
    commands: tuple[str, ...]


def read() -> dict[str, Recipe]:
    """The recipes of the page by their headings."""
    return {name: _recipe(text) for name, text in RECIPE.findall(PAGE.read_text("utf-8"))}


def follow(recipe: Recipe, root: Path) -> list[str]:
    """Take all steps in the project at `root`, then call the commands; what each of them said."""
    for step in recipe.steps:
        _take(step, root / step.file)
    return [call(command, root) for command in recipe.commands]


def call(command: str, root: Path) -> str:
    """What a command says that is typed in the project at `root`; it must not fail."""
    program, *arguments = shlex.split(command)
    started = {"python": [sys.executable], "distillery": [sys.executable, "-m", "distillery"]}
    environment = os.environ | {"PYTHONPATH": str(root / "lib"), "OMP_NUM_THREADS": "1"}
    environment.pop("DISTILLERY_RESULTS", None)
    done = subprocess.run(
        [*started[program], *arguments],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def _recipe(text: str) -> Recipe:
    steps = (Step(file, language, block) for file, _, language, block in STEP.findall(text))
    lines = (line for block in COMMANDS.findall(text) for line in block.splitlines())
    return Recipe(tuple(steps), tuple(lines))


def _take(step: Step, path: Path) -> None:
    before = path.read_text("utf-8") if path.exists() else ""
    path.parent.mkdir(parents=True, exist_ok=True)
    if step.language == "diff":
        path.write_text(_changed(before, step), "utf-8")
    elif path.suffix == ".ipynb":
        path.write_text(_notebook(step.text), "utf-8")
    else:
        path.write_text(before + step.text, "utf-8")


def _changed(text: str, step: Step) -> str:
    """The text with each part of a diff carried out; what a part begins from stands there once."""
    for part in step.text.split("@@\n"):
        lines = part.splitlines(keepends=True)
        old = "".join(line[1:] for line in lines if line[0] in " -")
        new = "".join(line[1:] for line in lines if line[0] in " +")
        assert text.count(old) == 1, f"{step.file} does not hold, once:\n{old}"
        text = text.replace(old, new)
    return text


def _notebook(text: str) -> str:
    """A notebook that is printed as text, as Jupyter would write it."""
    made = read_myst_markdown_notebook(text)
    made["metadata"] = {"kernelspec": ipynb.KERNEL}
    return ipynb.text(made)
