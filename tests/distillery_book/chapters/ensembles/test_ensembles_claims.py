"""The tests of the thesis' claims, on records made for them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import pytest

from distillery_book.chapters.ensembles import claims, ensembles, grid
from distillery_book.chapters.ensembles.claims import SLOPES, TESTS, VALUES
from distillery_book.results.claims import FAILS, HOLDS, UNDECIDED, judge
from distillery_book.results.records import Record
from distillery_book.results.results import Results
from made_records import keep, made

Metrics = Mapping[str, float]


def run(generator: str, share: str, seed: int, metrics: Metrics) -> Record:
    cell = grid.thesis("paper", generator, share, seed=seed)
    return made(
        study="ensembles",
        params=cell.params,
        seed=seed,
        data="mnist",
        version=ensembles.STUDY.version,
        metrics=dict(metrics),
    )


def results(folder: Path, *runs: Record) -> Results:
    folder.mkdir(exist_ok=True)
    keep(list(runs), folder)
    return Results(folder, [ensembles.STUDY])


def found(key: str, results: Results) -> str:
    differences = list(TESTS[key](results))
    return judge(min(differences, key=lambda gap: gap.value)) if differences else "not run"


def test_slopes_that_win_every_run_hold_and_one_lost_run_of_three_leaves_them_undecided(
    tmp_path: Path,
) -> None:
    won = [run("mnist", "10pct", n, {"accuracy_gain_of_slopes": 0.014 + n / 1e3}) for n in range(3)]
    assert found("ensembles_slopes_when_few", results(tmp_path / "a", *won)) == HOLDS
    lost = run("mnist", "10pct", 2, {"accuracy_gain_of_slopes": -0.095})
    assert found("ensembles_slopes_when_few", results(tmp_path / "b", *won[:2], lost)) == UNDECIDED


def test_values_beat_slopes_where_the_recorded_gain_of_slopes_is_negative_on_all_generators(
    tmp_path: Path,
) -> None:
    lost = {"accuracy_gain_of_slopes": -0.01, "accuracy_gain_of_slopes_se": 0.001}
    both = [run(name, "all", 0, lost) for name in ("mnist", "nade")]
    assert found("ensembles_values_when_plenty", results(tmp_path / "a", *both)) == "not run"
    noise = [run("noise", "all", n, {"accuracy_gain_of_slopes": -0.2 - n / 1e3}) for n in range(3)]
    assert found("ensembles_values_when_plenty", results(tmp_path / "b", *both, *noise)) == HOLDS


def test_one_run_on_noise_decides_nothing_however_small_its_error_over_images(
    tmp_path: Path,
) -> None:
    one = run("noise", "all", 0, {f"accuracy_{VALUES}": 0.9, f"accuracy_{VALUES}_se": 1e-4})
    assert found("ensembles_noise_nine_in_ten", results(tmp_path / "a", one)) == UNDECIDED
    lost = {"accuracy_gain_of_slopes": -0.2, "accuracy_gain_of_slopes_se": 1e-4}
    each = [run(name, "all", 0, lost) for name in grid.GENERATORS]
    [on_images, on_nade, on_noise] = TESTS["ensembles_values_when_plenty"](
        results(tmp_path / "b", *each)
    )
    assert [judge(gap) for gap in (on_images, on_nade, on_noise)] == [HOLDS, HOLDS, UNDECIDED]


def test_what_a_cut_costs_is_paired_over_seeds_and_one_seed_has_the_errors_of_all_four(
    tmp_path: Path,
) -> None:
    def both(value: float) -> Metrics:
        return {f"accuracy_{VALUES}": value, f"accuracy_{VALUES}_se": 0.001}

    runs = [
        run("mnist", "all", 0, both(0.975)),
        run("mnist", "10pct", 0, both(0.945)),
        run("nade", "all", 0, both(0.977)),
        run("nade", "10pct", 0, both(0.960)),
    ]
    (gap,) = TESTS["ensembles_nade_loses_less"](results(tmp_path, *runs))
    assert gap.value == pytest.approx(1.3)
    assert gap.error == pytest.approx(0.1 * math.sqrt(4))
    assert gap.n == 1


@pytest.mark.parametrize(("values", "verdict"), [(0.9760, HOLDS), (0.9860, FAILS)])
def test_alike_is_nearer_than_half_a_point_on_either_side(
    values: float, verdict: str, tmp_path: Path
) -> None:
    def scores(value: float) -> Metrics:
        metrics = {}
        for loss in (VALUES, SLOPES):
            metrics |= {f"accuracy_{loss}": value, f"accuracy_{loss}_se": 1e-4}
        return metrics

    runs = [run("mnist", "all", 0, scores(0.9755)), run("nade", "all", 0, scores(values))]
    assert found("ensembles_nade_alike_when_plenty", results(tmp_path, *runs)) == verdict


def test_as_good_as_labels_counts_the_cases_that_are_not_clearly_worse(tmp_path: Path) -> None:
    def gains(values: float, slopes: float) -> Metrics:
        metrics = {}
        for loss, gain in ((VALUES, values), (SLOPES, slopes)):
            metrics |= {f"accuracy_gain_{loss}": gain, f"accuracy_gain_{loss}_se": 0.001}
        return metrics

    places = [(name, share) for name in ("mnist", "nade") for share in ("all", "10pct")]
    runs = [run(*place, 0, gains(0.01, -0.01)) for place in places]
    (gap,) = TESTS["ensembles_as_good_as_labels"](results(tmp_path, *runs))
    assert (gap.value, gap.n) == (0, 8)


def test_the_teacher_of_students_trained_by_adam_is_not_that_of_the_thesis() -> None:
    assert "start" not in claims.teacher_of_adam().where
    assert claims.accuracy("mnist", "all").where["start"] == "unit"
