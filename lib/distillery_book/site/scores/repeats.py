"""Which recorded runs were made again, and what came of it: a row a study."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape

from distillery_book.results import registry, repeated
from distillery_book.results.repeated import Repeat
from distillery_book.results.results import Results

HEAD = ("study", "by its own seed", "by a fresh seed", "when and on what")


def html(results: Results) -> str:
    """Studies in the order of chapters; one of which nothing was made again is named below."""
    every = repeated.read(results.folder)
    names = [study for chapter in registry.chapters().values() for study in chapter.studies]
    grouped = {name: [one for one in every if one.study == name] for name in names}
    rows = "".join(_row(name, outcomes) for name, outcomes in grouped.items() if outcomes)
    head = "".join(f'<th scope="col">{name}</th>' for name in HEAD)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    return f'<div class="scores scores-repeats">{table}{_left_out(grouped)}</div>'


def _left_out(grouped: Mapping[str, Sequence[Repeat]]) -> str:
    names = [f"<code>{escape(name)}</code>" for name, outcomes in grouped.items() if not outcomes]
    return f"<p>Not made again yet: {', '.join(names)}.</p>" if names else ""


def _row(name: str, outcomes: Sequence[Repeat]) -> str:
    label = f'<th scope="row">{escape(registry.find(name).title)} <small>{escape(name)}</small>'
    own = _counted([one for one in outcomes if not one.is_fresh])
    fresh = _counted([one for one in outcomes if one.is_fresh])
    facts = "".join(f"<td>{fact}</td>" for fact in (own, fresh, _last(outcomes)))
    return f"<tr>{label}</th>{facts}</tr>"


def _counted(outcomes: Sequence[Repeat]) -> str:
    """`2 identical, 1 near`; what is not as it should be is named by its run and number."""
    counts = Counter(one.verdict for one in outcomes)
    told = ", ".join(f"{counts[word]} {word}" for word in repeated.VERDICTS if word in counts)
    bad = [one for one in outcomes if one.verdict not in repeated.GOOD]
    return told + "".join(f"<small>{escape(_off(one))}</small>" for one in bad)


def _off(outcome: Repeat) -> str:
    run = ", ".join(f"{name} {value}" for name, value in outcome.params.items())
    if outcome.error:
        return f"{run}: {outcome.error}"
    return (
        f"{run}: {outcome.worst} is {outcome.found:.4g}, recorded {outcome.recorded:.4g},"
        f" allowed ±{outcome.allowed:.2g}"
    )


def _last(outcomes: Sequence[Repeat]) -> str:
    """The day of the last outcome, and what computed it."""
    last = max(outcomes, key=lambda one: one.finished)
    made_by = "; ".join(f"{name} {version}" for name, version in last.versions.items())
    return f"{escape(last.finished[:10])}<small>{escape(made_by)}</small>"
