"""A reader sees the old file or the new one, whatever stops the writer."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from distillery.support.atomic import CannotWriteError, replacing, write_atomically
from full_disk import no_file_longer_than


@pytest.mark.parametrize("moment", ["fsync", "replace"])
def test_a_file_is_written_whole_or_not_at_all(
    moment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"old")

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, moment, stop)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_writer_that_fails_half_way_leaves_nothing(tmp_path: Path) -> None:
    def fail(part: Path) -> None:
        part.write_bytes(b"half")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), replacing(tmp_path / "file") as part:
        fail(part)
    assert list(tmp_path.iterdir()) == []


def test_what_takes_its_place_was_synced_before_and_its_folder_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[bool, bool]] = []
    fsync = os.fsync

    def noted(handle: int) -> None:
        seen.append((os.path.isdir(f"/proc/self/fd/{handle}"), (tmp_path / "file").exists()))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", noted)
    write_atomically(tmp_path / "file", b"new")
    assert seen == [(False, False), (True, True)]


def test_two_writers_of_one_file_are_not_in_each_others_way(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with replacing(path) as one, replacing(path) as two:
        one.write_bytes(b"one")
        two.write_bytes(b"two")
    assert path.read_bytes() == b"one"  # it came last
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_folder_is_made_and_others_may_read_what_the_writer_lets_them(
    tmp_path: Path,
) -> None:
    before = os.umask(0o022)
    try:
        write_atomically(tmp_path / "new" / "file", b"it")
    finally:
        os.umask(before)
    assert (tmp_path / "new" / "file").stat().st_mode & 0o777 == 0o644


def by_python(part: Path) -> None:
    part.write_bytes(b"new" * 1000)


def by_safetensors(part: Path) -> None:
    save_file({"x": torch.zeros(1000)}, part)


@pytest.mark.parametrize("write", [by_python, by_safetensors])
def test_a_system_that_takes_no_more_is_a_sentence_and_the_old_file_stays(
    tmp_path: Path, write: object
) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"old")
    with (
        pytest.raises(
            CannotWriteError, match=rf"^{path} cannot be written \(File too large\): make"
        ),
        no_file_longer_than(500),
        replacing(path) as part,
    ):
        write(part)  # type: ignore[operator]
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("moment", ["fsync", "replace"])
def test_a_disk_found_full_at_the_end_is_the_same_sentence(
    moment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, moment, full)
    with pytest.raises(CannotWriteError, match="No space left on device") as raised:
        write_atomically(tmp_path / "file", b"new")
    assert raised.value.errno == errno.ENOSPC
    assert list(tmp_path.iterdir()) == []


def test_other_errors_of_a_writer_stay_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "file"):
        raise FileNotFoundError("what is to be copied")
