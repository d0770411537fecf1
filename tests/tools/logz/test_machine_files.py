from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from distillery.partition import exact_log_z
from distillery.support import archives
from distillery.tools.logz.machine_files import read_bits, read_machine
from made_archives import claiming, holding, locked

W = np.random.default_rng(0).normal(size=(6, 4))
A, B = np.arange(6.0), -np.arange(4.0)


def saved(folder, **arrays):
    np.savez(folder / "machine.npz", **arrays)
    return folder / "machine.npz"


def same(machine) -> bool:
    return all(
        np.array_equal(x.detach().numpy(), y)
        for x, y in zip((machine.W, machine.a, machine.b), (W, A, B), strict=True)
    )


@pytest.mark.parametrize(
    "arrays",
    [
        {"W": W, "a": A, "b": B},
        {"w": W, "b": A, "c": B},
        {"vishid": W, "visbiases": A[None], "hidbiases": B[None]},
        {"weights": W, "visible_bias": A, "hidden_bias": B[:, None], "momentum": W},
        {"rbm.W": W, "rbm.v_bias": A, "rbm.h_bias": B},
        {"W": W.T, "b_v": A, "b_h": B},
        {"W": W, "vbias": A, "b": B},
        {"W": W, "c": A, "hbias": B},
        {"W": W, "bias_v": A, "bias_h": B, "b": B, "c": A},
        {"components_": W.T, "intercept_visible_": A, "intercept_hidden_": B},
    ],
    ids=lambda arrays: " ".join(arrays),
)
def test_names_and_orientations_in_common_use_are_understood(arrays, tmp_path):
    assert same(read_machine(saved(tmp_path, **arrays)).machine)
    save_file(
        {name: np.ascontiguousarray(value) for name, value in arrays.items()},
        tmp_path / "machine.safetensors",
    )
    assert same(read_machine(tmp_path / "machine.safetensors").machine)


def test_what_was_left_open_is_said(tmp_path):
    assert read_machine(saved(tmp_path, W=W, a=A, b=B)).notes == ()
    assert read_machine(saved(tmp_path, W=W.T, a=A, b=B)).notes == (
        "W is (hidden, visible) in the file",
    )
    (note,) = read_machine(saved(tmp_path, W=W, b=A, c=B)).notes
    assert (
        note
        == "b was taken for the visible biases, c for the hidden ones; log Z is the same either way"
    )


def test_sides_that_names_leave_open_follow_the_data_and_log_z_does_not_care(tmp_path):
    path = saved(tmp_path, W=W, b=A, c=B)
    six, four = (read_machine(path, visible=visible).machine for visible in (6, 4))
    assert (six.visible, four.visible) == (6, 4)
    assert exact_log_z(six) == pytest.approx(exact_log_z(four))
    assert (
        read_machine(saved(tmp_path, W=W, a=A, b=B), visible=4).machine.visible == 6
    )  # these names say it


@pytest.mark.parametrize(
    ("name", "turned", "said"),
    [("W", False, True), ("vishid", False, False), ("components_", True, False)],
)
def test_a_square_matrix_is_turned_as_its_name_says_else_taken_as_it_stands_and_that_is_said(
    name, turned, said, tmp_path
):
    square = W[:4]
    found = read_machine(saved(tmp_path, **{name: square, "vbias": A[:4], "hbias": B}))
    assert np.array_equal(found.machine.W.detach().numpy(), square.T if turned else square)
    assert found.notes == (
        ("W is square: it was taken as (visible, hidden); transpose it in the file if it is not",)
        if said
        else ()
    )


