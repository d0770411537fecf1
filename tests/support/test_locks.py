from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys

import pytest

from distillery.support.locks import claimed

HOLD = """
import sys, time
from pathlib import Path
from distillery.support.locks import claimed
with claimed(Path(sys.argv[1]), "it is held", advice="wait"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_another_process_is_told_who_holds_it_until_that_is_killed(tmp_path):
    path = tmp_path / "lock"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout.readline() == "held\n"
        with (
            pytest.raises(ValueError, match=f"^it is held by process {holder.pid}; wait$"),
            claimed(path, "it is held", advice="wait"),
        ):
            pass
    finally:
        os.kill(holder.pid, signal.SIGKILL)
        holder.communicate()
    with claimed(path, "it is held", advice="wait"):
        assert path.read_text() == str(os.getpid())


def test_a_lock_whose_folder_was_removed_is_no_lock(tmp_path):
    """Whoever comes then makes the folder anew, and is alone in that one."""
    path = tmp_path / "folder" / "lock"
    with claimed(path, "it is held", advice="wait"):
        shutil.rmtree(path.parent)
        with claimed(path, "it is held", advice="wait"):
            with (
                pytest.raises(ValueError, match="it is held by process"),
                claimed(path, "it is held", advice="wait"),
            ):
                pass
            assert path.is_file()


def test_a_lock_that_was_removed_between_opening_and_locking_is_taken_anew(tmp_path, monkeypatch):
    from distillery.support import locks as claims

    path, flock, tried = tmp_path / "folder" / "lock", claims.fcntl.flock, []

    def removed(file, how):
        if not tried:
            shutil.rmtree(path.parent)
        tried.append(how)
        flock(file, how)

    monkeypatch.setattr(claims.fcntl, "flock", removed)
    with claimed(path, "it is held", advice="wait"):
        assert len(tried) == 2
        assert path.read_text() == str(os.getpid())
