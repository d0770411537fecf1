"""Lines are added whole or not at all, whatever stops the writer."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from distillery_book.results import lines
from full_disk import no_file_longer_than

LINE = json.dumps({"text": "x" * 5000}).encode()


def test_a_disk_that_takes_half_a_line_is_left_without_any_of_it(tmp_path: Path) -> None:
    """Also when the file is closed, which would write what a buffer had kept back."""
    path = tmp_path / "some.jsonl"
    lines.append(path, LINE)
    with no_file_longer_than(len(LINE) + 100), pytest.raises(OSError, match="File too large"):
        lines.append(path, LINE)
    assert path.read_bytes() == LINE + b"\n"
    lines.append(path, LINE)
    assert path.read_bytes() == 2 * (LINE + b"\n")


def test_a_line_that_could_not_be_synced_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "some.jsonl"
    lines.append(path, LINE)

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left on device"):
        lines.append(path, LINE)
    assert path.read_bytes() == LINE + b"\n"


def test_a_line_that_the_system_takes_in_parts_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Slow:
        """A file that takes seven bytes at a time."""

        def __init__(self) -> None:
            self.content = b""

        def write(self, some: memoryview) -> int:
            self.content += bytes(some[:7])
            return min(7, len(some))

    file = Slow()
    lines._write(file, LINE)  # type: ignore[arg-type]
    assert file.content == LINE


def test_numbers_count_blank_lines_too(tmp_path: Path) -> None:
    path = tmp_path / "some.jsonl"
    path.write_bytes(b'{"a": 1}\n\n{"b": 2}\n')
    assert list(lines.numbered(path)) == [(1, b'{"a": 1}'), (3, b'{"b": 2}')]
