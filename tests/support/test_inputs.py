from __future__ import annotations

import os

import pytest

from distillery.support import inputs
from distillery.support.inputs import check_readable, check_seed


def test_a_file_that_can_be_opened_is_let_in(tmp_path):
    (tmp_path / "x.npz").write_bytes(b"")
    assert check_readable(str(tmp_path / "x.npz"), "an .npz file") == tmp_path / "x.npz"


def test_folders_and_missing_files_are_refused_with_what_is_needed(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"^\. is a folder: an \.npz file is needed$"):
        check_readable(".", "an .npz file")
    with pytest.raises(FileNotFoundError, match=r"none is not there: an \.npz file is needed$"):
        check_readable(tmp_path / "none", "an .npz file")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_not_called_missing(tmp_path):
    path = tmp_path / "x.npz"
    path.write_bytes(b"")
    path.chmod(0)
    with pytest.raises(OSError, match=r"x\.npz cannot be read \(Permission denied\)"):
        check_readable(path, "an .npz file")


def test_what_keeps_a_file_from_being_opened_is_said(tmp_path, monkeypatch):
    def refused(*_):
        raise PermissionError(13, "Permission denied")

    path = tmp_path / "x.npz"
    path.write_bytes(b"")
    monkeypatch.setattr(inputs, "open", refused, raising=False)
    with pytest.raises(OSError, match=r"x\.npz cannot be read \(Permission denied\)") as said:
        check_readable(path, "an .npz file")
    assert not isinstance(said.value, FileNotFoundError)


@pytest.mark.parametrize("seed", [-1, 2**63, 10**23])
def test_seeds_that_no_stream_can_have_are_refused(seed):
    with pytest.raises(ValueError, match=f"--seed is {seed}: a whole number from 0"):
        check_seed("--seed", seed)
    assert check_seed("--seed", 2**63 - 1) == 2**63 - 1
