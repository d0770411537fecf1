"""A reader sees the old file or the new one, whatever stops the writer."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from distillery.support.atomic import replacing, write_atomically


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
