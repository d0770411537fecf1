from __future__ import annotations

import numpy as np
import pytest
import torch

from distillery.support import archives
from distillery.tools.compress.picture_files import read_pictures, write_pictures
from made_archives import claiming, holding, locked

GREY = np.random.default_rng(0).integers(0, 256, (6, 28, 28)).astype(np.uint8)
COLOUR = np.random.default_rng(1).integers(0, 256, (6, 32, 32, 3)).astype(np.uint8)
LABELS = np.array([3, 1, 4, 1, 5, 9])


def saved(folder, **arrays):
    np.savez(folder / "some.npz", **arrays)
    return folder / "some.npz"


@pytest.mark.parametrize(
    ("pictures", "labels"),
    [
        ("x_train", "y_train"),
        ("x", "y"),
        ("images", "labels"),
        ("X", "targets"),
        ("images", "class_id"),
        ("x_test", "y_test"),
    ],
)
def test_pictures_and_labels_are_found_by_common_names(tmp_path, pictures, labels):
    found = read_pictures(
        saved(tmp_path, **{pictures: GREY, labels: LABELS, "names": np.array(["a"])})
    )
    assert found.x.equal(torch.from_numpy(GREY)[:, None])
    assert found.y.equal(torch.from_numpy(LABELS))
    assert (found.name, found.notes) == ("some.npz", ())


def test_labels_belong_to_their_own_pictures_and_what_is_left_out_is_said(tmp_path):
    found = read_pictures(
        saved(tmp_path, x_train=GREY, y_train=LABELS, x_test=GREY[:2], y_test=LABELS[:2])
    )
    assert len(found.x) == len(found.y) == 6
    assert found.notes == ("x_test and y_test left out: x_train alone is compressed",)


@pytest.mark.parametrize("array", [COLOUR, COLOUR.transpose(0, 3, 1, 2)])
def test_channels_may_come_first_or_last(tmp_path, array):
    assert read_pictures(saved(tmp_path, x=array)).x.equal(
        torch.from_numpy(COLOUR.transpose(0, 3, 1, 2).copy())
    )


def test_an_array_alone_is_the_pictures(tmp_path):
    np.save(tmp_path / "some.npy", GREY)
    for path in (tmp_path / "some.npy", saved(tmp_path, anything=GREY)):
        found = read_pictures(path)
        assert found.x.equal(torch.from_numpy(GREY)[:, None])
        assert (found.y, found.notes) == (None, ("no labels were found",))


@pytest.mark.parametrize("kind", [np.float64, np.float16, np.int64])
def test_floats_and_long_integers_become_bytes(tmp_path, kind):
    array = GREY.astype(kind) if kind == np.int64 else (GREY / 255).astype(kind)
    assert read_pictures(saved(tmp_path, x=array), labels=False).x.equal(
        torch.from_numpy(GREY)[:, None]
    )


def test_zeros_and_ones_are_black_and_white_and_that_is_said(tmp_path):
    found = read_pictures(saved(tmp_path, x=GREY > 100), labels=False)
    assert found.x.unique().tolist() == [0, 255]
    assert found.notes == ("pixels are 0 and 1 alone: they were taken as black and white",)


def test_what_is_written_is_read_again(tmp_path):
    for array in (GREY[:, None], COLOUR.transpose(0, 3, 1, 2).copy()):
        write_pictures(
            tmp_path / "out.npz", torch.from_numpy(array), torch.from_numpy(LABELS), card="Six."
        )
        found = read_pictures(tmp_path / "out.npz")
        assert found.x.equal(torch.from_numpy(array))
        assert found.y.equal(torch.from_numpy(LABELS))
    assert str(np.load(tmp_path / "out.npz")["card"]) == "Six."
    assert np.load(tmp_path / "out.npz")["x_train"].shape == COLOUR.shape


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (
            {"x": np.zeros((5, 20, 20), np.uint8)},
            r"x has shape \(5, 20, 20\): 28x28 or 32x32 pixels in 1 or 3 channels are supported",
        ),
        ({"x": np.zeros((5, 28, 32), np.uint8)}, r"x has shape \(5, 28, 32\)"),
        ({"x": np.zeros((5, 2, 28, 28), np.uint8)}, r"x has shape \(5, 2, 28, 28\)"),
        ({"x": np.zeros((5, 784), np.uint8)}, r"x has shape \(5, 784\)"),
        ({"x": np.zeros((0, 28, 28), np.uint8)}, "x is empty: at least one picture is needed"),
        ({"x": np.full((2, 28, 28), np.nan)}, r"x holds 1568 pixels that are not numbers \(NaN\)"),
        (
            {"x": np.full((2, 28, 28), 1.5)},
            r"x holds floats from 1\.5 to 1\.5: pixels as floats must be from 0 to 1",
        ),
        ({"x": np.full((2, 28, 28), -0.1)}, r"x holds floats from -0\.1"),
        (
            {"x": np.full((2, 28, 28), 300)},
            "x holds pixels from 300 to 300: whole numbers from 0 to 255",
        ),
        ({"x": np.full((2, 28, 28), "a")}, "x is <U1: bytes from 0 to 255, or floats"),
        ({"p": GREY, "q": GREY}, "has no array x_train, x or images, nor one alone: it holds p, q"),
        (
            {"x": GREY, "y": LABELS[:4]},
            r"y is int64 of shape \(4,\): 6 whole numbers, one a picture, are needed \(--no-labels",
        ),
        ({"x": GREY, "y": LABELS / 2}, "y is float64 of shape"),
        (
            {"x": GREY, "y": LABELS - 2},
            "y reaches from -1 to 7: labels from 0 to 4095 are supported",
        ),
        ({"x": GREY, "y": LABELS + 4090}, "y reaches from 4091 to 4099"),
    ],
)
def test_what_cannot_be_compressed_is_refused_in_a_sentence(tmp_path, arrays, message):
    with pytest.raises(ValueError, match=message):
        read_pictures(saved(tmp_path, **arrays))


def test_missing_damaged_pickled_and_locked_files_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.npz is not there"):
        read_pictures(tmp_path / "none.npz")
    with pytest.raises(FileNotFoundError, match="is a folder"):
        read_pictures(tmp_path)
    path = saved(tmp_path, x=GREY)
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(ValueError, match="is truncated or damaged"):
        read_pictures(path)
    np.savez(path, x=np.array([{"a": 1}], dtype=object))
    with pytest.raises(ValueError, match="pickles are never opened"):
        read_pictures(path)
    with pytest.raises(
        ValueError,
        match=(
            r"some\.npz is protected by a password, and is not opened: an \.npz archive of plain"
            r" arrays"
        ),
    ):
        read_pictures(locked(path, x=GREY))


def test_files_that_claim_too_much_or_hold_no_arrays_are_refused_in_a_sentence(
    tmp_path, monkeypatch
):
    path, needed = tmp_path / "some.npz", r"an \.npz archive of plain arrays is needed"
    for spoilt, what in (
        (lambda: claiming(path, x=(10**14, 28, 28)), "claims that x is float64 1"),
        (lambda: holding(path, "x.png", b"A picture."), r"holds x\.png, which is no array"),
        (lambda: path.write_text("x = 3"), "is neither an archive of arrays"),
    ):
        spoilt()
        with pytest.raises(ValueError, match=rf"some\.npz {what}.*: {needed}"):
            read_pictures(path)

    def forbidden(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(archives, "open", forbidden, raising=False)
    with pytest.raises(ValueError, match=rf"cannot be read \(Permission denied\): {needed}"):
        read_pictures(path)
