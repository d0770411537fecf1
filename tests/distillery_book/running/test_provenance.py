from __future__ import annotations

import subprocess
import sys

import pytest

from distillery_book.running import provenance


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """A repository with our two packages in it, none of them committed yet: its folder `lib`."""
    library = tmp_path / "clone" / "lib"
    for package in provenance.PACKAGES:
        (library / package).mkdir(parents=True)
        (library / package / "__init__.py").write_text("")
    monkeypatch.setattr(provenance, "LIBRARY", library)
    provenance.commit.cache_clear()
    git("init", "-q", cwd=library.parent)
    yield library
    provenance.commit.cache_clear()


@pytest.fixture(params=["clone", "worktree"])
def committed(request, clone, tmp_path, monkeypatch):
    """The same, committed, in the clone itself or in another working tree of it."""
    git("add", "-A", cwd=clone)
    git("commit", "-qm", "one", cwd=clone)
    if request.param == "clone":
        return clone
    git("worktree", "add", "-q", str(tmp_path / "other"), cwd=clone)
    monkeypatch.setattr(provenance, "LIBRARY", tmp_path / "other" / "lib")
    return tmp_path / "other" / "lib"


def git(*arguments: str, cwd) -> str:
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    return subprocess.run(
        ["git", *who, *arguments], cwd=cwd, check=True, capture_output=True, text=True
    ).stdout.strip()


def test_the_packages_have_their_commit_and_are_clean_whatever_lies_beside_them(committed):
    (committed.parent / "records.jsonl").write_text("{}")
    (committed / "notes.txt").write_text("")
    assert provenance.commit() == (git("rev-parse", "HEAD", cwd=committed), False)


@pytest.mark.parametrize("package", provenance.PACKAGES)
@pytest.mark.parametrize("name", ["__init__.py", "new.py"])
def test_a_changed_or_new_file_of_either_package_makes_them_dirty(committed, package, name):
    (committed / package / name).write_text("changed = True")
    assert provenance.commit() == (git("rev-parse", "HEAD", cwd=committed), True)


def test_what_is_dirty_in_one_working_tree_is_clean_in_another(clone, tmp_path):
    git("add", "-A", cwd=clone)
    git("commit", "-qm", "one", cwd=clone)
    git("worktree", "add", "-q", str(tmp_path / "other"), cwd=clone)
    (tmp_path / "other" / "lib" / "distillery" / "new.py").write_text("")
    assert provenance.commit()[1] is False


def test_packages_that_git_does_not_hold_have_no_commit(clone):
    assert provenance.commit() == (None, None)


def test_packages_before_the_first_commit_have_none(clone):
    git("add", "-A", cwd=clone)
    assert provenance.commit() == (None, None)


def test_the_meter_sees_the_memory_and_the_seconds_of_its_own_time_only():
    # in a process of its own: other tests' memory comes and goes
    subprocess.run([sys.executable, "-c", MEASURED], check=True, timeout=120)


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
