"""Run the book and its tests with the newest packages, in an environment and a clone of their own,
so that neither `.venv` nor what was built here changes.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from distillery_book.site import ipynb, kernels
from distillery_book.site.newest import moved
from distillery_book.site.newest.outcome import Moved, Outcome

ENVIRONMENT = ".venv-newest"
EXTRAS = "[book,dask,test]"
TESTS = ("-m", "pytest", "-q", "-n", "2", "--dist", "loadfile", "tests")
Done = subprocess.CompletedProcess[str]
Run = Callable[[Sequence[str], Path], Done]
Say = Callable[[str], None]


def run_here(command: Sequence[str], folder: Path) -> Done:
    """A command on one thread, to which neither this environment's packages nor its results lie
    nearer than its own.
    """
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("PYTHONPATH", "DISTILLERY_RESULTS", "VIRTUAL_ENV")
    }
    environment |= dict.fromkeys(kernels.THREADS, "1")
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def newest(root: Path, *, run: Run = run_here, say: Say = print) -> Outcome:
    """Install, run and compare; what is committed in `root` is what is tried."""
    clone = root / "_build" / "newest"
    commit = _cloned(root, clone, run)
    say("installing the newest packages that pyproject.toml allows; this takes some minutes")
    python = _installed(root, clone, run)
    old, new = _versions(sys.executable, root, run), _versions(python, root, run)
    say("running every page of the book, then the tests")
    found = [*_book(python, clone, run), *_tests(python, clone, run)]
    return Outcome(
        date=datetime.now(UTC).date().isoformat(),
        commit=commit,
        python=platform.python_version(),
        packages=len(new),
        versions=moved.versions(old, new),
        moved=found,
    )


def _cloned(root: Path, clone: Path, run: Run) -> str:
    """A fresh clone of what is committed; its commit."""
    shutil.rmtree(clone, ignore_errors=True)
    clone.parent.mkdir(parents=True, exist_ok=True)
    _must(run(["git", "clone", "--quiet", str(root), str(clone)], root), "git could not clone")
    head = _must(run(["git", "rev-parse", "HEAD"], clone), "git names no commit")
    return head.strip()


def _installed(root: Path, clone: Path, run: Run) -> str:
    """The interpreter of a fresh environment that holds the clone and what it asks for, without
    constraints.
    """
    folder = root / ENVIRONMENT
    made = run([sys.executable, "-m", "venv", "--clear", str(folder)], root)
    _must(made, "no environment could be made")
    python = str(folder / "bin" / "python")
    install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    needed = ["setuptools", "-e", f"{clone}{EXTRAS}"]
    _must(run([python, *install, *needed], clone), "pip could not install the newest packages")
    return python


def _versions(python: str, root: Path, run: Run) -> dict[str, str]:
    listing = ["-m", "pip", "--disable-pip-version-check", "list", "--format=json"]
    listed = _must(run([python, *listing], root), "pip could not list the packages")
    versions = {one["name"].lower(): one["version"] for one in json.loads(listed)}
    return {name: version for name, version in versions.items() if name != "distillery"}


def _book(python: str, clone: Path, run: Run) -> Iterator[Moved]:
    """What the pages print now, and whether the site can be built of them."""
    ran = run([python, "-m", "distillery", "book", "--no-site"], clone)
    for committed in sorted((clone / "book").glob("[0-9]*.ipynb")):
        yield from moved.page(committed, ipynb.executed_copy(clone, "smoke", committed.stem))
    built = run([python, "-m", "distillery", "book"], clone) if ran.returncode == 0 else ran
    yield from moved.site(built.stderr, succeeded=built.returncode == 0)


def _tests(python: str, clone: Path, run: Run) -> Iterator[Moved]:
    report = clone / "_build" / "tests.xml"
    run([python, *TESTS, f"--junitxml={report}"], clone)
    yield from moved.tests(report)


def _must(done: Done, problem: str) -> str:
    """What a command printed, or a sentence with the last line of what went wrong."""
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise OSError(f"{problem}: {lines[-1] if lines else f'exit code {done.returncode}'}")
    return done.stdout
