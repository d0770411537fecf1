from __future__ import annotations

import csv
import json
import math
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from distillery_book.results import published, registry

NAMES = published.names()


def test_every_csv_has_an_entry_and_every_entry_a_csv() -> None:
    assert sorted(NAMES) == sorted(
        path.stem
        for path in published.folder().glob("*.csv")
        if path.stem not in ("aims", "claims")
    )
    assert len(NAMES) >= 28


@pytest.mark.parametrize("name", NAMES)
def test_every_column_of_a_table_is_declared_once_and_every_declared_one_exists(name: str) -> None:
    table = published.table(name)
    spreads = [column for each in table.columns.values() for column in each.spread_columns]
    declared = [*table.keys, *table.settings, *table.columns, *spreads]
    assert sorted(declared) == sorted(_header(name))


@pytest.mark.parametrize("name", NAMES)
def test_every_number_of_a_table_is_finite_and_its_spread_positive(name: str) -> None:
    cells = list(published.table(name).cells())
    assert cells
    for cell in cells:
        assert math.isfinite(cell.value)
        assert cell.tolerance >= 0
        assert all(error is None or error > 0 for error in (cell.below, cell.above))


@pytest.mark.parametrize("name", NAMES)
def test_a_number_that_has_no_printed_spread_has_a_tolerance(name: str) -> None:
    assert all(cell.tolerance > 0 for cell in published.table(name).cells() if cell.below is None)


@pytest.mark.parametrize("name", NAMES)
def test_keys_tell_the_rows_of_a_table_apart(name: str) -> None:
    table = published.table(name)
    keys = [tuple(table.key(line).values()) for line in table.lines]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("name", NAMES)
def test_the_words_of_an_entry_are_among_those_allowed(name: str) -> None:
    table = published.table(name)
    assert table.paper in published.papers()
    assert re.match(r"(Table|Section|Book) \d", table.reference)
    assert table.chapter in {chapter.number for chapter in registry.chapters().values()}
    assert set(table.keys.values()) <= {"integer", "text"}
    for column in table.columns.values():
        assert column.direction in published.DIRECTIONS
        assert column.spread is None or column.spread in published.DEVIATIONS
        assert len(column.spread_columns) == {None: 0, "interval_3sd": 2}.get(column.spread, 1)
        assert column.meaning
        assert column.unit


@pytest.mark.parametrize("name", NAMES)
def test_the_format_of_a_column_keeps_the_digits_printed(name: str) -> None:
    table = published.table(name)
    for line in table.lines:
        for column in table.columns.values():
            if column.name not in ("compression", "distortion") and line[column.name]:
                assert float(column.text(float(line[column.name]))) == float(line[column.name])


def test_a_number_is_read_with_its_spread_as_one_standard_error() -> None:
    cell = published.table("thesis_ensemble_accuracy").cell(
        {"generator": "nade", "train_data": "all"}, "cross_entropy"
    )
    assert cell.value == 97.60
    assert cell.below == cell.above == pytest.approx(0.155)
    assert str(cell) == "97.60 ± 0.31 (2 sd)"


def test_an_uneven_interval_has_two_errors() -> None:
    cell = published.table("thesis_logz_importance").cell({"hidden": 250}, "kl")
    assert cell.error_towards(450.0) == pytest.approx((450.86 - 450.06) / 3)
    assert cell.error_towards(451.0) == pytest.approx((451.30 - 450.86) / 3)
    assert str(cell) == "450.86 (450.06, 451.30)"


def test_a_tolerance_may_depend_on_the_row() -> None:
    table = published.table("recollections_cnn_student_random")
    assert (
        table.cell({"episodes": 10}, "real").tolerance
        > table.cell({"episodes": 100000}, "real").tolerance
    )


def test_the_compression_printed_is_that_of_the_code() -> None:
    for cell in published.table("recollections_distortion_categorical").cells():
        if cell.column.name == "compression":
            c, l = int(cell.row["c"]), int(cell.row["l"])
            assert cell.value == pytest.approx(
                784 * 8 / (c * math.ceil(math.log2(l))), abs=cell.tolerance
            )


def test_the_gain_over_direct_training_is_the_difference_of_the_tables() -> None:
    direct = published.table("thesis_direct_training")
    gain = published.table("thesis_ensemble_accuracy_gain_over_direct")
    for cell in published.table("thesis_ensemble_accuracy").cells():
        base = direct.cell(
            {"model": "direct_small", "train_data": cell.row["train_data"]}, "accuracy"
        ).value
        assert gain.cell(cell.row, cell.column.name).value == pytest.approx(
            cell.value - base, abs=0.0101
        )


