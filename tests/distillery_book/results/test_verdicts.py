from __future__ import annotations

import math
from dataclasses import replace

import pytest

from distillery_book.results import published, verdicts
from distillery_book.results.verdicts import Recorded
from made_records import TABLE, made, seeds

REAL = {"inputs": "real"}
FOUND = Recorded(
    value=0.0,
    spread=None,
    error=None,
    n=1,
    profile="paper",
    data="mnist",
    seconds=1.0,
    departures={},
    study="made",
)


def cell(
    direction: str = "higher",
    *,
    tolerance: float = 0.5,
    error: float | None = None,
    runs: int | None = None,
    value: float = 90.0,
    **facts: object,
) -> published.Cell:
    """A published 90, higher being better unless said otherwise, on which any difference hangs."""
    given = {"direction": direction, "tolerance": tolerance, "effect": math.inf, **facts}
    column = replace(published.table(TABLE).columns["real"], **given)  # type: ignore[arg-type]
    return published.Cell("table", {}, column, value, f"{value:.2f}", error, error, runs)


def found(value: float, **changes: object) -> Recorded:
    return replace(FOUND, value=value, **changes)  # type: ignore[arg-type]


def test_nothing_recorded_is_not_run() -> None:
    assert verdicts.judge(cell(), None) == "not run"


@pytest.mark.parametrize(
    ("value", "verdict"), [(89.4, "misses"), (89.5, "agrees"), (90.5, "agrees"), (90.6, "beats")]
)
def test_without_errors_the_tolerance_decides(value: float, verdict: str) -> None:
    assert verdicts.judge(cell(), found(value)) == verdict


@pytest.mark.parametrize(("value", "verdict"), [(89.4, "beats"), (90.6, "misses")])
def test_where_lower_is_better_lower_beats(value: float, verdict: str) -> None:
    assert verdicts.judge(cell("lower"), found(value)) == verdict


@pytest.mark.parametrize("value", [89.4, 90.6])
def test_what_has_no_better_side_cannot_be_beaten(value: float) -> None:
    assert verdicts.judge(cell("none"), found(value)) == "differs"


@pytest.mark.parametrize(
    ("gap", "better", "is_helped", "verdict"),
    [
        (1.0, "higher", False, "agrees"),
        (-1.0, "none", True, "agrees"),
        (1.1, "higher", False, "beats"),
        (1.1, "higher", True, "agrees"),
        (1.1, "lower", False, "misses"),
        (-1.1, "lower", False, "beats"),
        (-1.1, "higher", True, "misses"),
        (1.1, "none", False, "differs"),
    ],
)
def test_a_verdict_is_decided_by_gap_margin_better_side_and_help_alone(
    gap: float, better: published.Direction, is_helped: bool, verdict: str
) -> None:
    assert verdicts.decide(gap, 1.0, better, is_helped=is_helped) == verdict


def test_two_combined_standard_errors_agree() -> None:
    assert verdicts.margin(cell(error=0.3), found(0.0, error=0.4)) == pytest.approx(1.0)
    assert verdicts.judge(cell(error=0.3), found(89.01, error=0.4)) == "agrees"
    assert verdicts.judge(cell(error=0.3), found(88.99, error=0.4)) == "misses"


def test_the_printed_error_on_the_side_of_the_recorded_value_counts() -> None:
    uneven = replace(cell("none", tolerance=0.0), below=0.5, above=0.1)
    assert verdicts.judge(uneven, found(89.1)) == "agrees"
    assert verdicts.judge(uneven, found(90.9)) == "differs"


def test_runs_whose_scatter_is_not_printed_scatter_as_ours_do() -> None:
    assert verdicts.margin(
        cell(runs=4, tolerance=0), found(0.0, spread=1.0, error=0.5)
    ) == pytest.approx(2 * math.hypot(0.5, 0.5))
    assert verdicts.margin(
        cell(runs=None, tolerance=0), found(0.0, spread=1.0, error=0.5)
    ) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("value", "verdict"),
    [(89.0, "misses, reduced"), (90.0, "agrees, reduced"), (91.0, "beats, reduced")],
)
def test_departures_make_a_verdict_reduced(value: float, verdict: str) -> None:
    assert verdicts.judge(cell(), found(value, departures={"passes": [500, 20]})) == verdict


