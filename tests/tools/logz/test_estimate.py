from __future__ import annotations

import math

import pytest
import torch

from distillery.models.rbm import RBM
from distillery.partition import both_ways, exact_log_z, starts
from distillery.partition.enumeration import every_state
from distillery.tools.logz import estimate as logz
from distillery.tools.logz import student as logz_student
from distillery.tools.logz.estimate import log_z

WAYS = ("ais", "bridge", "importance", "bounds")


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def drawn(seed: int = 0) -> RBM:
    rng = generator(seed)
    return RBM.from_arrays(
        *(
            torch.randn(shape, generator=rng, dtype=torch.float64)
            for shape in ((12, 8), (12,), (8,))
        )
    )


def blocks() -> torch.Tensor:
    """Three blocks of four pixels, each on or off as a whole, and one pixel in ten turned over."""
    clean = every_state(3).repeat(25, 1).repeat_interleave(4, 1)
    return (clean - (torch.rand(clean.shape, generator=generator()) < 0.1).float()).abs()


def trained() -> RBM:
    machine, states, data = RBM(12, 8, rng=generator(), scale=0.1), every_state(12), blocks()
    optimizer = torch.optim.Adam(machine.parameters(), lr=0.05)
    for _ in range(100):
        optimizer.zero_grad()
        (machine.log_density(states).logsumexp(0) - machine.log_density(data).mean()).backward()
        optimizer.step()
    return machine


@pytest.fixture(autouse=True)
def little_work(monkeypatch):
    for room in (starts, both_ways, logz_student):
        monkeypatch.setattr(room, "BURN_IN", 100)
    monkeypatch.setattr(logz_student, "STEPS", 200)


@pytest.mark.parametrize("method", WAYS)
def test_every_method_covers_enumeration_on_machines_drawn_and_trained(method):
    for machine, data in ((drawn(), None), (trained(), blocks())):
        exact = exact_log_z(machine)
        report = log_z(machine, method, error=0.1, rng=generator(), data=data)
        assert report.estimate.interval[0] <= exact <= report.estimate.interval[1]
        assert report.bracket[0] <= exact <= report.bracket[1]
        assert report.method == method
        assert (report.trusted, report.warnings) == (True, ())
        assert method == "bounds" or report.estimate.error <= 0.1
        assert report.seconds > 0


def test_auto_adds_up_what_can_be_added_up_and_anneals_the_rest(monkeypatch):
    machine = drawn()
    report = log_z(machine, rng=generator())
    assert report.method == "enumeration"
    assert report.estimate.value == report.bracket[0] == exact_log_z(machine)
    assert report.estimate.error == 0
    monkeypatch.setattr(logz, "MOST", 7)
    assert log_z(machine, rng=generator()).method == "ais"


def test_the_same_seed_gives_the_same_report():
    first, second = (log_z(drawn(), "ais", rng=generator(5)) for _ in range(2))
    assert first.estimates == second.estimates


def test_when_time_is_up_the_error_reached_is_said():
    report = log_z(drawn(), "ais", error=1e-5, minutes=1e-6, rng=generator())
    (warning,) = report.warnings
    assert warning.startswith(
        f"the standard error is {report.estimate.error:.2g}, not 1e-05: another round would not fit"
        " into 1e-06 minutes"
    )
    assert (report.trusted, report.run["paths_each_way"]) == (False, 100)


@pytest.mark.parametrize("method", WAYS)
def test_the_most_that_is_tried_ends_it(method, monkeypatch):
    monkeypatch.setattr(logz, "MOST_DRAWS", 500)
    report = log_z(drawn(), method, error=1e-5, rng=generator())
    assert "the most that is tried" in report.warnings[-1]
    assert len(report.ratios["below"]) == len(report.ratios["above"]) >= 500


def two_modes() -> RBM:
    """All pixels off, or, 28 times as often, all on; no chain ever crosses."""
    return RBM.from_arrays(torch.full((12, 1), 6.0), torch.full((12,), -3.0), torch.tensor([-32.0]))


def test_directions_that_disagree_get_three_more_rounds_and_then_it_is_said():
    """Chains that begin in every state alike are too often in the smaller mode, and stay there."""
    machine = two_modes()
    report = log_z(machine, "ais", error=1.0, rng=generator(), data=every_state(12))
    assert report.run["temperatures"] == 200 * 2**3
    assert any("they disagree" in warning for warning in report.warnings)
    assert report.estimate.interval[0] <= exact_log_z(machine) <= report.estimate.interval[1]


def test_a_mode_that_hardly_a_path_finds_is_suspected_from_a_few_rows_of_data(monkeypatch):
    monkeypatch.setattr(logz, "MOST_TEMPERATURES", 200)
    data = torch.cat([torch.zeros(36, 12), torch.ones(4, 12)])
    report = log_z(two_modes(), "ais", error=1.0, rng=generator(), data=data)
    assert report.estimate.value < 1  # wrong by four nats, and quite sure of itself
    assert any(
        "hardly find" in warning or "they disagree" in warning for warning in report.warnings
    )


def test_each_round_is_remarked_on():
    told = []
    report = log_z(drawn(), "ais", rng=generator(), progress=lambda *stage: told.append(stage))
    (remark,) = [stage for stage, _, total in told if total == 0]
    assert remark.startswith("after ")
    assert remark.endswith(f" s: {logz.spread(report.estimate)}")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"method": "brigde"}, "unknown method 'brigde'; did you mean 'bridge'"),
        ({"error": 0.0}, "error is 0.0: a number above 0"),
        ({"error": math.nan}, "error is nan"),
        ({"minutes": -1.0}, "minutes is -1.0"),
        ({"method": "ais", "chains": 0}, "chains is 0: a whole number of at least 2"),
        ({"method": "bridge", "chains": 1.5}, "chains is 1.5"),
        ({"method": "ais", "temperatures": 0}, "temperatures is 0: a whole number of at least 1"),
        (
            {"method": "ais", "data": torch.full((3, 12), 0.5)},
            "data holds 0.5: every entry must be 0 or 1",
        ),
    ],
)
def test_what_cannot_be_done_is_refused_in_a_sentence(given, message):
    with pytest.raises(ValueError, match=message):
        log_z(drawn(), **{"rng": generator(), **given})


def test_what_is_no_machine_is_refused():
    with pytest.raises(TypeError, match="machine is a Linear: an RBM is needed"):
        log_z(torch.nn.Linear(3, 2), rng=generator())
