from __future__ import annotations

from pathlib import Path

import pytest

from distillery_book.results.book_files import reading, rows


def test_lines_are_read_by_the_names_of_the_first(tmp_path: Path) -> None:
    path = tmp_path / "some.csv"
    path.write_text('key,note\na,"b, c"\n', encoding="utf-8")
    assert rows(path) == [{"key": "a", "note": "b, c"}]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a,b\n1\n", "line 2 has not the 2 fields of the first"),
        (b"a,b\n1,2,3\n", "line 2 has not the 2 fields of the first"),
        (b"a,b\n1,\xff\n", "can't decode byte 0xff"),
        (b'a,b\n1,"2\n', "unexpected end of data"),
        (b"a,b\n1," + b"x" * 200_000 + b"\n", "field larger than field limit"),
    ],
)
def test_a_table_that_is_none_is_one_sentence_with_its_name(
    content: bytes, said: str, tmp_path: Path
) -> None:
    path = tmp_path / "some.csv"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"some\.csv is not as the book needs it: .*{said}"):
        rows(path)


def test_what_a_table_lacks_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(ValueError, match=r"some\.csv is not as the book needs it: it lacks 'key'"),
        reading(tmp_path / "some.csv"),
    ):
        print({}["key"])