def test_a_departure_that_helps_cannot_beat() -> None:
    assert (
        verdicts.judge(cell(), found(91.0, departures={"passes": [20, 500]})) == "agrees, reduced"
    )
    assert (
        verdicts.judge(cell(), found(89.0, departures={"passes": [20, 500]})) == "misses, reduced"
    )


def test_one_helping_departure_among_harmless_ones_is_enough() -> None:
    assert (
        verdicts.judge(cell(), found(91.0, departures={"passes": [500, 20], "bits": [38, 62]}))
        == "agrees, reduced"
    )


@pytest.mark.parametrize(
    ("departures", "helps"),
    [
        ({}, False),
        ({"passes": [500, 20]}, False),
        ({"passes": [20, 500]}, True),
        ({"seeds": [5, 3]}, False),
        ({"precision": ["float32", "bfloat16"]}, False),
        ({"optimizer": ["SGD", "Adam"]}, True),
        ({"temperature": [1.0, 0.5]}, True),  # a temperature may help either way
        ({"temperature": [1.0, 3.0]}, True),
        ({"nade_passes": [10, 3]}, False),
        ({"phase of the moon": [1, 0]}, True),  # not listed, so it may
        ({"passes": [None, 20]}, True),  # the paper does not say
        ({"optimizer": ["SGD", "SGD"]}, False),
    ],
)
def test_a_departure_helps_if_it_is_known_to_or_not_known_not_to(
    departures: dict[str, list[object]], helps: bool
) -> None:
    assert verdicts.may_help(departures) is helps


EFFECT = 1.0  # what the conclusion of the made table hangs on
VALUES = (80.0, 88.9, 89.6, 90.0, 90.4, 91.2, 99.0)
ERRORS = (0.05, 0.4, 0.5, 0.51, 1.0, 4.0)
WORDS = ("higher", "lower", "none")


def test_an_interval_wider_than_the_effect_neither_agrees_nor_beats() -> None:
    table = cell(effect=EFFECT)
    assert verdicts.judge(table, found(90.2, error=0.5)) == "agrees"
    assert verdicts.judge(table, found(90.2, error=0.51)) == "undecided"
    assert verdicts.judge(table, found(99.0, error=0.51)) == "undecided"
    assert verdicts.judge(table, found(80.0, error=0.51)) == "misses"


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("direction", WORDS)
def test_a_wider_spread_never_turns_undecided_into_agrees_or_beats(
    value: float, direction: str
) -> None:
    table = cell(direction, effect=EFFECT)
    words = [verdicts.judge(table, found(value, error=error)) for error in ERRORS]
    first = words.index("undecided") if "undecided" in words else len(words)
    assert set(words[first:]) <= {"undecided"}
    assert {"agrees", "beats"}.isdisjoint(words[first:])


@pytest.mark.parametrize("error", [0.05, 5.0])
@pytest.mark.parametrize("value", [-0.01, -0.3, -4.0])
def test_opposite_signs_never_agree_where_the_sign_is_the_finding(
    value: float, error: float
) -> None:
    gain = cell("none", value=0.2, signed=True)
    assert verdicts.judge(gain, found(value, error=error)) in ("undecided", "differs")
    assert verdicts.judge(cell("none", value=0.2, signed=True), found(0.3)) == "agrees"


DEPARTURES = [
    {"passes": [500, 20]},
    {"passes": [20, 500]},
    {"optimizer": ["SGD", "Adam"]},
    {"seeds": [5, 3]},
    {"phase of the moon": [1, 0]},
]
RANKS = {"misses": 0, "differs": 0, "undecided": 1, "agrees": 2, "beats": 3}


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("direction", WORDS)
def test_adding_a_departure_never_improves_a_verdict(value: float, direction: str) -> None:
    table = cell(direction, effect=EFFECT)
    for error in ERRORS:
        for one in [{}, *DEPARTURES]:
            before = verdicts.judge(table, found(value, error=error, departures=one))
            for other in (other for other in DEPARTURES if other.keys() != one.keys()):
                both = {**one, **other}
                after = verdicts.judge(table, found(value, error=error, departures=both))
                assert RANKS[_word(after)] <= RANKS[_word(before)]


