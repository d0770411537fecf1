from __future__ import annotations

import shutil
import subprocess
import zipfile

import numpy as np
import pytest

from distillery.support.archives import UNREADABLE, what_is_wrong
from made_archives import locked


def problem(path, name="x"):
    with pytest.raises(UNREADABLE) as found, np.load(path, allow_pickle=False) as archive:
        archive[name]
    return found.value


@pytest.mark.parametrize("name", ["x", "pickle"])
def test_an_archive_with_a_password_is_told_from_a_damaged_one_and_from_a_pickle(tmp_path, name):
    assert (
        what_is_wrong(problem(locked(tmp_path / "it.npz", **{name: np.zeros(9)}), name))
        == "is protected by a password, and is not opened"
    )


@pytest.mark.skipif(not shutil.which("zip"), reason="there is no zip program")
def test_a_password_given_by_the_zip_program_is_recognised(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros(9))
    subprocess.run(["zip", "-q", "-P", "secret", "it.npz", "x.npy"], cwd=tmp_path, check=True)
    assert (
        what_is_wrong(problem(tmp_path / "it.npz"))
        == "is protected by a password, and is not opened"
    )


def test_pickles_and_damage_are_named(tmp_path):
    np.savez(tmp_path / "it.npz", x=np.array([{"a": 1}], dtype=object))
    assert (
        what_is_wrong(problem(tmp_path / "it.npz"))
        == "is a pickle, or holds one, and pickles are never opened"
    )
    assert (
        what_is_wrong(zipfile.BadZipFile("File is not a zip file"))
        == "is truncated, damaged or something else"
    )
    assert (
        what_is_wrong(KeyError("encrypted is not a file in the archive"))
        == "is truncated, damaged or something else"
    )
