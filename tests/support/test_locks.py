from __future__ import annotations

import errno
import fcntl
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

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
    with (
        claimed(path, "it is held", advice="wait"),
        pytest.raises(ValueError, match=f"^it is held by process {os.getpid()}; wait$"),
        claimed(path, "it is held", advice="wait"),
    ):
        pass


def test_a_lock_is_free_again_when_its_holder_has_failed(tmp_path):
    path = tmp_path / "lock"
    with (
        pytest.raises(RuntimeError, match="on the way"),
        claimed(path, "it is held", advice="wait"),
    ):
        raise RuntimeError("on the way")
    with claimed(path, "it is held", advice="wait"):
        pass


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


@pytest.mark.parametrize("held", [False, True])
def test_a_lock_that_was_removed_between_opening_and_locking_is_taken_anew(
    tmp_path, monkeypatch, held
):
    """Whether or not the file that was removed is still somebody's."""
    path, flock, tried = tmp_path / "folder" / "lock", fcntl.flock, []

    def removed(file, how):
        if not tried:
            shutil.rmtree(path.parent)
        tried.append(how)
        if held and len(tried) == 1:
            raise BlockingIOError(errno.EAGAIN, "held by another")
        flock(file, how)

    monkeypatch.setattr(fcntl, "flock", removed)
    with claimed(path, "it is held", advice="wait"):
        assert len(tried) == 2
        assert path.is_file()


@pytest.mark.parametrize("spoil", [Path.unlink, lambda holder: holder.write_text("")])
def test_a_holder_that_has_not_said_yet_who_it_is_is_a_question_mark(tmp_path, spoil):
    path = tmp_path / "lock"
    with claimed(path, "it is held", advice="wait"):
        spoil(tmp_path / "lock.holder")
        with (
            pytest.raises(ValueError, match=r"^it is held by process \?; wait$"),
            claimed(path, "it is held", advice="wait"),
        ):
            pass