def test_tables_come_in_the_order_of_the_chapters() -> None:
    chapters = [table.chapter for table in published.tables()]
    assert chapters == sorted(chapters)


def test_an_unknown_table_column_or_row_is_named_with_the_nearest() -> None:
    with pytest.raises(
        ValueError, match=r"'thesis_logz_bride'; did you mean 'thesis_logz_bridge'\?.*vid_transfer"
    ):
        published.table("thesis_logz_bride")
    with pytest.raises(ValueError, match=r"'mlp_1025'; did you mean 'mlp_1024'\?"):
        published.table("vid_cnn_to_mlp").cell({"method": "kd"}, "mlp_1025")
    with pytest.raises(ValueError, match=r"'method=vid'; did you mean 'method=vid_i'\?"):
        published.table("vid_cnn_to_mlp").cell({"method": "vid"}, "mlp_1024")


def test_a_place_is_a_table_the_keys_in_its_order_and_a_column() -> None:
    cell = published.at("thesis_ensemble_accuracy", "nade", "all", "cross_entropy")
    assert cell.value == 97.60
    assert cell.place == ("thesis_ensemble_accuracy", "nade", "all", "cross_entropy")
    with pytest.raises(
        ValueError, match=r"place is \('nade',\): \(generator, train_data, column\) is needed"
    ):
        published.at("thesis_ensemble_accuracy", "nade")


def test_a_blank_is_no_number() -> None:
    with pytest.raises(
        ValueError, match="vid_cifar10_small_data prints no M100 for method=teacher"
    ):
        published.table("vid_cifar10_small_data").cell({"method": "teacher"}, "M100")


def test_every_aim_goes_beyond_what_was_published() -> None:
    for aim in published.aims().values():
        assert aim.direction in ("higher", "lower")
        if aim.published is not None:
            assert (aim.aim > aim.published) == (aim.direction == "higher")


def test_every_departure_says_which_way_it_helps() -> None:
    assert set(published.helps().values()) <= {"more", "less", "either", "never"}


def test_the_schema_names_no_key_twice() -> None:
    def refuse(pairs: list[tuple[str, object]]) -> dict[str, object]:
        assert len({name for name, _ in pairs}) == len(pairs)
        return dict(pairs)

    json.loads(
        (published.folder() / "schema.json").read_text(encoding="utf-8"), object_pairs_hook=refuse
    )


def _header(name: str) -> list[str]:
    with open(published.folder() / f"{name}.csv", newline="", encoding="utf-8") as file:
        return next(csv.reader(file))


def with_schema(folder: Path, change: Callable[[dict[str, Any]], object], monkeypatch: Any) -> None:
    """A repository whose schema is another."""
    shutil.copytree(published.folder(), folder / "book" / "published")
    (folder / "_config.yml").touch()
    path = folder / "book" / "published" / "schema.json"
    schema = json.loads(path.read_text(encoding="utf-8"))
    change(schema)
    path.write_text(json.dumps(schema), encoding="utf-8")
    monkeypatch.chdir(folder)


NAME = "thesis_logz_bridge"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda s: s["tables"].update({"no such": s["tables"][NAME]}),
            "describes 'no such', without",
        ),
        (lambda s: s.pop("tables"), "is not as the book needs it: it lacks 'tables'"),
        (lambda s: s["tables"][NAME].pop("title"), "is not as the book needs it: it lacks 'title'"),
        (lambda s: s["tables"].update({NAME: 3}), "is not as the book needs it: 'int' object"),
        (
            lambda s: s["tables"][NAME]["values"].update(x={}),
            "is not as the book needs it: it lacks",
        ),
    ],
)
def test_a_schema_that_does_not_fit_its_tables_is_one_sentence_with_its_name(
    change: Callable[[dict[str, Any]], object],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with_schema(tmp_path, change, monkeypatch)
    with pytest.raises((ValueError, FileNotFoundError), match=rf"schema\.json {said}"):
        published.tables()


@pytest.mark.parametrize("number", ["nan", "1e999", "many"])
def test_what_is_no_number_in_a_table_is_refused_with_the_tables_name(
    number: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_schema(tmp_path, lambda schema: None, monkeypatch)
    path = tmp_path / "book" / "published" / f"{NAME}.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("451.27", number), encoding="utf-8")
    with pytest.raises(ValueError, match=rf"{NAME}\.csv is not as the book needs it"):
        published.table(NAME)
