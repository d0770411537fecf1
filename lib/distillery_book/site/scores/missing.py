"""What is not run, and why: a row for each reason of which anything is left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from html import escape

from distillery_book.results import published, reasons
from distillery_book.results.reasons import Reason
from distillery_book.results.results import Results
from distillery_book.results.verdicts import NOT_RUN
from distillery_book.site.front import conclusions, verdict_squares

HEAD = ("why", "numbers", "conclusions", "hours of a core")


def html(results: Results) -> str:
    every = reasons.reasons()
    numbers = Counter(reason for _, reason in unrun_numbers(results, every))
    claims = Counter(reason for _, reason in unrun_claims(results, every))
    rows = "".join(
        _row(place, reason, numbers[reason], claims[reason])
        for place, reason in enumerate(every)
        if numbers[reason] or claims[reason]
    )
    head = "".join(f'<th scope="col">{name}</th>' for name in HEAD)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    return f'<div class="scores scores-missing">{table}</div>'


def unrun_numbers(
    results: Results, among: list[Reason]
) -> Iterable[tuple[tuple[str, ...], Reason | None]]:
    """Each published number that is not run, with its reason."""
    cells = verdict_squares.printed(results)
    for cell in cells[cells["verdict"] == NOT_RUN].itertuples():
        reason = reasons.why(str(cell.table), list(cell.keys), among)  # type: ignore[arg-type]
        yield (str(cell.table), *map(str, cell.keys)), reason  # type: ignore[arg-type]


def unrun_claims(results: Results, among: list[Reason]) -> Iterable[tuple[str, Reason | None]]:
    """Each conclusion that is not run, with its reason."""
    for one in conclusions.judged(results):
        if one.verdict == NOT_RUN:
            yield one.claim.key, reasons.why(one.claim.key, (), among)


def _row(place: int, reason: Reason, numbers: int, claims: int) -> str:
    titles = [table.title for table in published.tables() if table.name in reason.of]
    of = f"<small>{escape('; '.join(titles))}</small>" if numbers else ""
    label = f'<th scope="row" id="why-{place}">{escape(reason.says)} {of}</th>'
    facts = [str(numbers or ""), str(claims or ""), escape(reason.hours)]
    return f"<tr>{label}{''.join(f'<td>{fact}</td>' for fact in facts)}</tr>"
