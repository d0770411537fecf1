from __future__ import annotations

import io

from distillery.support.progress import Stages


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


def test_a_long_stage_says_away_from_a_terminal_how_long_it_will_take():
    """Said after five seconds, and whenever twice as many have gone by; what was done before a
    continued stage began does not count.
    """
    stream, now = io.StringIO(), [0.0]
    stages = Stages(stream, left=True, clock=lambda: now[0])
    for done in range(40, 101):
        stages("rowing", done, 100)
        now[0] += 1
    assert stream.getvalue().splitlines() == [
        "rowing",
        "rowing: 45%, about 55 s left",
        "rowing: 50%, about 50 s left",
        "rowing: 60%, about 40 s left",
        "rowing: 80%, about 20 s left",
    ]


def test_on_a_terminal_each_stage_is_a_bar_with_its_share_and_a_remark_stays():
    shown = tell(Terminal())
    assert "rowing out |" in shown
    assert "rowing back |" in shown
    assert "half way\n" in shown
    assert "0%" in shown
