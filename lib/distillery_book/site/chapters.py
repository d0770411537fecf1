"""The book's chapters as runs: which there are, what decides a run's result, running the stale
ones, writing back what they print.

A chapter is `book/NN_name.ipynb`. Its run at a profile is an executed copy,
`_build/executed/<profile>/NN_name.ipynb`, with a stamp beside it, the hash of what decides the
result: a chapter whose stamp still holds is not run again.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from distillery.support import locks
from distillery.support.atomic import write_atomically
from distillery.support.nearest import unknown
from distillery_book.results import records
from distillery_book.results.study import check_profile
from distillery_book.site import ipynb, kernels
from distillery_book.site.parameters import checked

AT_ONCE = 2


@dataclass(frozen=True)
class Chapter:
    """One notebook of the book, and the run of it at a profile with some parameters changed."""

    source: Path
    root: Path
    profile: str = "smoke"
    changed: tuple[tuple[str, Any], ...] = ()

    @property
    def name(self) -> str:
        return self.source.stem

    @property
    def executed(self) -> Path:
        return ipynb.executed_copy(self.root, self.profile, self.name)

    @property
    def stamp(self) -> Path:
        return self.executed.with_suffix(".json")

    @property
    def passed(self) -> dict[str, Any]:
        """The parameters that papermill is told: none at the defaults, so nothing is injected."""
        return ({} if self.profile == "smoke" else {"profile": self.profile}) | dict(self.changed)

    @cached_property
    def digest(self) -> str:
        """A hash of what decides the result: code, parameters, library, records, versions; prose
        does not.
        """
        return _digest(self)

    def is_fresh(self) -> bool:
        """Whether the executed copy is what a run would make now."""
        return self.executed.is_file() and self._stamped().get("digest") == self.digest

    def last_seconds(self) -> float | None:
        """How long the last run took that succeeded, fresh or not; None if there is none."""
        seconds = self._stamped().get("seconds")
        return float(seconds) if isinstance(seconds, int | float) else None

    def _stamped(self) -> dict[str, Any]:
        """What the stamp says; nothing if it is absent or torn."""
        try:
            stamped = json.loads(self.stamp.read_text())
        except (OSError, ValueError):
            return {}
        return stamped if isinstance(stamped, dict) else {}


@dataclass(frozen=True)
class Execution:
    """What became of a chapter: `error` is empty, or says why it failed and where to look."""

    chapter: Chapter
    seconds: float
    error: str = ""
    skipped: bool = False


def root() -> Path:
    """The clone of the book that holds the current folder."""
    clone = records.repository()
    if clone is None:
        raise ValueError(
            f"no book at or above {Path.cwd()}:"
            " run this inside a clone, which holds _config.yml and book/"
        )
    return clone


def chapters(
    root: Path,
    *,
    profile: str = "smoke",
    only: Sequence[str] = (),
    changed: Mapping[str, str] | None = None,
) -> list[Chapter]:
    """The chapters asked for by name or number, all by default, with parameters checked against
    each chapter's own.
    """
    check_profile(profile)
    notebooks = {path.stem: path for path in sorted((root / "book").glob("[0-9][0-9]*_*.ipynb"))}
    names = [_named(name, list(notebooks)) for name in only] or list(notebooks)
    sources = [notebooks[name] for name in dict.fromkeys(names)]
    return [
        Chapter(source, root, profile, _checked_parameters(source, changed or {}))
        for source in sources
    ]


@contextmanager
def claimed(root: Path) -> Iterator[None]:
    """This process alone runs chapters and builds pages of the book at `root`; the claim ends with
    the process, however that ends.
    """
    lock = root / "_build" / "book.lock"
    with locks.claimed(
        lock, f"the book in {root} is being built", advice="wait for it, or stop it"
    ):
        yield


def stale(wanted: Sequence[Chapter], *, force: bool = False) -> list[Chapter]:
    """The chapters that have to run: those that are not fresh, or all of them by `force`."""
    return [chapter for chapter in wanted if force or not chapter.is_fresh()]


def expected_seconds(waiting: Sequence[Chapter]) -> float | None:
    """How long the chapters will take together, each as long as it took last; None where one of
    them never ran.
    """
    free_at = [0.0] * AT_ONCE
    for chapter in waiting:
        seconds = chapter.last_seconds()
        if seconds is None:
            return None
        free_at = sorted([free_at[0] + seconds, *free_at[1:]])
    return free_at[-1]


def run_all(
    wanted: Sequence[Chapter],
    *,
    force: bool = False,
    report: Callable[[Execution], None] = lambda execution: None,
) -> list[Execution]:
    """Run the chapters that are not fresh, two at a time, one thread each; the others go on when
    one fails.
    """
    waiting = stale(wanted, force=force)
    executions = [
        Execution(chapter, 0.0, skipped=True) for chapter in wanted if chapter not in waiting
    ]
    for execution in executions:
        report(execution)
    if waiting:
        kernels.warm_fonts(waiting[0].root)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for execution in pool.map(run_one, waiting):
            report(execution)
            executions.append(execution)
    return executions


def run_one(chapter: Chapter) -> Execution:
    """Execute a copy by papermill in a process of its own; exit code 0 and no cell left out make it
    the chapter's run.
    """
    started = time.monotonic()
    digest = chapter.digest  # of what lies there now: what changes while it runs makes it stale
    chapter.executed.parent.mkdir(parents=True, exist_ok=True)
    chapter.stamp.unlink(missing_ok=True)
    copy = chapter.executed.with_name(f"{chapter.name}.unfinished.ipynb")
    done = subprocess.run(
        _command(chapter, copy),
        env=kernels.environment(chapter.root),
        capture_output=True,
        text=True,
        check=False,
    )
    error = _error(done, copy)
    if not error:
        os.replace(copy, chapter.executed)
        stamp = {"digest": digest, "seconds": round(time.monotonic() - started, 1)}
        write_atomically(chapter.stamp, f"{json.dumps(stamp)}\n".encode())
    return Execution(chapter, time.monotonic() - started, error)


def refresh(chapter: Chapter) -> bool:
    """Write the outputs of a smoke run back into the committed notebook, normalised; true if that
    changed it.
    """
    if chapter.passed:
        raise ValueError(
            f"{chapter.name} at {chapter.passed} cannot be refreshed:"
            " only a smoke run with no parameter changed is committed"
        )
    source = ipynb.read(chapter.source)
    text = ipynb.text(ipynb.refreshed(source, ipynb.read(chapter.executed)))
    if text == chapter.source.read_text(encoding="utf-8"):
        return False
    write_atomically(chapter.source, text.encode())
    return True


def _named(name: str, names: Sequence[str]) -> str:
    stem = Path(name).stem
    for chapter in names:
        number, _, title = chapter.partition("_")
        if stem in (chapter, title) or stem.zfill(len(number)) == number:
            return chapter
    raise ValueError(unknown("chapter", name, names))


def _checked_parameters(source: Path, changed: Mapping[str, str]) -> tuple[tuple[str, Any], ...]:
    declared = ipynb.parameters(ipynb.read(source))
    values = {name: checked(source.stem, declared, name, text) for name, text in changed.items()}
    return tuple(sorted(values.items()))


def _command(chapter: Chapter, copy: Path) -> list[str]:
    papermill = [sys.executable, "-m", "papermill", str(chapter.source), str(copy)]
    quiet = ["--no-progress-bar", "--log-level", "ERROR"]
    place = ["--cwd", str(chapter.source.parent), "-k", "python3"]
    changes = [
        part
        for name, value in chapter.passed.items()
        for part in ("-r" if isinstance(value, str) else "-p", name, str(value))
    ]
    return [*papermill, *quiet, *place, *changes]


def _error(done: subprocess.CompletedProcess[str], copy: Path) -> str:
    """The exit code alone is trusted; and a chapter that ended itself early, with exit code 0, has
    cells that never ran.
    """
    if done.returncode:
        _, _, what = done.stderr.rpartition("Exception encountered at ")
        where = f"(exit code {done.returncode}; the unfinished copy is {copy})"
        return f"{what.strip()[-4000:]}\n{where}"
    cells = ipynb.code_cells(ipynb.read(copy))
    unrun = [cell["id"] for cell in cells if cell["execution_count"] is None]
    return f"{len(unrun)} cells never ran, the first is {unrun[0]} (see {copy})" if unrun else ""


def _digest(chapter: Chapter) -> str:
    parameters = json.dumps([chapter.profile, chapter.changed], sort_keys=True)
    cells = ipynb.code_cells(ipynb.read(chapter.source))
    code = "\n".join(f"{cell['id']}\n{ipynb.source(cell)}" for cell in cells)
    hashed = hashlib.sha256(f"{parameters}\n{code}\n{_versions()}".encode())
    for name, path in sorted(_deciding_files(chapter).items()):
        hashed.update(f"\n{name}\n".encode() + path.read_bytes())
    hashed.update(_data(chapter).encode())
    return hashed.hexdigest()[:32]


def _deciding_files(chapter: Chapter) -> dict[str, Path]:
    """The library without the parts that only arrange runs and pages, the records, the published
    tables, the style.
    """
    book, library = chapter.root / "book", chapter.root / "lib"
    code = [*library.rglob("*.py"), *library.rglob("*.mplstyle")]
    results = records.results_folder(os.environ.get("DISTILLERY_RESULTS") or book / "results")
    kept = [*results.glob("*.jsonl"), *results.glob("arrays/*"), *results.glob("weights/*")]
    return (
        {f"library {path.relative_to(library)}": path for path in code if not _only_arranges(path)}
        | {f"published {path.name}": path for path in book.glob("published/*")}
        | {f"results {path.relative_to(results)}": path for path in kept}
    )


def _only_arranges(path: Path) -> bool:
    return not {"site", "commands"}.isdisjoint((path.parent.name, path.parent.parent.name))


def _data(chapter: Chapter) -> str:
    """Which real data files lie there, by name and size; smoke runs see embedded data only."""
    if chapter.profile == "smoke":
        return ""
    folder = Path(os.environ.get("DISTILLERY_DATA") or chapter.root / "data")
    return "\n".join(f"{path.name} {path.stat().st_size}" for path in sorted(folder.glob("*.npz")))


def _versions() -> str:
    from importlib.metadata import version

    python = f"python {sys.version_info[0]}.{sys.version_info[1]}"
    packages = [f"{name} {version(name)}" for name in ("torch", "numpy", "matplotlib")]
    return " ".join([python, *packages])