@pytest.mark.parametrize("value", VALUES)
def test_a_helping_departure_never_beats(value: float) -> None:
    for direction in WORDS:
        judged = verdicts.judge(cell(direction), found(value, departures={"passes": [20, 500]}))
        assert _word(judged) != "beats"


def _word(verdict: str) -> str:
    return verdict.removesuffix(verdicts.REDUCED)


def test_a_number_that_is_arithmetic_alone_counts_for_nothing() -> None:
    for value in VALUES:
        assert verdicts.judge(cell(by_definition=True), found(value)) == "by definition"
    assert verdicts.judge(cell(by_definition=True), None) == "not run"


def test_a_number_that_calibrates_judges_nothing() -> None:
    for value in VALUES:
        assert verdicts.judge(cell(), found(value, calibrates=True)) == "calibrates"


def test_an_estimator_that_doubts_itself_is_at_most_undecided() -> None:
    for value, verdict in ((90.0, "undecided"), (99.0, "undecided"), (80.0, "misses")):
        assert verdicts.judge(cell(), found(value, is_doubted=True)) == verdict


@pytest.mark.parametrize("direction", WORDS)
def test_fewer_runs_than_a_table_needs_decide_nothing_on_either_side(direction: str) -> None:
    table = cell(direction, runs_needed=3)
    for value in VALUES:
        assert verdicts.judge(table, found(value, n=2)) == "undecided"
    words = {verdicts.judge(table, found(value, n=3)) for value in VALUES}
    assert words >= {"agrees", "differs" if direction == "none" else "beats"}


def test_what_two_numbers_owe_to_the_same_test_images_is_counted_once() -> None:
    ours = found(0.0, error=0.4)
    assert verdicts.margin(cell(error=0.3, tolerance=0), ours) == pytest.approx(1.0)
    same = cell(error=0.3, tolerance=0, same_images=True)
    assert verdicts.margin(same, ours) == pytest.approx(0.8)


def test_over_the_same_images_three_runs_are_as_exact_as_their_scatter() -> None:
    same = cell(effect=EFFECT, same_images=True)
    assert verdicts.judge(same, found(90.2, error=0.6, n=1)) == "undecided"
    assert verdicts.judge(same, found(90.2, error=0.6, spread=0.1, n=2)) == "undecided"
    assert verdicts.judge(same, found(90.2, error=0.6, spread=0.1, n=3)) == "agrees"


def test_where_no_error_is_known_half_the_tolerance_stands_for_it() -> None:
    assert verdicts.own_error(cell(tolerance=0.5), found(0.0)) == 0.25
    assert verdicts.judge(cell(tolerance=2.0, effect=EFFECT), found(90.0)) == "undecided"


def test_runs_that_warned_of_their_answer_are_doubted() -> None:
    def doubted(warnings: float) -> bool:
        runs = [made(metrics={"accuracy": 0.9, "accuracy_warnings": warnings})]
        mean = verdicts.recorded(runs, "accuracy", where=REAL)
        assert mean is not None
        return mean.is_doubted

    assert doubted(2.0)
    assert not doubted(0.0)


def test_the_mean_over_seeds_has_their_spread_and_its_error() -> None:
    one = verdicts.recorded(seeds(0.97, 0.98, 0.99), "accuracy", where=REAL, scale=100)
    assert one is not None
    assert one.value == pytest.approx(98.0)
    assert one.spread == pytest.approx(1.0)
    assert one.error == pytest.approx(1 / math.sqrt(3))
    assert (one.n, one.profile, one.data, one.seconds) == (3, "paper", "mnist", 30.0)


def test_one_run_has_no_spread_and_only_the_error_it_recorded() -> None:
    alone = verdicts.recorded(seeds(0.97), "accuracy", where=REAL)
    assert alone is not None
    assert alone.spread is None
    assert alone.error is None
    told = verdicts.recorded(
        [made(metrics={"accuracy": 0.97, "accuracy_se": 0.002})], "accuracy", where=REAL, scale=-100
    )
    assert told is not None
    assert told.error == pytest.approx(0.2)


