from __future__ import annotations

import io

from distillery.support.plain import plainly


def test_letters_that_an_encoding_lacks_are_written_as_near_ones_and_the_rest_as_question_marks():
    written = io.BytesIO()
    stream = io.TextIOWrapper(written, encoding="ascii")
    plainly(stream, object())
    stream.write("1 ± 2 – naïve … 字 \udcff")
    stream.flush()
    assert written.getvalue() == b"1 +- 2 - naive ... ? ?"


def test_letters_that_an_encoding_has_stay():
    written = io.BytesIO()
    stream = io.TextIOWrapper(written, encoding="latin-1")
    plainly(stream)
    stream.write("± é")
    stream.flush()
    assert written.getvalue() == "± é".encode("latin-1")
