from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from distillery import data
from distillery.generators.resample import Resample, as_unit
from distillery.losses import DerivativeSquareError
from distillery.models.autoencoder import CategoricalAutoencoder
from distillery.models.mlp import MLP
from distillery.protocols import Batch
from distillery.teachers.ensemble import ensemble
from distillery_book.chapters.ensembles import ensembles, grid, parts, pictures, students
from distillery_book.chapters.ensembles.ladder import CLAIMED, LADDER
from distillery_book.chapters.ensembles.parts import Parts, Sizes
from distillery_book.results import published
from distillery_book.results.store import ARRAYS_BYTES, pack
from distillery_book.results.study import Cell, Context, Outcome

TINY = Sizes(2, 1, (784, 6, 5, 10), (784, 5, 4, 10), 3, 1)


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tenth of the stand-in digits, and smaller networks than the smoke run's."""
    load = data.load

    def few(name: str) -> data.Images:
        images = load(name)
        return replace(
            images,
            x_train=images.x_train[:200],
            y_train=images.y_train[:200],
            x_test=images.x_test[:100],
            y_test=images.y_test[:100],
        )

    monkeypatch.setattr(data, "load", few)
    monkeypatch.setattr(grid, "SMALL", TINY)


def cell(
    generator: str = "mnist",
    losses: str = "cross_entropy derivative",
    **changed: bool | int | float | str,
) -> Cell:
    params = {
        "generator": generator,
        "train_data": "all",
        "losses": losses,
        "optimizer": "adadelta",
        "temperature": 1.0,
    }
    params |= (
        {"batch": 20, "adam_rate": 0.002, "pool": 0} if changed.get("optimizer") == "adam" else {}
    )
    return Cell(
        {**params, "passes": 1, "members": 2, "teacher_passes": 1, "nade_passes": 1, **changed},
        0,
        "embedded:digits",
    )


def run(one: Cell, folder: Path) -> Outcome:
    folder.mkdir(parents=True, exist_ok=True)
    return ensembles.run(one, Context("smoke", torch.device("cpu"), None, folder))


def test_two_students_of_a_cell_share_a_teacher_which_later_cells_read(tmp_path: Path) -> None:
    first = run(cell(), tmp_path / "a")
    [shared] = [path for path in tmp_path.iterdir() if path.name.startswith("shared")]
    written = {path.name: path.stat().st_mtime_ns for path in shared.iterdir()}
    assert {"member-0.safetensors", "member-1.safetensors", "direct-all-0.safetensors"} == set(
        written
    )
    second = run(cell("noise"), tmp_path / "b")
    assert {path.name: path.stat().st_mtime_ns for path in shared.iterdir()} == written
    for name in ("teacher_mark", "accuracy_teacher", "log_prob_direct"):
        assert first.metrics[name] == second.metrics[name]
    assert first.metrics["log_prob_cross_entropy"] != second.metrics["log_prob_cross_entropy"]


def test_a_cell_alone_makes_what_a_cell_after_others_reads(tmp_path: Path) -> None:
    run(cell("noise"), tmp_path / "one" / "a")
    after, alone = run(cell(), tmp_path / "one" / "b"), run(cell(), tmp_path / "two" / "b")
    assert after.metrics == alone.metrics
    assert after.arrays["test"].equal(alone.arrays["test"])


def test_two_cells_that_begin_together_train_the_same_members_from_both_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []
    make = parts._member

    def noted(
        sizes: Sizes, x: torch.Tensor, y: torch.Tensor, rng: torch.Generator, share: object
    ) -> dict[str, torch.Tensor]:
        made.append(rng.initial_seed())
        return make(sizes, x, y, rng, share)  # type: ignore[arg-type]

    monkeypatch.setattr(parts, "_member", noted)
    first, other = (
        run(cell(train_data=share), tmp_path / share / "a").metrics["teacher_mark"]
        for share in parts.SHARES
    )
    assert made[2:] == made[1::-1]
    assert first == other


