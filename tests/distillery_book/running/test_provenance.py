from __future__ import annotations

import subprocess
import sys

import pytest

from distillery_book.running import provenance


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """A repository whose committed package is ours."""
    library = tmp_path / "lib"
    (library / "distillery").mkdir(parents=True)
    (library / "distillery" / "__init__.py").write_text("")
    monkeypatch.setattr(provenance, "LIBRARY", library)
    provenance.commit.cache_clear()
    git("init", "-q", cwd=tmp_path)
    yield library
    provenance.commit.cache_clear()


def git(*arguments: str, cwd) -> str:
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    return subprocess.run(
        ["git", *who, *arguments], cwd=cwd, check=True, capture_output=True, text=True
    ).stdout.strip()


def test_a_committed_package_has_its_commit_and_is_clean_whatever_lies_beside_it(clone):
    git("add", "-A", cwd=clone)
    git("commit", "-qm", "one", cwd=clone)
    (clone.parent / "records.jsonl").write_text("{}")
    assert provenance.commit() == (git("rev-parse", "HEAD", cwd=clone), False)


@pytest.mark.parametrize("name", ["__init__.py", "new.py"])
def test_a_changed_or_new_file_of_the_package_makes_it_dirty(clone, name):
    git("add", "-A", cwd=clone)
    git("commit", "-qm", "one", cwd=clone)
    (clone / name).write_text("changed = True")
    assert provenance.commit()[1] is True


def test_a_package_that_git_does_not_hold_has_no_commit(clone):
    assert provenance.commit() == (None, None)


def test_a_package_before_the_first_commit_has_none(clone):
    git("add", "-A", cwd=clone)
    assert provenance.commit() == (None, None)


def test_the_meter_sees_the_memory_and_the_seconds_of_its_own_time_only():
    subprocess.run(
        [sys.executable, "-c", MEASURED], check=True, timeout=120
    )  # alone: other tests' memory comes and goes


MEASURED = """
import platform, time
from distillery_book.running import provenance
first = provenance.Meter()
size = 80_000_000
before = provenance.Meter().peak_memory_mb()
block = bytearray(b"1") * size
assert len(block) == size
assert first.peak_memory_mb() > before + 60
del block
time.sleep(0.01)
assert first.seconds() >= 0.01
if platform.system() == "Linux":
    assert provenance.Meter().peak_memory_mb() < before + 60
"""
