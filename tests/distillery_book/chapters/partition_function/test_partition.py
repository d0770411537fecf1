from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from distillery.models.files import contents
from distillery.models.rbm import RBM
from distillery.partition import Estimate, every_state, exact_log_z
from distillery_book.chapters.partition_function import annealed, partition
from distillery_book.chapters.partition_function import students as by_students
from distillery_book.chapters.partition_function.numbers import numbers
from distillery_book.results import store
from distillery_book.results.records import results_folder
from distillery_book.results.results import Results
from distillery_book.results.study import Cell, Context, Outcome
from distillery_book.running.pieces import Pieces

BITS = 8
PLAN = by_students.Plan(600, 30, at_once=250)


class Table:
    """A student that is a table of probabilities: the machine itself, flattened."""

    def __init__(self, machine: RBM, *, tempered: float = 0.8) -> None:
        self.states = every_state(BITS)
        self.log_probs = (tempered * machine.log_density(self.states)).log_softmax(0).detach()

    def log_prob(self, x: Tensor, /) -> Tensor:
        return self.log_probs[
            (x.double() @ 2.0 ** torch.arange(BITS - 1, -1, -1, dtype=torch.float64)).long()
        ]

    def sample(self, n: int, *, rng: torch.Generator) -> Tensor:
        return self.states[
            torch.multinomial(self.log_probs.exp(), n, replacement=True, generator=rng)
        ].to(torch.uint8)


@pytest.fixture(scope="module")
def machine() -> RBM:
    rng = torch.Generator().manual_seed(0)
    return RBM.from_arrays(
        *(torch.randn(shape, generator=rng) for shape in ((BITS, 6), (BITS,), (6,)))
    )


def _context(folder: Path) -> Context:
    folder.mkdir(exist_ok=True)
    return Context("smoke", torch.device("cpu"), None, folder)


def _measure(machine: RBM, folder: Path, plan: by_students.Plan = PLAN) -> Outcome:
    return by_students.measured(
        machine, {"table": Table(machine)}, plan, Pieces(_context(folder), 0, total=2.0)
    )


def _off(outcome: Outcome, name: str, truth: float) -> float:
    """How many standard errors a metric lies from the truth."""
    return (outcome.metrics[name] - truth) / outcome.metrics[f"{name}_se"]


def test_every_estimate_by_a_student_agrees_with_enumeration_within_its_error(
    machine: RBM, tmp_path: Path
) -> None:
    found, exact = _measure(machine, tmp_path), exact_log_z(machine)
    for name in ("importance", "bridge_10", "bridge", "bridge_random"):
        assert abs(_off(found, f"{name}_table", exact)) < 4
    student, target = (
        Table(machine).log_probs.double(),
        machine.log_density(every_state(BITS)).detach().double().log_softmax(0),
    )
    apart = {
        "lower": -(student.exp() * (student - target)).sum().item(),
        "upper": (target.exp() * (target - student)).sum().item(),
    }
    for name, gap in {**apart, "upper_own": apart["upper"]}.items():
        assert abs(_off(found, f"{name}_table", exact + gap)) < 4
    assert (
        found.metrics["bracket_table"]
        == found.metrics["upper_table"] - found.metrics["lower_table"]
        > 0
    )
    assert found.metrics["starts_table"] < 1e-6
    assert abs(found.metrics["memory_table"]) < 4 / 600**0.5


def test_a_run_that_was_killed_ends_as_one_that_was_not(machine: RBM, tmp_path: Path) -> None:
    whole = _measure(machine, tmp_path / "a")
    _measure(machine, tmp_path / "b")
    for path in sorted((tmp_path / "b").iterdir())[2:]:
        path.unlink()
    again = _measure(machine, tmp_path / "b")
    assert again.metrics == whole.metrics
    assert all(torch.equal(again.arrays[name], value) for name, value in whole.arrays.items())


def test_students_share_the_chains_that_start_at_random(machine: RBM, tmp_path: Path) -> None:
    plan, seen = by_students.Plan(40, 3, at_once=20), Table(machine)
    names = {"one": seen, "two": Table(machine, tempered=0.5)}
    found = by_students.measured(machine, names, plan, Pieces(_context(tmp_path), 0, total=3.0))
    assert torch.equal(
        found.arrays["at_random_one"],
        _measure(machine, tmp_path / "alone", plan).arrays["at_random_table"],
    )
    assert sorted(path.name for path in tmp_path.glob("random*")) == [
        "random-0.safetensors",
        "random-1.safetensors",
    ]


def test_the_drift_begins_at_the_lower_bound_and_ends_at_the_upper_one(
    machine: RBM, tmp_path: Path
) -> None:
    found = _measure(machine, tmp_path, by_students.Plan(100, 10))
    drift = found.arrays["drift_table"]
    assert drift[0, 0].item() == pytest.approx(found.metrics["lower_table"], rel=1e-6)
    assert drift[0, -1].item() == pytest.approx(found.metrics["upper_own_table"], rel=1e-6)
    assert drift[1, -1].item() == pytest.approx(found.metrics["upper_own_table_se"], rel=1e-5)


def test_climbing_ends_where_no_state_is_higher(machine: RBM) -> None:
    highest = machine.log_density(every_state(BITS)).max().item()
    assert by_students.highest(machine, every_state(BITS)) == pytest.approx(highest, abs=1e-5)
    start = every_state(BITS)[:1] + 1
    assert by_students.highest(machine, start) >= max(
        machine.log_density(x).item() for x in (start, torch.zeros(1, BITS))
    )