KILLED: list[tuple[str, dict[str, bool | int | float | str]]] = [
    ("mnist", {}),
    ("noise", {}),
    ("nade", {"train_data": "10pct", "passes": 10}),
    ("jitter", {"losses": "both", "optimizer": "adam", "pool": 30}),
]


@pytest.mark.parametrize(("generator", "changed"), KILLED)
def test_a_cell_killed_while_its_students_learn_ends_as_one_that_was_not(
    generator: str,
    changed: dict[str, bool | int | float | str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def stop(done: int, steps: int | None) -> None:
        if done == 7:
            raise InterruptedError

    one = cell(generator, **changed)  # type: ignore[arg-type]
    whole = run(one, tmp_path / "a" / "whole")
    with monkeypatch.context() as patched:
        distill = students.distill
        patched.setattr(
            students,
            "distill",
            lambda *given, **how: distill(*given, **{**how, "every": 3, "progress": stop}),
        )
        with pytest.raises(InterruptedError):
            run(one, tmp_path / "b" / "killed")
    assert (tmp_path / "b" / "killed" / "students.safetensors").exists()
    again = run(one, tmp_path / "b" / "killed")
    assert again.metrics == whole.metrics
    assert {name: value.tolist() for name, value in again.arrays.items()} == {
        name: value.tolist() for name, value in whole.arrays.items()
    }


def test_what_learns_by_another_loss_or_optimizer_starts_from_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    starts: list[list[float]] = []
    distill = students.distill

    def noted(*given: object, **how: object) -> object:
        starts.extend(
            torch.cat([p.detach().flatten() for p in one.parameters()]).tolist()
            for one in given[1].students
        )  # type: ignore[attr-defined]
        return distill(*given, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(students, "distill", noted)
    run(cell(), tmp_path / "a")
    run(cell(losses="both", optimizer="adam"), tmp_path / "b")
    assert len(starts) == 3
    assert starts[0] == starts[1] == starts[2]


def test_everything_of_a_cell_begins_by_the_start_that_it_names_and_the_shared_parts_of_two_starts_lie_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[str] = []
    for name, start in parts.STARTS.items():
        monkeypatch.setitem(
            parts.STARTS,
            name,
            lambda network, *, rng, name=name, start=start: (
                begun.append(name) or start(network, rng=rng)
            ),
        )
    unit = run(cell(start="unit"), tmp_path / "a")
    assert set(begun) == {"unit"}
    he = run(cell(), tmp_path / "b")
    assert unit.metrics["teacher_mark"] != he.metrics["teacher_mark"]
    assert len([path for path in tmp_path.iterdir() if path.name.startswith("shared")]) == 2
    assert "start" not in unit.departures
    assert he.departures["start"] == ["unit", "he"]


def test_gains_are_paired_differences_from_the_network_trained_on_labels(tmp_path: Path) -> None:
    found = run(cell("noise"), tmp_path / "a").metrics
    for name in ensembles.LOSSES:
        for what in ("accuracy", "log_prob"):
            assert found[f"{what}_gain_{name}"] == pytest.approx(
                found[f"{what}_{name}"] - found[f"{what}_direct"], abs=1e-9
            )
    gain = found["accuracy_derivative"] - found["accuracy_cross_entropy"]
    assert found["accuracy_gain_of_slopes"] == pytest.approx(gain, abs=1e-9)


@pytest.mark.parametrize("generator", ["nade", "jitter"])
def test_every_generator_and_both_losses_together_train_a_student(
    generator: str, tmp_path: Path
) -> None:
    found = run(
        cell(generator, "both", optimizer="adam", temperature=2.0, train_data="10pct"),
        tmp_path / "a",
    )
    assert found.arrays["test"].shape[1:] == (1, 2)
    assert found.departures["optimizer"] == ["adadelta", "adam"]
    assert found.metrics["log_prob_student"] == found.metrics["log_prob_both"]
    assert found.arrays["samples"].shape == (10, 1, 28, 28)
    assert ("bits" in found.arrays) == ("nade_passes" in found.departures) == (generator == "nade")


def test_a_student_of_recollections_sees_what_the_autoencoder_remembers(tmp_path: Path) -> None:
    rng, (variables, values) = torch.Generator().manual_seed(0), parts.REMEMBERED
    codec = CategoricalAutoencoder(variables, values, rng=rng).half().float().eval()
    context = Context(
        "smoke",
        torch.device("cpu"),
        None,
        tmp_path,
        declared={
            f"weights:{grid.RECORDED}": "0" * 16,
            "embedded:digits": data.load("embedded:digits").fingerprint,
        },
        read_models=lambda fingerprint: {grid.RECORDED: codec},
    )
    one = cell("recollections", "cross_entropy", optimizer="adam")
    found = ensembles.run(replace(one, data=f"{one.data}+weights:{grid.RECORDED}"), context)
    x = data.load("embedded:digits").x_train
    again = (255 * codec.reconstruct(x.float() / 255)).round() / 255
    distances = (found.arrays["samples"].float()[:, None] - again).abs().flatten(2).amax(-1)
    assert distances.amin(1).max() < 1e-3  # half precision
    assert found.departures["generator"] == ["nade", "recollections"]


@pytest.mark.parametrize(("name", "dtype"), [("jitter", torch.uint8), ("noise", torch.float32)])
def test_a_pool_holds_what_its_generator_draws_in_its_order(
    name: str, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "AT_ONCE", 4)
    x = torch.randint(
        256, (20, 1, 28, 28), generator=torch.Generator().manual_seed(0), dtype=torch.uint8
    )
    sources = [
        parts.inputs(name, x, None, "all", rng=torch.Generator().manual_seed(1)) for _ in range(2)
    ]  # type: ignore[arg-type]
    pool = parts.drawn(sources[0], 10)
    expected = torch.cat([sources[1].draw(n).x for n in (4, 4, 2)])
    assert pool.dtype == dtype
    assert (as_unit(pool) - expected).abs().max() <= 0.5 / 255 + 1e-6


def test_pictures_that_interpolation_made_brighter_than_white_by_a_last_digit_are_kept_in_bytes() -> (
    None
):
    white = torch.full((4, 1, 2, 2), 1 + 2e-7)
    assert parts.drawn(Resample(white, rng=torch.Generator().manual_seed(0)), 4).equal(
        torch.full((4, 1, 2, 2), 255, dtype=torch.uint8)
    )
    assert parts.drawn(
        Resample(1.01 * white, rng=torch.Generator().manual_seed(0)), 4
    ).is_floating_point()


@pytest.mark.parametrize("losses", ["cross_entropy", "both"])
def test_a_student_of_a_pool_sees_its_inputs_again_and_again_and_the_teacher_is_asked_once(
    losses: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pools: list[torch.Tensor] = []

    def answered(x: torch.Tensor, *given: object, **how: object) -> object:
        pools.append(x)
        return parts.answered(x, *given, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(students, "answered", answered)
    found = run(cell("jitter", losses, optimizer="adam", passes=3, pool=30), tmp_path / "a")
    assert [len(pool) for pool in pools] == [30]
    assert found.departures["samples"] == [2_400_000, 30]
    assert len(pools[0].unique(dim=0)) == 30
    assert found.metrics["accuracy_student"] == found.metrics[f"accuracy_{losses}"]


def test_every_pool_fits_twice_into_memory_and_slopes_on_all_images_have_one() -> None:
    for params in (
        one.params for one in ensembles.cells("paper") if one.params["optimizer"] == "adam"
    ):
        slopes, number = (
            params["losses"] != "cross_entropy",
            1 if params["generator"] == "jitter" else 4,
        )
        made_up = params["generator"] in ("jitter", "noise") and params["train_data"] == "all"
        assert params["pool"] or not (slopes and made_up)
        assert int(params["pool"]) * (784 * number + (785 * 10 * 2 if slopes else 40)) < 5e9


def test_a_rung_records_all_that_it_changes_and_the_noise_and_data_of_the_thesis_are_no_departure() -> (
    None
):
    rungs = {
        (rung.generator, rung.share, rung.losses, rung.times): grid.rung_cell("paper", rung)
        for rung in LADDER
        if rung.temperature == 1
    }
    found = {key: grid.departures(one.params) for key, one in rungs.items()}
    learns = {"optimizer": ["adadelta", "adam"], "start": ["unit", "he"]}
    assert found["mnist", "all", "cross_entropy", 1] == learns
    assert found["noise", "all", "derivative", 1] == learns | {"samples": [2_400_000, 240_000]}
    random = {"tenth": ["first", "random"]}
    assert found["mnist", "10pct", "derivative", 1] == learns | random
    jittered = learns | {"generator": ["nade", "jitter"]}
    assert found["jitter", "10pct", "both", 1] == jittered | random | {
        "losses": ["derivative", "both"]
    }
    longest = {"passes": [40, 16_000], "batch": [20, 80], "samples": [240_000, 1_200_000]}
    assert found["jitter", "10pct", "cross_entropy", 400] == jittered | longest


def test_rungs_differ_in_what_they_say_and_the_longest_of_each_share_is_judged() -> None:
    rungs = [
        one
        for one in ensembles.cells("paper")
        if one.params["optimizer"] == "adam" and not one.seed
    ]
    assert len({str(one) for one in rungs}) == len(rungs) == 18
    words = [*ensembles.rungs("all"), *ensembles.rungs("10pct")]
    assert len(words) == 18  # and so all of a share's are different
    assert "jitter, slopes, pool of 240,000" in words
    assert "jitter, cross entropy, temperature 3" in words
    for share, images in (("all", 60_000), ("10pct", 6_000)):
        [judged] = {
            str(one.where)
            for one in ensembles.answers()
            if one.table == "aims" and one.where["train_data"] == share
        }
        steps = {
            str(dict(one.params)): int(one.params["passes"]) * images // int(one.params["batch"])
            for one in rungs
        }
        own = {said: count for said, count in steps.items() if f"'train_data': '{share}'" in said}
        assert own[judged] == max(own.values()) == 1_200_000
        assert ("'tenth': 'first'" in judged) == (share == "10pct")


def test_the_papers_cells_depart_in_nothing_and_answer_every_number_of_its_tables() -> None:
    for one in ensembles.cells("paper")[:6]:
        assert grid.departures(one.params) == {}
        assert grid.sizes_of(one.params) == Sizes(start="unit")
    for answer in ensembles.answers():
        if answer.table != "aims":
            published.table(answer.table).cell(answer.row, answer.column)
        fits = [
            one for one in ensembles.cells("paper") if answer.where.items() <= one.params.items()
        ]
        assert fits, answer
        assert len({str(one.params) for one in fits}) == 1


def test_what_decides_a_claim_or_an_aim_has_three_seeds() -> None:
    seeds: dict[str, set[int]] = {}
    for one in ensembles.cells("paper"):
        seeds.setdefault(str(dict(one.params)), set()).add(one.seed)
    aims = [answer.where for answer in ensembles.answers() if answer.table == "aims"]
    pair = [grid.thesis("paper", *place).params for place in grid.DECIDING]
    claimed = [grid.rung_cell("paper", rung).params for rung in CLAIMED]
    for place in (*aims, *pair, *claimed):
        assert seeds[str(dict(place))] >= {0, 1, 2}
    further = {row: seeds[str(dict(grid.thesis("paper", *row).params))] for row in grid.FURTHER}
    assert further == {
        ("mnist", "10pct"): set(range(8)),
        ("noise", "all"): set(range(4)),
        ("nade", "all"): set(range(3)),
    }


def test_further_seeds_leave_every_earlier_cell_its_number() -> None:
    cells = ensembles.cells("paper")
    assert len(cells) == 91
    assert cells[40].params["generator"] == "noise"
    assert {cell.seed for cell in cells[:57]} == {0, 1, 2}
    assert len({(str(dict(cell.params)), cell.seed) for cell in cells}) == len(cells)


def test_the_last_tenth_of_a_run_is_averaged_over_twenty_looks_that_no_curve_keeps(
    tmp_path: Path,
) -> None:
    found = run(cell(passes=20), tmp_path / "a")
    steps = students.steps_of(cell(passes=20).params, 200)
    assert steps == 200
    late = students.late(steps)
    assert min(late) > 0.9 * steps
    assert max(late) == steps
    assert set(found.arrays["steps"].tolist()) == students.looks(steps)
    for name in ensembles.LOSSES:
        for measure in ("accuracy", "log_prob"):
            end, mean = found.metrics[f"{measure}_{name}"], found.metrics[f"{measure}_{name}_late"]
            assert abs(end - mean) < 0.1


def test_the_error_of_slopes_is_equation_2_18_and_the_pictures_are_where_the_teacher_doubts_most() -> (
    None
):
    rng = torch.Generator().manual_seed(0)
    teacher, student = (
        ensemble([MLP([784, 9, 10], rng=rng) for _ in range(2)]),
        MLP([784, 5, 10], rng=rng),
    )
    x = torch.randint(256, (40, 1, 28, 28), generator=rng).to(torch.uint8)
    found, shown = pictures.slopes(teacher, {"student": student}, x)
    value = DerivativeSquareError()(teacher, student, Batch(x.float() / 255)).item()
    assert found["slope_error_student"] == pytest.approx(value, rel=1e-4)
    assert found["slope_error_flat"] > 0
    assert -1 <= found["slope_cosine_student"] <= 1
    sorted_probs = teacher(Batch(x.float() / 255)).exp().sort(descending=True).values
    assert shown["images"][0].equal(x[(sorted_probs[:, 0] / sorted_probs[:, 1]).argmin()])
    assert shown["slopes"].shape == (2, 6, 1, 28, 28)


def test_a_network_has_the_slopes_of_an_ensemble_of_itself() -> None:
    rng = torch.Generator().manual_seed(0)
    network, x = (
        MLP([784, 9, 10], rng=rng),
        torch.randint(256, (20, 1, 28, 28), generator=rng).to(torch.uint8),
    )
    found, shown = pictures.slopes(ensemble([network]), {"itself": network}, x)
    assert found["slope_error_itself"] == pytest.approx(0, abs=1e-10)
    assert found["slope_cosine_itself"] == pytest.approx(1, abs=1e-5)
    torch.testing.assert_close(shown["slopes"][0], shown["slopes"][1], rtol=1e-2, atol=1e-4)


def test_bits_bytes_and_noise_are_shown_in_the_same_shades() -> None:
    bits = torch.tensor([0, 1]).repeat(392)
    white = pictures.grey(bits.to(torch.uint8))
    assert white.equal(bits.view(1, 28, 28).float())
    assert pictures.grey(255 * bits.to(torch.uint8)).equal(white)
    assert pictures.grey(3.0 * (2 * bits - 1)).equal(white)


def test_rows_of_pictures_are_named_and_a_nades_bits_stand_above_its_probabilities() -> None:
    probs, maps = (
        torch.rand(3, 1, 28, 28, generator=torch.Generator().manual_seed(0)),
        torch.ones(2, 3, 1, 28, 28),
    )
    rows = pictures.drawn(
        {
            "data": {"samples": probs},
            "nade": {"samples": probs, "bits": probs.round()},
            "nothing": {},
        }
    )
    assert list(rows) == ["data", "nade, bits", "nade"]
    kept = {
        "images": (255 * probs).to(torch.uint8),
        "choices": torch.tensor([[1, 7], [2, 3], [0, 6]]),
        "slopes": maps.half(),
    }
    found, words = pictures.maps(kept, ["student"])
    assert {name: tuple(row.shape) for name, row in found.items()} == {
        "image": (3, 28, 28),
        "teacher": (3, 3, 28, 28),
        "student": (3, 3, 28, 28),
    }
    assert words == ["1 or 7", "2 or 3", "0 or 6"]


def test_a_student_wandered_between_the_least_and_the_most_of_the_last_points_of_its_curve() -> (
    None
):
    curve = torch.tensor([0.1, 0.9, 0.5, 0.7, 0.6]).view(5, 1, 1).expand(5, 2, 2) - torch.tensor(
        [0.0, 0.1]
    ).view(1, 2, 1)
    assert pictures.wandered({"test": curve}, ["a", "b"], last=3) == {
        "a": "50 and 70",
        "b": "40 and 60",
    }
    assert pictures.wandered({}, ["a"]) == {"a": "not run"}


def test_the_arrays_of_all_runs_fit_a_studys_budget(tmp_path: Path) -> None:
    def size(one: Cell) -> int:
        return len(pack(run(one, tmp_path / str(len(list(tmp_path.iterdir())))).arrays)) + 1000

    maps, bits, curves = size(cell()), size(cell("nade")), size(replace(cell("nade"), seed=1))
    assert maps > bits > 10 * curves
    own = [one for profile in ("laptop", "paper") for one in ensembles.cells(profile)]
    pictured = [one for one in own if not one.seed]
    mapped = [
        one
        for one in pictured
        if one.params["generator"] == "mnist" and one.params["losses"] == " ".join(ensembles.LOSSES)
    ]
    total = (
        len(mapped) * maps
        + (len(pictured) - len(mapped)) * bits
        + (len(own) - len(pictured)) * curves
    )
    assert total < 0.8 * ARRAYS_BYTES


def test_a_tenth_is_a_tenth_and_another_seed_another(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    context = Context("smoke", torch.device("cpu"), None, tmp_path / "a")
    first, other = (Parts(context, TINY, "x", seed).share(500, "10pct") for seed in (0, 1))
    assert len(first.unique()) == 50
    assert not first.equal(other)


def test_the_first_tenth_is_what_comes_first_and_shares_no_part_with_a_random_one(
    tmp_path: Path,
) -> None:
    (tmp_path / "a").mkdir()
    own = Parts(Context("smoke", torch.device("cpu"), None, tmp_path / "a"), TINY, "x", 3)
    assert own.share(500, parts.FIRST).equal(torch.arange(50))
    run(cell(train_data="10pct", tenth="first"), tmp_path / "b")
    run(cell(train_data="10pct"), tmp_path / "c")
    [shared] = [
        path
        for path in tmp_path.iterdir()
        if path.name.startswith("shared") and (path / "member-0.safetensors").exists()
    ]
    assert {"direct-first-0.safetensors", "direct-10pct-0.safetensors"} <= {
        path.name for path in shared.iterdir()
    }


def test_a_row_of_the_thesis_fits_its_own_cell_and_no_other() -> None:
    def fits(one: Cell, where: dict[str, bool | int | float | str | None]) -> bool:
        return all(one.params.get(name) == value for name, value in where.items())

    cells = ensembles.cells("paper")
    for generator in ensembles.GENERATORS:
        for share in parts.SHARES:
            found = {
                str(dict(one.params)) for one in cells if fits(one, ensembles.row(generator, share))
            }
            assert found == {str(dict(grid.thesis("paper", generator, share).params))}
        for start in ("unit", None):
            random = [
                one
                for one in cells
                if fits(one, ensembles.row(generator, "10pct", start=start, tenth=None))
            ]
            assert len({str(dict(one.params)) for one in random}) == 1
            assert grid.departures(random[0].params)["tenth"] == ["first", "random"]


def test_an_ensemble_of_none_and_a_loss_that_does_not_exist_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match="members is 0: an ensemble of at least one network is needed"
    ):
        run(cell(members=0), tmp_path / "a")
    with pytest.raises(ValueError, match="cross_entropi"):
        ensembles.loss("cross_entropi")
