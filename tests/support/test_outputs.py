from __future__ import annotations

import pytest

from distillery.support.outputs import check_writable


def test_a_file_that_can_be_written_passes_and_is_not_made(tmp_path):
    check_writable("--output", tmp_path / "new", [tmp_path / "other"])
    assert not list(tmp_path.iterdir())


def test_a_folder_an_input_and_a_place_that_is_not_there_are_refused(tmp_path):
    (tmp_path / "data").write_text("")
    with pytest.raises(ValueError, match=r"--output is .*data, which is read from"):
        check_writable("--output", tmp_path / "data", [tmp_path / "x" / ".." / "data"])
    with pytest.raises(ValueError, match="a folder: the name of a file is needed"):
        check_writable("--output", tmp_path, [])
    with pytest.raises(
        ValueError,
        match=r"cannot be written to \(No such file or directory\): name a file elsewhere",
    ):
        check_writable("--output", tmp_path / "nowhere" / "f", [])
