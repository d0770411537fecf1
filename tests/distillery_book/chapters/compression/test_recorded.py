from __future__ import annotations

import math

import pandas as pd
import pytest

from distillery_book.chapters.compression import recorded


def runs(*lines: dict[str, object]) -> pd.DataFrame:
    frame = pd.DataFrame(list(lines), columns=["model", "c", "l", "codes", "bits", "train"])
    return frame.assign(code=recorded.code_names(frame))


def test_a_code_is_named_by_the_settings_that_it_has() -> None:
    frame = runs(
        {"model": "categorical", "c": 38, "l": 2},
        {"model": "prior", "c": 38.0, "l": 2.0, "codes": "argmax"},
        {"model": "lzma"},
    )
    assert frame["code"].tolist() == ["c 38, l 2", "c 38, l 2, codes argmax", ""]


def test_a_curve_has_means_over_seeds_and_no_prior_over_drawn_codes() -> None:
    frame = runs(
        {"model": "prior", "c": 2, "codes": "argmax", "bits": 4.0, "train": 0.1},
        {"model": "prior", "c": 2, "codes": "argmax", "bits": 6.0, "train": 0.3},
        {"model": "prior", "c": 2, "codes": "drawn", "bits": 8.0, "train": 0.9},
        {"model": "jpeg", "bits": 100.0, "train": 0.01},
    )
    bits, loss, spread = recorded.curve(frame, "prior")
    assert bits.tolist() == [5.0]
    assert loss.tolist() == pytest.approx([0.2])
    assert spread.tolist() == pytest.approx([0.2 / math.sqrt(2)])


def test_the_spread_of_one_seed_is_zero_and_a_model_that_was_not_run_has_an_empty_curve() -> None:
    frame = runs({"model": "jpeg", "bits": 100.0, "train": 0.01})
    assert [column.tolist() for column in recorded.curve(frame, "jpeg")] == [[100.0], [0.01], [0.0]]
    assert [len(column) for column in recorded.curve(frame, "rate", "bits_on_disk")] == [0, 0, 0]
    assert [len(column) for column in recorded.curve(runs(), "jpeg")] == [0, 0, 0]


def test_published_curves_have_the_bits_and_distortions_of_the_printed_tables() -> None:
    bits, losses = recorded.published_categorical()
    assert len(bits) == len(losses) == 27
    assert losses[bits.index(168)] == 0.01955
    bits, losses = recorded.published_continuous()
    assert bits == [32, 64, 96, 160, 224, 640]
    assert losses[:2] == [0.135196, 0.124725]


def test_a_set_in_full_is_its_codes_the_decoder_in_16_bits_the_prior_and_what_all_share() -> None:
    run = pd.Series(
        {
            "bits": 38.0,
            "bits_coded_argmax": 30.0,
            "bits_on_disk": 16.0,
            "bits_prior": 8_000.0,
            "parameters_decoder": 1_000.0,
            "shared_bytes": 3_000.0,
            "train": 0.06,
            "train_argmax": 0.05,
        }
    )
    assert recorded.in_full(run) == (50_000 * 16 / 8_000 + 1 + 2 + 3, 0.05)
    assert recorded.in_full(run[["bits", "train"]]) == (50_000 * 38 / 8_000, 0.06)
    known = run.drop("bits_on_disk")[["bits", "bits_coded_argmax", "train"]]
    assert recorded.in_full(known) == (50_000 * 30 / 8_000, 0.06)


def test_the_least_is_over_runs_that_lose_no_more_and_a_dash_stands_where_none_does() -> None:
    frame = runs(
        {"model": "jpeg", "bits": 160.0, "train": 0.05},
        {"model": "jpeg", "bits": 320.0, "train": 0.02},
        {"model": "png", "bits": 1600.0, "train": 0.0},
    )
    table = recorded.least_kilobytes(frame, {"nothing": 0.0, "little": 0.02, "much": 0.05})
    assert table.loc["jpeg"].tolist() == ["–", "2,000", "1,000"]
    assert table.loc["png"].tolist() == ["10,000", "10,000", "10,000"]


def test_without_records_the_table_says_that_nothing_was_run() -> None:
    assert recorded.least_kilobytes(runs(), {"nothing": 0.0}).loc["not run"].tolist() == ["–"]