@pytest.mark.parametrize("dtype", ["float16", "float32", ">f8", "int32", "uint16", "longdouble"])
def test_any_type_of_number_is_read_and_becomes_double(dtype, tmp_path):
    machine = read_machine(
        saved(tmp_path, W=np.ones((6, 4), dtype), a=A.astype(dtype), b=np.zeros(4, dtype))
    ).machine
    assert machine.W.dtype == torch.float64
    assert np.array_equal(machine.a.detach().numpy(), A)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (
            {"W": W, "b": B},
            (
                r"lacks hidden biases: it holds W \(6, 4\), b \(4,\); hidden biases may be called"
                r" hbias, "
            ),
        ),
        ({"W": W, "bias": B}, "lacks visible biases"),
        (
            {"V": W, "a": A, "b": B},
            r"lacks weights: it holds V \(6, 4\), a \(6,\), b \(4,\); weights may be called w, ",
        ),
        (
            {"W": W, "weights": W, "a": A, "b": B},
            "has 2 arrays that could be the weights, W and weights: keep one",
        ),
        (
            {"W": W, "a": A[:5], "b": B},
            r"W is \(6, 4\), but a has 5 entries and b 4: \(5, 4\) or its transpose is needed",
        ),
        ({"W": W[0], "a": A, "b": B}, r"W has shape \(4,\); a matrix, not empty, is needed"),
        ({"W": W, "a": W, "b": B}, r"a has shape \(6, 4\); a vector, not empty, is needed"),
        (
            {"W": W, "a": np.where(A == 2, np.nan, A), "b": B},
            "a holds 1 entries that are not finite",
        ),
        ({"W": W, "a": A, "b": B - np.inf}, "b holds 4 entries that are not finite"),
        (
            {"W": np.array([W], object), "a": A, "b": B},
            "is a pickle, or holds one, and pickles are never opened",
        ),
        ({"names": np.array(["x"])}, "holds no arrays of numbers"),
    ],
)
def test_what_is_no_machine_is_refused_with_what_the_file_holds(arrays, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        read_machine(saved(tmp_path, **arrays))


def test_files_that_are_absent_cut_short_or_something_else_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.npz is not there"):
        read_machine(tmp_path / "none.npz")
    with pytest.raises(FileNotFoundError, match="is a folder"):
        read_machine(tmp_path)
    path = saved(tmp_path, W=W, a=A, b=B)
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(ValueError, match="is truncated or damaged"):
        read_machine(path)
    with pytest.raises(ValueError, match="is protected by a password, and is not opened"):
        read_machine(locked(path, W=W, a=A, b=B))
    np.save(tmp_path / "one.npy", W)
    with pytest.raises(ValueError, match="is a single array"):
        read_machine(tmp_path / "one.npy")
    (tmp_path / "torn.safetensors").write_bytes(b"\x00" * 20)
    with pytest.raises(ValueError, match="is not a whole safetensors file"):
        read_machine(tmp_path / "torn.safetensors")


@pytest.mark.parametrize("read", [read_bits, read_machine])
def test_files_that_claim_too_much_or_hold_no_arrays_are_refused_in_a_sentence(
    tmp_path, monkeypatch, read
):
    path, needed = tmp_path / "machine.npz", "an .npz archive of plain arrays, or a .safetensors"
    for spoilt, what in (
        (
            lambda: claiming(path, W=(10**14,), a=(1,), b=(1,)),
            r"claims that W is float64 1\d+, 800,",
        ),
        (lambda: holding(path, "README.txt", b"Weights."), r"holds README\.txt, which is no array"),
        (lambda: path.write_text("W = 3"), "is neither an archive of arrays"),
    ):
        spoilt()
        with pytest.raises(ValueError, match=rf"machine\.npz {what}.*: {needed}"):
            read(path)

    def forbidden(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(archives, "open", forbidden, raising=False)
    for name in ("machine.npz", "machine.safetensors"):
        with pytest.raises(
            ValueError, match=rf"{name} cannot be read \(Permission denied\): {needed}"
        ):
            read(tmp_path / name)


def test_data_are_rows_of_bits_under_a_known_name_or_alone(tmp_path):
    pictures = np.random.default_rng(0).integers(0, 2, (5, 2, 3), dtype=np.uint8)
    for arrays in (
        {"x_train": pictures, "x_test": pictures[:1]},
        {"data": pictures > 0, "y": A},
        {"anything": pictures.astype(float)},
    ):
        rows = read_bits(saved(tmp_path, **arrays))
        assert np.array_equal(rows.numpy(), pictures.reshape(5, 6))
    with pytest.raises(ValueError, match=r"it holds one \(5, 2, 3\), two \(5, 2, 3\)"):
        read_bits(saved(tmp_path, one=pictures, two=pictures))
    with pytest.raises(ValueError, match=r"machine\.npz: x holds 255: every entry must be 0 or 1"):
        read_bits(saved(tmp_path, x=255 * pictures))
