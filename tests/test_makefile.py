"""What `make` prepares where it installs nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The files that say what the packages are, without what an earlier call wrote."""
    for name in ("Makefile", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    ignored = shutil.ignore_patterns("*.egg-info", "__pycache__")
    shutil.copytree(ROOT / "lib", tmp_path / "lib", ignore=ignored)
    return tmp_path


def make(clone: Path, python: str) -> subprocess.CompletedProcess[str]:
    command = ["make", f"PYTHON={python}", "existing-environment"]
    alone = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(
        command, cwd=clone, env=alone, capture_output=True, text=True, check=False
    )


def test_in_an_existing_environment_the_commands_of_the_book_are_found_by_the_path(
    clone: Path,
) -> None:
    assert list(distributions(name="distillery", path=[str(clone / "lib")])) == []
    made = make(clone, sys.executable)
    assert (made.returncode, made.stdout, made.stderr) == (0, "", "")
    (ours,) = distributions(name="distillery", path=[str(clone / "lib")])
    commands = {point.name for point in ours.entry_points.select(group="distillery.commands")}
    models = {point.name for point in ours.entry_points.select(group="distillery.models")}
    assert (commands, models) == ({"book", "newest", "repeat", "status", "study"}, {"book"})


def test_an_environment_that_lacks_packages_is_told_which(clone: Path) -> None:
    bare = clone / "bare-python"
    bare.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -S "$@"\n')
    bare.chmod(0o755)
    made = make(clone, str(bare))
    assert made.returncode == 2
    assert made.stderr.startswith(f"{bare} lacks torch jupyter_book papermill nbval setuptools; ")
    assert not (clone / "lib" / "distillery.egg-info").exists()
