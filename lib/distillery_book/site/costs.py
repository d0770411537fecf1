"""The page on costs: what recorded runs took, study by study, and how that grows, as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from distillery_book.results import costs, registry
from distillery_book.results.costs import Cost, Growth
from distillery_book.results.results import Results

HEAD = ("study", "profile, device", "runs of cells", "seconds, all", "median", "longest", "MB")
GROWTH_HEAD = ("study", "parameter", "from, to", "exponent ± 2 s.e.", "runs n", "settings")
NOTHING = "No run is recorded."
NO_GROWTH = "No parameter varies often enough among the recorded runs."
Told = TypeVar("Told", Cost, Growth)
DEVICES = {"cpu": "CPU", "cuda": "GPU"}


def finding(results: Results) -> str:
    """In a sentence, what all recorded runs took."""
    every = costs.costs(results)
    if not every:
        return NOTHING
    kinds = {
        f"{_hours([one for one in every if one.device == device])} hours of {what}": device
        for device, what in (("cpu", "one core"), ("cuda", "a GPU"))
        if any(one.device == device for one in every)
    }
    runs = sum(one.runs for one in every)
    return f"The {runs:,} recorded runs took {' and '.join(kinds)}."


def table(results: Results) -> str:
    """A row for each study, profile and kind of device, in the order of chapters."""
    every = {one: _linked(one.study) for one in _in_order(costs.costs(results))}
    rows = [
        (
            link,
            f"{one.profile}, {DEVICES.get(one.device, one.device)}",
            f"{one.runs:,} of {one.cells:,}",
            *map(seconds, (one.seconds, one.median, one.longest)),
            f"{one.memory_mb:,.0f}",
        )
        for one, link in every.items()
    ]
    return laid_out(HEAD, rows, texts=2) if rows else NOTHING


def growth(results: Results) -> str:
    """A row for each parameter whose effect on the cost the records can tell."""
    rows = [
        (
            _linked(one.study),
            f"`{one.parameter}`",
            f"{one.lowest:,g}, {one.highest:,g}",
            _exponent(one),
            str(one.runs),
            str(one.settings),
        )
        for one in _in_order(costs.growths(results))
    ]
    return laid_out(GROWTH_HEAD, rows, texts=2) if rows else NO_GROWTH


def seconds(number: float) -> str:
    """Two digits at least, and no more than are of use."""
    return f"{number:,.0f}" if number >= 10 else f"{number:.1f}"


def laid_out(head: Sequence[str], rows: Sequence[Sequence[str]], *, texts: int) -> str:
    """A table in Markdown whose first columns, so many, hold texts, and the others numbers."""
    rule = ["---"] * texts + ["---:"] * (len(head) - texts)
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, rule, *rows))


def _exponent(one: Growth) -> str:
    exponent = f"{one.exponent:.2f}".replace("-", "−")
    return exponent + ("" if one.error is None else f" ± {2 * one.error:.2f}")


def _hours(every: Sequence[Cost]) -> str:
    return f"{sum(one.seconds for one in every) / 3600:,.1f}"


def _in_order(every: Sequence[Told]) -> list[Told]:
    order = list(_pages())
    return sorted(every, key=lambda one: order.index(one.study) if one.study in order else -1)


def _linked(study: str) -> str:
    """The study's name, which leads to its chapter where that has a page."""
    page = _pages().get(study)
    return f"[`{study}`]({page}.ipynb)" if page else f"`{study}`"


def _pages() -> dict[str, str]:
    """The page of each study's chapter, in the order of chapters; empty where there is none."""
    return {
        study: "" if chapter.in_preparation else chapter.notebook
        for chapter in registry.chapters().values()
        for study in chapter.studies
    }
