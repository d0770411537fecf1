from __future__ import annotations

import json
import math

import matplotlib
import pytest
import torch

from distillery.partition import Estimate
from distillery.tools.logz.report import Report, figure, spread

matplotlib.use("Agg")

EXACT = Report(
    "enumeration",
    "enumeration",
    {"enumeration": Estimate(2.5, 0.0, 16.0, (2.5, 2.5))},
    (2.5, 2.5),
    (),
    0.01,
    {"states": 16},
)
ANNEALED = Report(
    "ais",
    "both ways",
    {
        "both ways": Estimate(10.123, 0.0501, 80.4, (9.97, 10.27)),
        "forward": Estimate(10.2, 0.4, 5.2, (-math.inf, 11.0), ("only 5.2 of 100 samples count",)),
        "lower bound": Estimate(9.5, 0.2, 100.0, (8.9, 10.1)),
        "upper bound": Estimate(11.0, 0.1, 100.0, (10.7, 11.3)),
    },
    (8.9, 11.3),
    ("it is late",),
    1234.5,
    {"temperatures": 1600, "starts": "rows of data"},
    {
        "below": torch.linspace(9, 10, 50),
        "above": torch.cat([torch.linspace(10, 12, 49), torch.tensor([math.inf])]),
    },
)


def test_a_report_reads_as_a_page():
    assert str(ANNEALED).splitlines() == [
        "log Z = 10.123 ± 0.100 (two standard errors); interval: 9.970 to 10.270",
        "Annealed importance sampling in both directions, met by a bridge.",
        (
            "Bracket: 8.900 to 11.300, from three standard errors below the lower bound to three"
            " above the upper."
        ),
        "",
        "                     log Z  standard error         interval  effective draws",
        "both ways (chosen)  10.123           0.050  9.970 to 10.270               80",
        "forward !            10.20            0.40    -inf to 11.00                5",
        "lower bound           9.50            0.20    8.90 to 10.10              100",
        "upper bound          11.00            0.10   10.70 to 11.30              100",
        "! forward: only 5.2 of 100 samples count",
        "",
        "Run: temperatures 1,600, starts rows of data",
        "Time: 1,234.5 s",
        "In doubt: it is late",
    ]


def test_what_was_added_up_has_no_error():
    said = str(EXACT)
    assert said.startswith(
        "log Z = 2.500000\nEvery state was added up: this is exact to rounding.\n"
    )
    assert "±" not in said
    assert said.endswith("Nothing to diagnose.")


def test_only_a_report_without_warnings_is_trusted():
    assert (EXACT.trusted, ANNEALED.trusted) == (True, False)


@pytest.mark.parametrize(
    ("value", "error", "said"),
    [
        (451.2837, 0.0514, "451.284 ± 0.103"),
        (451.2837, 0.97, "451.28 ± 1.94"),
        (451.28, 31.0, "451.3 ± 62.0"),
        (-math.inf, math.inf, "-inf ± inf"),
    ],
)
def test_a_value_has_the_digits_that_its_error_deserves(value, error, said):
    assert spread(Estimate(value, error, 1.0, (value, value))) == said


def test_json_holds_every_estimate_and_what_is_infinite_is_null():
    found = json.loads(json.dumps(ANNEALED.as_json(), allow_nan=False))
    assert (found["log_z"], found["error"], found["interval"], found["bracket"]) == (
        10.123,
        0.0501,
        [9.97, 10.27],
        [8.9, 11.3],
    )
    assert (found["method"], found["chosen"], found["trusted"], found["warnings"]) == (
        "ais",
        "both ways",
        False,
        ["it is late"],
    )
    assert list(found["estimates"]) == list(ANNEALED.estimates)
    assert found["estimates"]["forward"]["interval"] == [None, 11.0]
    assert found["run"] == {"temperatures": 1600, "starts": "rows of data"}


def test_the_figure_shows_the_ratios_and_every_interval_even_one_without_an_end():
    picture = figure(ANNEALED)
    top, axis = picture.axes
    assert top.get_xlabel() == "log weight of a path, nats"
    assert [text.get_text() for text in axis.get_yticklabels()] == [
        "both ways (chosen)",
        "forward",
        "lower bound",
        "upper bound",
    ]
    low, high = axis.get_xlim()
    assert 8 < low < 8.9
    assert 11.3 < high < 12
    matplotlib.pyplot.close(picture)
    (axis,) = figure(EXACT).axes
    assert axis.get_xlabel() == "log Z, nats"
    matplotlib.pyplot.close("all")