def test_the_larger_of_the_errors_over_seeds_and_over_examples_counts() -> None:
    runs = [
        made(seed=seed, metrics={"accuracy": 0.97 + 0.001 * seed, "accuracy_se": 0.002})
        for seed in range(2)
    ]
    one = verdicts.recorded(runs, "accuracy", where=REAL)
    assert one is not None
    assert one.error == pytest.approx(0.002)


def test_stand_ins_and_smoke_runs_answer_nothing() -> None:
    runs = [
        made(data="embedded:digits"),
        made(data="cifar100+embedded:scenes"),
        made(profile="smoke"),
    ]
    assert verdicts.recorded(runs, "accuracy", where=REAL) is None


def test_paper_comes_before_laptop() -> None:
    runs = [
        *seeds(0.9, 0.9, profile="laptop", params={"inputs": "real", "passes": 20}),
        *seeds(0.8, params={"inputs": "real", "passes": 500}),
    ]
    one = verdicts.recorded(runs, "accuracy", where=REAL)
    assert one is not None
    assert (one.value, one.profile, one.n) == (0.8, "paper", 1)


def test_seeds_of_one_setting_are_averaged_whatever_profile_ran_them() -> None:
    one = verdicts.recorded(
        [*seeds(0.9, profile="laptop"), made(seed=1, metrics={"accuracy": 0.8})],
        "accuracy",
        where=REAL,
    )
    assert one is not None
    assert one.n == 2


def test_runs_that_differ_in_more_than_the_seed_are_never_averaged() -> None:
    runs = [made(params={"inputs": "real", "rate": rate}) for rate in (0.001, 0.0001)]
    with pytest.raises(ValueError, match=r"differ in rate \(0.001, 0.0001\)"):
        verdicts.recorded(runs, "accuracy", where=REAL)


def test_a_run_without_the_metric_answers_nothing() -> None:
    assert verdicts.recorded(seeds(0.9), "loss", where=REAL) is None


def test_departures_of_all_runs_are_told() -> None:
    one = verdicts.recorded(
        [made(departures={"passes": [500, 20]}), made(seed=1, departures={"seeds": [5, 2]})],
        "accuracy",
        where=REAL,
    )
    assert one is not None
    assert one.departures == {"passes": [500, 20], "seeds": [5, 2]}


@pytest.mark.parametrize(("value", "verdict"), [(99.2, "met"), (99.1, "not met")])
def test_an_aim_is_met_at_its_value(value: float, verdict: str) -> None:
    aim = published.aims()["distillation_100x"]
    assert verdicts.judge_aim(aim, found(value)) == verdict
    assert (
        verdicts.judge_aim(aim, found(value, departures={"passes": [2, 1]}))
        == f"{verdict}, reduced"
    )
    assert (
        verdicts.judge_aim(
            aim, found(value, departures={"passes": [1, 2], "optimizer": ["adadelta", "adam"]})
        )
        == verdict
    )
    assert verdicts.judge_aim(aim, None) == "not run"


def test_a_low_aim_is_met_below() -> None:
    assert verdicts.judge_aim(published.aims()["logz_error"], found(0.009)) == "met"


def test_a_difference_is_paired_over_the_seeds_that_both_have() -> None:
    ours, others = seeds(0.5, 0.7, 0.9), seeds(0.4, 0.5)
    gap = verdicts.difference(ours, others, "accuracy", scale=100)
    assert gap.value == pytest.approx(15)
    assert gap.n == 2
    assert gap.error == pytest.approx(5)
    assert verdicts.difference(ours[2:], others, "accuracy") is None


def test_the_difference_of_one_pair_has_the_errors_of_both() -> None:
    ours, other = (made(metrics={"accuracy": value, "accuracy_se": 0.03}) for value in (0.5, 0.4))
    gap = verdicts.difference([ours], [other], "accuracy")
    assert (gap.n, gap.spread) == (1, None)
    assert gap.error == pytest.approx(0.03 * math.sqrt(2))
    alone = made(metrics={"accuracy": 0.4})
    assert verdicts.difference([ours], [alone], "accuracy").error is None
