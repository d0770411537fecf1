from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
import pytest
import torch

from distillery import metrics
from distillery_book.pages import notebook
from distillery_book.results import registry, store
from made_records import STUDY, TABLE, keep, made, seeds

PLACE = (100000, "real")


@pytest.fixture(autouse=True)
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("DISTILLERY_RESULTS", str(tmp_path))
    monkeypatch.setattr(registry, "names", lambda: ["made"])
    monkeypatch.setattr(registry, "find", lambda name: STUDY)
    threads = torch.get_num_threads()
    with plt.style.context("default"), pd.option_context("display.width", 80):
        yield tmp_path
    torch.set_num_threads(threads)
    pd.reset_option("display")


def test_a_smoke_chapter_runs_on_one_cpu_thread_in_float32() -> None:
    run = notebook.start("smoke", seed=3)
    assert torch.get_num_threads() == 1
    assert (run.device.type, run.dtype) == ("cpu", None)
    assert torch.equal(
        torch.rand(3, generator=run.rng), torch.rand(3, generator=torch.Generator().manual_seed(3))
    )
    assert run.note == "profile smoke: embedded data wherever data is used, float32 on cpu, seed 3"


def test_starting_touches_no_global_seed() -> None:
    before = torch.get_rng_state()
    notebook.start("smoke", seed=1)
    assert torch.equal(before, torch.get_rng_state())


def test_starting_sets_the_books_style() -> None:
    notebook.start("smoke")
    assert mpl.rcParams["figure.facecolor"] == "#fdfdfb"


def test_an_unknown_profile_is_refused_with_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"'labtop'; did you mean 'laptop'\?"):
        notebook.start("labtop")


def test_a_smoke_chapter_is_given_the_stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    from distillery import data

    monkeypatch.setattr(data, "load", lambda name: name)
    monkeypatch.setattr(
        data, "for_profile", lambda name, profile: f"{name} for {profile}", raising=False
    )
    assert notebook.start("smoke").data("mnist") == "mnist for smoke"


def test_a_table_is_whole_before_any_run() -> None:
    frame = notebook.table(TABLE)
    assert list(frame.columns) == [
        "recorded",
        "published",
        "verdict",
        "n",
        "data",
        "profile",
        "seconds",
    ]
    assert list(frame.index.names) == ["episodes", "column"]
    assert len(frame) == 40
    assert set(frame["recorded"]) == set(frame["verdict"]) == {"not run"}
    assert frame.loc[PLACE, "published"] == "98.51"


def test_a_table_shows_recorded_and_published_side_by_side(results: Path) -> None:
    keep(seeds(0.9850, 0.9852), results)
    line = notebook.table(TABLE).loc[PLACE]
    assert line.to_dict() == {
        "recorded": "98.51 ± 0.02",
        "n": "2",
        "data": "mnist",
        "profile": "paper",
        "seconds": "20",
        "published": "98.51",
        "verdict": "agrees",
    }


def test_departures_are_shown_wherever_the_value_is(results: Path) -> None:
    keep(seeds(0.9851, departures={"passes": [500, 20]}), results)
    assert notebook.table(TABLE).loc[PLACE, "departures"] == "passes 500 → 20"
    assert notebook.recorded("made")["departures"].tolist() == ["passes 500 → 20"]


def test_rows_and_columns_can_be_chosen() -> None:
    frame = notebook.table(TABLE, rows={"episodes": [10, 100]}, columns=["real"])
    assert list(frame.index) == [10, 100]
    assert "column" not in frame.columns


def test_the_text_of_a_table_is_the_same_each_time(results: Path) -> None:
    keep(seeds(0.9850, 0.9852), results)
    assert repr(notebook.table(TABLE)) == repr(notebook.table(TABLE))


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: notebook.table("vid_transfr"), "did you mean 'vid_transfer'"),
        (lambda: notebook.table(TABLE, rows={"episode": 10}), "did you mean 'episodes'"),
        (lambda: notebook.table(TABLE, columns=["reel"]), "did you mean 'real'"),
    ],
)
def test_what_is_not_in_the_table_is_named_with_the_nearest(call: object, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        call()  # type: ignore[operator]


def test_aims_are_whole_before_any_run() -> None:
    frame = notebook.aims()
    assert set(frame["verdict"]) == {"not run"}
    assert "at least 99.20 %" in frame["goal"].tolist()


def test_recorded_runs_are_those_on_real_data_unless_a_profile_is_named(results: Path) -> None:
    keep([made(), made(seed=1, data="embedded:digits", profile="smoke")], results)
    assert notebook.recorded("made")["seed"].tolist() == [0]
    assert notebook.recorded("made", profile="smoke")["seed"].tolist() == [1]
    assert notebook.recorded("made", inputs="real", seed=5).empty


def test_an_empty_frame_of_records_still_has_its_columns() -> None:
    assert list(notebook.recorded("made").columns) == [
        "inputs",
        "seed",
        "data",
        "profile",
        "departures",
        "seconds",
    ]


def test_a_value_is_the_mean_over_seeds_or_not_a_number(results: Path) -> None:
    assert math.isnan(notebook.value("made", "accuracy", inputs="real"))
    keep(seeds(0.8, 0.9), results)
    assert notebook.value("made", "accuracy", inputs="real") == pytest.approx(0.85)


def test_arrays_are_those_of_the_lowest_seed_that_stored_any(results: Path) -> None:
    assert notebook.arrays("made", inputs="real") == {}
    names = [
        store.put_arrays(
            store.pack({"curve": torch.full((2,), float(k))}),
            study="made",
            version=1,
            results=results,
        )
        for k in (1, 2)
    ]
    keep([made(seed=0), made(seed=2, arrays=names[1]), made(seed=1, arrays=names[0])], results)
    assert notebook.arrays("made", inputs="real")["curve"].tolist() == [1.0, 1.0]


def test_provenance_tells_commit_versions_device_and_seconds(results: Path) -> None:
    keep([*seeds(0.9, 0.8), made(seed=2, dirty=True)], results)
    frame = notebook.provenance("made")
    assert frame["commit"].tolist() == ["0123456789", "0123456789 and changes"]
    assert frame["runs"].tolist() == ["2", "1"]
    assert frame["seconds"].tolist() == ["20", "10"]
    assert frame["versions"].iloc[0] == "python 3.11, torch 2.15.0"


def test_the_provenance_of_nothing_says_so() -> None:
    assert notebook.provenance("made").loc["made", "commit"] == "not run"


def test_glue_hands_the_page_a_text_and_says_not_run_for_what_is_no_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    glued: dict[str, str] = {}
    page = ModuleType("myst_nb")
    page.glue = lambda name, text, display: glued.__setitem__(name, text)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "myst_nb", page)
    notebook.glue("a", 97.7512, ".2f")
    notebook.glue("b", math.nan)
    notebook.glue("c", "seven")
    notebook.glue("d", metrics.Estimate(1.0, 0.25, 9), ".2f")
    assert glued == {"a": "97.75", "b": "not run", "c": "seven", "d": "1.00 ± 0.50"}


def test_outside_the_book_glue_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "myst_nb", None)
    notebook.glue("a", 1.0)
