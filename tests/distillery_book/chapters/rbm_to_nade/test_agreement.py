"""Trained students beside the machine they learned from: what is measured, and that what is shown
is there.
"""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from distillery.models.files import contents
from distillery.models.nade import NADE
from distillery.models.rbm import RBM
from distillery.partition import every_state
from distillery_book.chapters.rbm_to_nade import agreement
from distillery_book.results import store
from distillery_book.results.records import results_folder
from distillery_book.results.study import Context, Outcome


def test_equal_log_probabilities_agree_wholly() -> None:
    theirs = torch.tensor([-3.0, -1.0, -8.0], dtype=torch.float64)
    found = agreement.agreement(theirs, theirs)
    assert found == pytest.approx(
        {"log_prob": -4.0, "correlation": 1.0, "rms": 0.0, "gap": 0.0, "lower": 0.0}
    )


def test_a_student_two_nats_below_is_two_nats_off_everywhere_and_still_correlated() -> None:
    theirs = torch.tensor([-3.0, -1.0, -8.0], dtype=torch.float64)
    found = agreement.agreement(theirs, theirs - 2)
    assert found == pytest.approx(
        {"log_prob": -6.0, "correlation": 1.0, "rms": 2.0, "gap": -2.0, "lower": 1.0}
    )
    assert agreement.agreement(theirs, torch.tensor([-3.0, -4.0, -8.0]).double())[
        "gap"
    ] == pytest.approx(-1.0)


def test_shades_keep_sign_and_place_of_the_largest_weight() -> None:
    features = torch.randn(70, 9, generator=torch.Generator().manual_seed(0))
    shades = agreement.shades(features)
    assert (shades.shape, shades.dtype) == ((agreement.PICTURES, 9), torch.uint8)
    signed = shades.int() - 128
    assert torch.equal(
        signed.abs().amax(1), torch.full((agreement.PICTURES,), 127, dtype=torch.int32)
    )
    largest = features[: agreement.PICTURES].abs().argmax(1, keepdim=True)
    assert torch.equal(
        signed.gather(1, largest).abs(), torch.full((agreement.PICTURES, 1), 127, dtype=torch.int32)
    )
    assert bool((signed.sign() * features[: agreement.PICTURES].sign() >= 0).all())
    assert torch.equal(
        agreement.shades(torch.zeros(1, 4)), torch.full((1, 4), 128, dtype=torch.uint8)
    )


def test_long_runs_end_where_the_machine_is_likely() -> None:
    machine = RBM.from_arrays(
        torch.zeros(6, 2), torch.tensor([9.0, -9.0, 9.0, -9.0, 9.0, -9.0]), torch.zeros(2)
    )
    ends = agreement.long_run(machine, 1, rng=torch.Generator().manual_seed(0))
    assert (ends.shape, ends.dtype) == ((agreement.PICTURES, 6), torch.uint8)
    likely = every_state(6)[machine.log_density(every_state(6)).argmax()]
    assert (ends == likely).float().mean().item() > 0.98  # each bit errs with probability 0.0001


@pytest.fixture
def smoke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Outcome:
    """The smoke run, of a machine and a student that nobody has trained."""
    rng = torch.Generator().manual_seed(0)
    machine, student = RBM(784, 3, rng=rng), NADE(784, 70, rng=rng)
    (cell,) = agreement.cells("smoke")
    monkeypatch.setattr(agreement, "teacher", lambda name, images, context: machine)
    monkeypatch.setattr(
        agreement,
        "students",
        lambda cell, machine, context: {cell.params["students"]: student},
    )
    return agreement.run(cell, Context("smoke", torch.device("cpu"), None, tmp_path))


def test_the_smoke_run_shows_student_and_machine(smoke: Outcome) -> None:
    shown = ["images", "machine_features", "machine_samples", "tiny_features", "tiny_samples"]
    assert sorted(smoke.arrays) == sorted([*shown, "machine", "tiny"])
    assert {smoke.arrays[name].dtype for name in shown} == {torch.uint8}
    assert bool((smoke.arrays["images"] <= 1).all())
    found = agreement.agreement(smoke.arrays["machine"].double(), smoke.arrays["tiny"].double())
    assert {f"{name}_tiny": value for name, value in found.items()} == pytest.approx(
        {name: value for name, value in smoke.metrics.items() if name != "machine"}, rel=1e-4
    )
    assert abs(smoke.metrics["machine"] + 784 * math.log(2)) < 20  # nearly fair coins


def test_what_is_recorded_fits_into_the_budget_of_a_study(smoke: Outcome) -> None:
    each = {name: array.numel() * array.element_size() for name, array in smoke.arrays.items()}
    student = sum(size for name, size in each.items() if name.startswith("tiny"))
    students = [len(str(cell.params["students"]).split()) for cell in agreement.cells("paper")]
    assert (
        len(students) * (sum(each.values()) - student) + sum(students) * (student + 4 * 500)
        < 2_000_000
    )


def test_every_trained_student_stands_in_the_cell_of_its_weights() -> None:
    for profile in ("laptop", "paper"):
        found = {
            name: cell.data
            for cell in agreement.cells(profile)
            for name in str(cell.params["students"]).split()
        }
        folder = results_folder()
        recorded = store.recorded_weights(folder)
        assert len(found) == 9
        for name, data in found.items():
            path = store.weights_path(recorded[data.split("weights:")[1]], folder)
            assert name in contents(path).models
    assert {cell.data for cell in agreement.cells("smoke")} == {"embedded:digits_binarized"}
