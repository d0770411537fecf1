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
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

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
        if not (self.executed.is_file() and self.stamp.is_file()):
            return False
        try:
            return bool(json.loads(self.stamp.read_text())["digest"] == self.digest)
        except (ValueError, KeyError, TypeError):
            return False


@dataclass(frozen=True)
class Run:
    """What became of a chapter: `error` is empty, or says why it failed and where to look."""

    chapter: Chapter
    seconds: float
    error: str = ""
    skipped: bool = False


def root() -> Path:
    """The clone of the book that holds the current folder."""
    found = records.repository()
    if found is None:
        raise ValueError(
            f"no book at or above {Path.cwd()}: run this inside a clone, which holds _config.yml"
            " and book/"
        )
    return found


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
    found = {path.stem: path for path in sorted((root / "book").glob("[0-9][0-9]_*.ipynb"))}
    names = [_named(name, list(found)) for name in only] or list(found)
    return [
        Chapter(found[name], root, profile, _checked_parameters(found[name], changed or {}))
        for name in dict.fromkeys(names)
    ]


def run_all(
    wanted: Sequence[Chapter],
    *,
    force: bool = False,
    report: Callable[[Run], None] = lambda run: None,
) -> list[Run]:
    """Run the chapters that are not fresh, two at a time, one thread each; the others go on when
    one fails.
    """
    stale = [chapter for chapter in wanted if force or not chapter.is_fresh()]
    runs = [Run(chapter, 0.0, skipped=True) for chapter in wanted if chapter not in stale]
    for run in runs:
        report(run)
    if stale:
        kernels.warm_fonts(stale[0].root)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for run in pool.map(run_one, stale):
            report(run)
            runs.append(run)
    return runs


def run_one(chapter: Chapter) -> Run:
    """Execute a copy by papermill in a process of its own; exit code 0 and no cell left out make it
    the chapter's run.
    """
    started = time.monotonic()
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
        stamp = {"digest": chapter.digest, "seconds": round(time.monotonic() - started, 1)}
        write_atomically(chapter.stamp, f"{json.dumps(stamp)}\n".encode())
    return Run(chapter, time.monotonic() - started, error)


def refresh(chapter: Chapter) -> bool:
    """Write the outputs of a smoke run back into the committed notebook, normalised; true if that
    changed it.
    """
    if chapter.passed:
        raise ValueError(
            f"{chapter.name} at {chapter.passed} cannot be refreshed: only a smoke run with no"
            " parameter changed is committed"
        )
    source = ipynb.read(chapter.source)
    text = ipynb.text(ipynb.refreshed(source, ipynb.read(chapter.executed)))
    if text == chapter.source.read_text(encoding="utf-8"):
        return False
    write_atomically(chapter.source, text.encode())
    return True


def _named(name: str, found: Sequence[str]) -> str:
    stem = Path(name).stem
    for chapter in found:
        number, _, title = chapter.partition("_")
        if stem in (chapter, title) or (stem.isdigit() and int(stem) == int(number)):
            return chapter
    raise ValueError(unknown("chapter", name, found))


def _checked_parameters(source: Path, changed: Mapping[str, str]) -> tuple[tuple[str, Any], ...]:
    declared = ipynb.parameters(ipynb.read(source))
    return tuple(
        sorted(
            (name, checked(source.stem, declared, name, value)) for name, value in changed.items()
        )
    )


def _command(chapter: Chapter, copy: Path) -> list[str]:
    told = [
        part
        for name, value in chapter.passed.items()
        for part in ("-r" if isinstance(value, str) else "-p", name, str(value))
    ]
    quiet = [
        "--no-progress-bar",
        "--log-level",
        "ERROR",
        "--cwd",
        str(chapter.source.parent),
        "-k",
        "python3",
    ]
    return [sys.executable, "-m", "papermill", str(chapter.source), str(copy), *quiet, *told]


def _error(done: subprocess.CompletedProcess[str], copy: Path) -> str:
    """The exit code alone is trusted; and a chapter that ended itself early, with exit code 0, has
    cells that never ran.
    """
    if done.returncode:
        _, _, what = done.stderr.rpartition("Exception encountered at ")
        return (
            f"{what.strip()[-4000:]}\n(exit code {done.returncode}; the unfinished copy is {copy})"
        )
    missing = [
        cell["id"] for cell in ipynb.code_cells(ipynb.read(copy)) if cell["execution_count"] is None
    ]
    return (
        f"{len(missing)} cells never ran, the first is {missing[0]} (see {copy})" if missing else ""
    )


def _digest(chapter: Chapter) -> str:
    told = json.dumps([chapter.profile, chapter.changed], sort_keys=True)
    code = "\n".join(
        f"{cell['id']}\n{ipynb.source(cell)}"
        for cell in ipynb.code_cells(ipynb.read(chapter.source))
    )
    seen = hashlib.sha256(f"{told}\n{code}\n{_versions()}".encode())
    for name, path in sorted(_deciding_files(chapter).items()):
        seen.update(f"\n{name}\n".encode() + path.read_bytes())
    seen.update(_data(chapter).encode())
    return seen.hexdigest()[:32]


def _deciding_files(chapter: Chapter) -> dict[str, Path]:
    """The library without the parts that only arrange runs and pages, the records, the published
    tables, the style.
    """
    book, library = chapter.root / "book", chapter.root / "lib"
    found = {
        f"library {path.relative_to(library)}": path
        for path in [*library.rglob("*.py"), *library.rglob("*.mplstyle")]
        if not _only_arranges(path)
    }
    found |= {f"published {path.name}": path for path in book.glob("published/*")}
    results = records.results_folder(os.environ.get("DISTILLERY_RESULTS") or book / "results")
    kept = [*results.glob("*.jsonl"), *results.glob("arrays/*"), *results.glob("weights/*")]
    return found | {f"results {path.relative_to(results)}": path for path in kept}


def _only_arranges(path: Path) -> bool:
    return path.parent.name in ("site", "commands")


def _data(chapter: Chapter) -> str:
    """Which real data files lie there, by name and size; smoke runs see embedded data only."""
    if chapter.profile == "smoke":
        return ""
    folder = Path(os.environ.get("DISTILLERY_DATA") or chapter.root / "data")
    return "\n".join(f"{path.name} {path.stat().st_size}" for path in sorted(folder.glob("*.npz")))


def _versions() -> str:
    from importlib.metadata import version

    python = f"python {sys.version_info[0]}.{sys.version_info[1]}"
    return " ".join(
        [python, *(f"{name} {version(name)}" for name in ("torch", "numpy", "matplotlib"))]
    )