@pytest.mark.parametrize("schedule", partition.SCHEDULES)
def test_annealing_either_way_agrees_with_enumeration_within_its_error(
    machine: RBM, tmp_path: Path, schedule: str
) -> None:
    plan = annealed.Plan(schedule, 30, 600, 20, pilot=3, at_once=250)
    images = (torch.rand(50, BITS, generator=torch.Generator().manual_seed(1)) < 0.4).float()
    found, exact = (
        annealed.measured(machine, images, plan, Pieces(_context(tmp_path), 0, total=1.0)),
        exact_log_z(machine),
    )
    for name in ("forward", "reverse", "bridge"):
        assert abs(_off(found, name, exact)) < 4
    assert found.metrics["lower"] < exact < found.metrics["upper"]
    assert found.metrics["directions"] == abs(found.metrics["forward"] - found.metrics["reverse"])
    assert (
        len(found.arrays["forward"]),
        found.arrays["temperatures"][0],
        found.arrays["temperatures"][-1],
    ) == (600, 0, 1)


def test_an_end_that_does_not_exist_is_no_metric() -> None:
    found = numbers({"lower": Estimate(1.0, 2.0, 3.0, (-math.inf, 8.0), ("doubt",))}, of="nade")
    assert found == {
        "lower_nade": 1.0,
        "lower_nade_se": 2.0,
        "lower_nade_high": 8.0,
        "lower_nade_effective": 3.0,
        "lower_nade_warnings": 1,
    }


@pytest.fixture(scope="module")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> dict[object, Outcome]:
    folder = tmp_path_factory.mktemp("smoke")
    return {
        cell.params["method"]: partition.run(cell, _context(folder / str(i)))
        for i, cell in enumerate(partition.cells("smoke"))
    }


def test_the_smoke_run_agrees_with_the_exact_log_z(smoke: dict[object, Outcome]) -> None:
    exact = smoke["annealed"].metrics["exact"]
    assert exact == smoke["students"].metrics["exact"]
    for name in ("importance_tiny", "bridge_10_tiny", "bridge_tiny", "bridge_random_tiny"):
        assert abs(_off(smoke["students"], name, exact)) < 4
    for name in ("forward", "reverse", "bridge"):
        assert abs(_off(smoke["annealed"], name, exact)) < 4
    assert smoke["students"].metrics["lower_tiny"] < exact < smoke["students"].metrics["upper_tiny"]
    assert smoke["students"].departures == {"samples": [10_000, 1000], "burn_in": [2000, 100]}


def test_the_smoke_run_needs_neither_recorded_weights_nor_real_data() -> None:
    assert {cell.data for cell in partition.cells("smoke")} == {partition.STAND_IN}


def test_every_student_is_a_model_of_the_weights_that_its_cell_declares() -> None:
    folder = results_folder()
    recorded = store.recorded_weights(folder)
    for weights, name in partition.STUDENTS:
        assert name in contents(store.weights_path(recorded[weights], folder)).models
    for profile in ("laptop", "paper"):
        own = [
            cell
            for cell in partition.cells(profile)
            if cell.params["method"] == "students" and cell.data != partition.OWN
        ]
        named = [
            (cell.data.split("weights:")[1], name)
            for cell in own
            for name in str(cell.params["students"]).split()
        ]
        assert sorted(named) == sorted(partition.STUDENTS)
        assert len({cell.data for cell in own}) == len(own)


def test_a_machine_of_ones_own_meets_both_methods_at_every_size() -> None:
    for profile in ("laptop", "paper"):
        assert {
            cell.params["method"] for cell in partition.cells(profile) if cell.data == partition.OWN
        } == {"students", "annealed"}


def test_students_are_those_of_the_weights_that_the_cell_is_given(
    machine: RBM, tmp_path: Path
) -> None:
    context = Context(
        "paper",
        torch.device("cpu"),
        None,
        tmp_path,
        declared={"rbm_cd25_500": "0", "weights:nade-kl": "7"},
        read_models=lambda fingerprint: {
            name: torch.nn.Flatten(int(fingerprint)) for name in ("nade-250", "nade-500")
        },
    )
    cell = Cell({}, 0, f"{partition.MACHINE}+weights:nade-kl")
    found = partition.students(cell, machine, ["nade-500"], context)
    assert (list(found), found["nade-500"].start_dim, found["nade-500"].training) == (
        ["nade-500"],
        7,
        False,
    )
    with pytest.raises(ValueError, match="unknown recorded model 'nade-9'"):
        partition.students(cell, machine, ["nade-9"], context)


def test_every_answer_and_aim_has_its_place_among_the_published_numbers(tmp_path: Path) -> None:
    cells = Results(tmp_path, [partition.STUDY]).cells
    published = cells[cells["table"].str.startswith("thesis_logz")]
    places = {
        (table, *keys, column)
        for table, keys, column in published[["table", "keys", "column"]].to_numpy()
    }
    assert places == {
        (answer.table, *answer.row.values(), answer.column) for answer in partition.answers()
    }


def test_answers_and_aims_ask_for_cells_and_metrics_that_the_paper_profile_has() -> None:
    cells = partition.cells("paper")
    asked = [answer.where for answer in partition.answers()] + [
        where for _, _, where in partition.STUDY.aims
    ]
    for where in asked:
        assert any(
            all(
                {**cell.params, "data": cell.data}.get(name) == value
                for name, value in where.items()
            )
            for cell in cells
        )


def test_bounds_close_over_more_numbers_of_temperatures_than_schedules_are_compared_at() -> None:
    cells = [cell for cell in partition.cells("paper") if cell.data == partition.REAL]
    by_friction = [cell.params for cell in cells if cell.params.get("schedule") == "friction"]
    numbers = [params["temperatures"] for params in by_friction]
    assert sorted(numbers) == sorted(
        [*partition.CLOSING, *partition.TEMPERATURES, partition.FINEST.temperatures]
    )
    assert len({str(cell) for cell in cells}) == len(cells)
