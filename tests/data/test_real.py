"""Files of real data: found where they should be, and refused in one sentence when they are not
what they should be.
"""

from __future__ import annotations

import io
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from distillery import data
from distillery.data import download
from distillery.data.forms import FORMS, check
from distillery.data.real import folder
from distillery.support import archives
from made_archives import claiming, holding, locked

NAME = "rbm_cd25_500.npz"


class Trap:
    """Unpickling this leaves a file behind."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable, tuple]:
        return Path.touch, (self.path,)


def arrays() -> dict[str, np.ndarray]:
    draw = np.random.default_rng(0)
    return {
        "W": draw.normal(size=(784, 500)),
        "a": draw.normal(size=784),
        "b": draw.normal(size=500),
    }


def write(directory: Path, **changed: np.ndarray | None) -> Path:
    kept = {name: array for name, array in (arrays() | changed).items() if array is not None}
    np.savez(directory / NAME, **kept)  # type: ignore[arg-type]
    return directory / NAME


def test_a_good_file_comes_back_bit_for_bit(tmp_path: Path) -> None:
    write(tmp_path)
    loaded = data.load_rbm(tmp_path)
    for name, array in arrays().items():
        assert torch.equal(getattr(loaded, name), torch.from_numpy(array))


def test_arrays_that_nobody_asked_for_are_left_alone(tmp_path: Path) -> None:
    plain, more = tmp_path / "plain", tmp_path / "more"
    for directory in (plain, more):
        directory.mkdir()
    write(plain)
    write(more, unknown=np.array([object()], dtype=object))
    assert data.fingerprint("rbm_cd25_500", plain) == data.fingerprint("rbm_cd25_500", more)


def test_the_folder_is_the_argument_else_the_variable_else_data(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DISTILLERY_DATA", "/somewhere")
    assert folder("here") == Path("here")
    assert folder() == Path("/somewhere")
    monkeypatch.setenv("DISTILLERY_DATA", "")
    assert folder() == Path("data")
    monkeypatch.delenv("DISTILLERY_DATA")
    assert folder() == Path("data")


DAMAGED = "truncated or damaged"


@pytest.mark.parametrize(
    ("share", "what"), [(0.0, "empty"), (0.001, DAMAGED), (0.5, DAMAGED), (0.99, DAMAGED)]
)
def test_a_truncated_file_is_refused_by_name(tmp_path: Path, share: float, what: str) -> None:
    path = write(tmp_path)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(
        data.BadDataError,
        match=(rf"{NAME} is {what}: rbm_cd25_500.npz must be .* W float64 784x500, a float64 784"),
    ):
        data.load_rbm(tmp_path)


def test_a_damaged_byte_is_noticed(tmp_path: Path) -> None:
    path = write(tmp_path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(data.BadDataError, match="truncated or damaged"):
        data.load_rbm(tmp_path)


def test_a_pickle_in_disguise_is_refused_and_never_opened(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(pickle.dumps(Trap(tmp_path / "sprung")))
    with pytest.raises(
        data.BadDataError, match=rf"{NAME} is a pickle, or holds one, and pickles are never opened"
    ):
        data.load_rbm(tmp_path)
    assert not (tmp_path / "sprung").exists()


def test_a_pickle_inside_an_archive_is_refused_and_never_opened(tmp_path: Path) -> None:
    write(tmp_path, a=np.array([Trap(tmp_path / "sprung")], dtype=object))
    with pytest.raises(data.BadDataError, match="pickles are never opened"):
        data.load_rbm(tmp_path)
    assert not (tmp_path / "sprung").exists()


def test_a_single_array_under_the_name_of_an_archive_is_refused(tmp_path: Path) -> None:
    with open(tmp_path / NAME, "wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(
        data.BadDataError, match=r"is a single array: .* must be an archive of arrays"
    ):
        data.load_rbm(tmp_path)


def test_an_archive_of_something_else_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / NAME, "w") as archive:
        archive.writestr("W.npy", "not an array")
    with pytest.raises(data.BadDataError, match="holds W, which is no array"):
        data.load_rbm(tmp_path)


def test_a_missing_array_is_named_with_what_was_expected(tmp_path: Path) -> None:
    write(tmp_path, b=None)
    with pytest.raises(
        data.BadDataError,
        match=(
            rf"{NAME} holds no array 'b'; .*must hold W float64 784x500, a float64 784, b"
            r" float64 500"
        ),
    ):
        data.load_rbm(tmp_path)


def test_a_wrong_shape_is_named_with_what_was_expected(tmp_path: Path) -> None:
    write(tmp_path, W=np.zeros((500, 784)))
    with pytest.raises(data.BadDataError, match="W is float64 500x784; expected float64 784x500"):
        data.load_rbm(tmp_path)


def test_a_wrong_dtype_is_named_with_what_was_expected(tmp_path: Path) -> None:
    write(tmp_path, a=np.zeros(784, dtype=np.float32))
    with pytest.raises(data.BadDataError, match="a is float32 784; expected float64 784"):
        data.load_rbm(tmp_path)


def test_a_number_that_is_not_finite_is_refused(tmp_path: Path) -> None:
    write(tmp_path, b=np.full(500, np.nan))
    with pytest.raises(data.BadDataError, match="b holds values that are not finite"):
        data.load_rbm(tmp_path)


@pytest.mark.parametrize("name", FORMS)
def test_each_form_accepts_what_it_describes_and_nothing_less(name: str) -> None:
    good = {key: blank(*form) for key, form in FORMS[name].arrays.items()}
    good |= {
        key: good[key] + np.ones((), good[key].dtype) * low
        for key, (low, _) in FORMS[name].within.items()
        if low
    }
    check(name, good, "file")
    for key in good:
        with pytest.raises(data.BadDataError, match=f"holds no array '{key}'"):
            check(name, {other: array for other, array in good.items() if other != key}, "file")


@pytest.mark.parametrize(
    ("name", "key"), [(name, key) for name, form in FORMS.items() for key in form.within]
)
def test_a_value_out_of_range_is_refused(name: str, key: str) -> None:
    arrays = {other: blank(*form) for other, form in FORMS[name].arrays.items()}
    low, high = FORMS[name].within[key]
    arrays |= {
        other: arrays[other] + np.ones((), arrays[other].dtype) * least
        for other, (least, _) in FORMS[name].within.items()
        if least
    }
    arrays[key] = np.broadcast_to(np.array(high + 1, dtype=arrays[key].dtype), arrays[key].shape)
    with pytest.raises(
        data.BadDataError,
        match=f"{key} runs from {high + 1} to {high + 1}; expected {low} to {high}",
    ):
        check(name, arrays, "file")


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("mnist_binarized", "fixed random binarisation"),
        ("rbm_cd25_500", "Salakhutdinov and Murray"),
    ],
)
def test_what_cannot_be_downloaded_is_asked_for_with_its_form(
    tmp_path: Path, name: str, what: str
) -> None:
    with pytest.raises(
        data.MissingDataError,
        match=rf"{name} is not in {tmp_path} and cannot be downloaded: .*{name}\.npz, .*{what}",
    ):
        data.fingerprint(name, tmp_path)


@pytest.mark.parametrize("name", download.SETS)
def test_without_a_network_one_sentence_says_what_is_missing_and_how_to_get_it(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "_asked", lambda address: OSError("Network is unreachable"))
    with pytest.raises(
        data.MissingDataError,
        match=(
            rf"{name} is not in .* \(.*: Network is unreachable\): go online once, or set"
            r" \$DISTILLERY_DATA"
        ),
    ):
        data.load(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def blank(kind: str, shape: tuple[int, ...]) -> np.ndarray:
    return np.broadcast_to(np.zeros((), dtype=kind), shape)


def test_a_file_cut_while_it_is_read_is_refused(tmp_path: Path) -> None:
    """The directory of the archive may be whole and a member short."""
    member = io.BytesIO()
    np.save(member, arrays()["W"])
    holding(tmp_path / NAME, "W.npy", member.getvalue()[:1000])
    with pytest.raises(data.BadDataError, match="claims that W is float64 784x500, 3,136,000 by"):
        data.load_rbm(tmp_path)


def test_a_file_that_claims_more_than_there_is_memory_for_is_refused(tmp_path: Path) -> None:
    claiming(tmp_path / NAME, W=(10**14,), a=(784,), b=(500,))
    with pytest.raises(
        data.BadDataError, match=r"claims that W is float64 1.*: .* must be an arch"
    ):
        data.load_rbm(tmp_path)


def test_a_file_with_a_password_is_refused(tmp_path: Path) -> None:
    locked(tmp_path / NAME, **arrays())
    with pytest.raises(data.BadDataError, match=f"{NAME} is protected by a password, and is not"):
        data.load_rbm(tmp_path)


def test_text_is_no_pickle(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text("W a b")
    with pytest.raises(data.BadDataError, match="is neither an archive of arrays"):
        data.load_rbm(tmp_path)


def forbid(*_: object, **__: object) -> None:
    raise PermissionError(13, "Permission denied")


def test_a_file_that_may_not_be_read_is_not_called_missing_nor_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path)
    monkeypatch.setattr(archives, "open", forbid, raising=False)
    with pytest.raises(data.BadDataError, match=rf"{NAME} cannot be read \(Permission denied\): "):
        data.load_rbm(tmp_path)


def test_a_folder_that_may_not_be_entered_is_not_called_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "stat", forbid)
    with pytest.raises(data.BadDataError, match=rf"{NAME} cannot be read \(Permission denied\): "):
        data.load_rbm(tmp_path)
