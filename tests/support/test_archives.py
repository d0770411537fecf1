"""What others have written is read, or refused in one sentence, before anything is believed."""

from __future__ import annotations

import pickle
import shutil
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pytest

from distillery.support import archives
from distillery.support.archives import Archive, BadArchiveError
from made_archives import claiming, header, holding, locked, swollen

NEEDED = "an archive is needed"


def read(path: Path, name: str = "x") -> np.ndarray:
    with Archive(path, needed=NEEDED) as archive:
        return archive.read(name)


def refused(path: Path, what: str, name: str = "x") -> None:
    with pytest.raises(BadArchiveError, match=f"^{path} {what}: {NEEDED}$"):
        read(path, name)


ARRAYS = [
    np.arange(12, dtype=np.uint8).reshape(3, 4),
    np.asfortranarray(np.arange(24.0).reshape(2, 3, 4)),
    np.array(3.5, dtype=">f4"),
    np.zeros((0, 5), dtype=np.float16),
    np.array(["a", "bcd"]),
    np.array([True, False]),
    np.arange(3 << 18).astype(np.longdouble),  # in several parts
    np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]),
]


@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: str(array.dtype))
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_come_back_as_numpy_reads_them(tmp_path, array, save):
    save(tmp_path / "it.npz", x=array, other=np.ones(3))
    np.save(tmp_path / "x.npy", array)
    with Archive(tmp_path / "it.npz", needed=NEEDED) as archive:
        assert (archive.names, archive.single) == (("x", "other"), False)
        np.testing.assert_array_equal(archive.read("other"), np.ones(3))
        members = [archive.read("x"), archive.read("x")]
    for found in (*members, read(tmp_path / "x.npy")):
        assert (found.dtype, found.shape) == (array.dtype, array.shape)
        np.testing.assert_array_equal(found, array)


def test_a_single_array_has_the_name_of_its_file(tmp_path):
    np.save(tmp_path / "it.npy", np.zeros(2))
    with Archive(tmp_path / "it.npy", needed=NEEDED) as archive:
        assert (archive.names, archive.single) == (("it",), True)


TERA = (10**14,)


def test_a_header_that_claims_more_than_is_there_is_refused_before_room_is_made(tmp_path):
    what = "claims that x is float64 100000000000000, 800,000,000,000,000 bytes, and has 8 for it"
    refused(claiming(tmp_path / "it.npz", x=TERA), what)
    (tmp_path / "x.npy").write_bytes(header(TERA) + bytes(8))
    refused(tmp_path / "x.npy", what)


def test_a_directory_that_claims_more_than_deflate_can_do_is_refused(tmp_path):
    path = swollen(tmp_path / "it.npz", 4_000_000_000, x=(499_999_984,))
    refused(path, r"claims 4,000,000,000 bytes for x\.npy, which \d+ bytes of a file cannot hold")


def test_what_deflate_can_just_do_is_read(tmp_path):
    """Zeros are what it makes smallest: a thousand times, nearly."""
    np.savez_compressed(tmp_path / "it.npz", x=np.zeros(10**6))
    with zipfile.ZipFile(tmp_path / "it.npz") as archive:
        (member,) = archive.infolist()
    assert 1000 < member.file_size / member.compress_size < 1032
    assert not read(tmp_path / "it.npz").any()


@pytest.mark.parametrize("shape", [(-1, -8), (2**62, 4), (2**70,)])
def test_shapes_that_no_array_has_are_refused(tmp_path, shape):
    with pytest.raises(BadArchiveError, match="claims that x is float64"):
        read(claiming(tmp_path / "it.npz", x=shape))


def test_texts_of_no_length_are_not_endlessly_many(tmp_path):
    content = header((10**15,), dtype="<U0") + bytes(8)
    with pytest.raises(BadArchiveError, match="claims that x is <U0 1000000000000000"):
        read(holding(tmp_path / "it.npz", "x.npy", content))


def test_an_array_for_which_memory_does_not_suffice_is_a_sentence(tmp_path, monkeypatch):
    np.save(tmp_path / "x.npy", np.zeros(3))

    def none_left(*_):
        raise MemoryError

    monkeypatch.setattr(archives.np, "empty", none_left)
    refused(tmp_path / "x.npy", "holds x, for which there is not enough memory")


@pytest.mark.parametrize("name", ["x", "pickle"])
def test_an_archive_with_a_password_is_told_from_a_damaged_one_and_from_a_pickle(tmp_path, name):
    path = locked(tmp_path / "it.npz", **{name: np.zeros(9)})
    refused(path, "is protected by a password, and is not opened", name)


@pytest.mark.skipif(not shutil.which("zip"), reason="there is no zip program")
def test_a_password_given_by_the_zip_program_is_recognised(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros(9))
    subprocess.run(["zip", "-q", "-P", "secret", "it.npz", "x.npy"], cwd=tmp_path, check=True)
    refused(tmp_path / "it.npz", "is protected by a password, and is not opened")


PICKLED = "is a pickle, or holds one, and pickles are never opened"


def test_pickles_are_named_and_text_is_no_pickle(tmp_path):
    path = tmp_path / "it.npz"
    np.savez(path, x=np.array([{"a": 1}], dtype=object))
    refused(path, PICKLED)
    path.write_bytes(pickle.dumps({"x": 1}))
    refused(path, PICKLED)
    for text in ("x,y\n1,2\n", "\x80"):
        path.write_text(text)
        refused(path, r"is neither an archive of arrays \(.npz\) nor an array \(.npy\)")
    path.write_bytes(b"")
    refused(path, "is empty")


def test_members_that_are_no_plain_arrays_are_named(tmp_path):
    path = tmp_path / "it.npz"
    refused(holding(path, "x.npy", b"a text"), "holds x, which is no array")
    refused(holding(path, "x", b"a text"), "holds x, which is no array")
    later = b"\x93NUMPY\x09\x00" + header((1,))[8:] + bytes(8)
    refused(holding(path, "x.npy", later), "holds x, which is no plain array")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("x.npy", header((1,)) + bytes(8))
    refused(path, r"holds x\.npy, which is compressed otherwise than by deflate")


def test_files_that_are_missing_or_may_not_be_read_are_told_apart(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match=rf"none\.npz is not there: {NEEDED}"):
        read(tmp_path / "none.npz")
    with pytest.raises(FileNotFoundError, match=f"is a folder: {NEEDED}"):
        read(tmp_path)

    def forbidden(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(archives, "open", forbidden, raising=False)
    refused(tmp_path / "it.npz", r"cannot be read \(Permission denied\)")


@pytest.mark.filterwarnings("ignore:Reading .* created on Python 2")
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed, np.save])
def test_whatever_bytes_are_altered_it_is_a_sentence_or_an_array(tmp_path, save):
    rng, path = np.random.default_rng(0), tmp_path / "x"
    array = rng.integers(0, 9, (20, 30))
    with open(path, "wb") as file:
        save(file, array) if save is np.save else save(file, x=array)
    whole = np.frombuffer(path.read_bytes(), np.uint8)
    refusals = 0
    for length in rng.integers(0, 2 * len(whole), 400):
        spoilt = whole.copy()
        places = rng.choice([rng.integers(len(whole)), rng.integers(min(200, len(whole)))], 3)
        spoilt[places] = rng.integers(0, 256, 3)
        path.write_bytes(spoilt[:length].tobytes())
        try:
            with Archive(path, needed=NEEDED) as archive:
                for name in archive.names:
                    archive.read(name)
        except BadArchiveError:
            refusals += 1
    assert 100 < refusals < 400
