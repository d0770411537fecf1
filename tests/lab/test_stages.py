from __future__ import annotations

import io

from distillery.lab.stages import Stages


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def tell(stream: io.StringIO) -> str:
    with Stages(stream) as stages:
        for done in (1, 2):
            stages("rowing out", done, 2)
        stages("half way", 0, 0)
        for done in (1, 2, 3):
            stages("rowing back", done, 3)
    return stream.getvalue()


def test_away_from_a_terminal_each_stage_and_each_remark_is_a_line():
    assert tell(io.StringIO()) == "rowing out\nhalf way\nrowing back\n"


def test_a_stage_that_is_repeated_at_once_is_named_once():
    stream = io.StringIO()
    stages = Stages(stream)
    for done in (1, 2, 1, 2):
        stages("rowing", done, 2)
    assert stream.getvalue() == "rowing\n"


def test_on_a_terminal_each_stage_is_a_bar_with_its_share_and_a_remark_stays():
    shown = tell(Terminal())
    assert "rowing out |" in shown
    assert "rowing back |" in shown
    assert "half way\n" in shown
    assert "0%" in shown
