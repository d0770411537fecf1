"""Every conclusion of the papers in our words, and whether the recorded runs bear it out."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import groupby

from distillery_book.pages.conclusions import in_words, seeds
from distillery_book.results import reasons
from distillery_book.results.reasons import Reason
from distillery_book.results.results import Results
from distillery_book.results.verdicts import NOT_RUN
from distillery_book.site.front import conclusions, known
from distillery_book.site.front.conclusions import Judged
from distillery_book.site.scores import places
from distillery_book.site.scores.filters import body, linked, reason_link, verdict_word
from distillery_book.site.scores.filters import html as filtered

HEAD = ("what is claimed, and how it is tested", "difference", "n", "verdict")
CHOICES = {word: word for word in conclusions.WORDS}


def html(results: Results) -> str:
    every = sorted(conclusions.judged(results), key=lambda one: one.claim.chapter)
    grouped = groupby(every, key=lambda one: (one.claim.chapter, one.claim.paper))
    bodies = [_body(*place, [*group]) for place, group in grouped]
    return filtered("conclusions", HEAD, bodies, CHOICES)


def _body(chapter: int, paper: str, group: Sequence[Judged]) -> str:
    address, why = places.of_claims(chapter), reasons.reasons()
    rows = [_row(one, address, why) for one in group]
    name = linked(f"{chapter} · {known.subject(chapter)}", address)
    heading = f"{name} <small>{escape(known.paper_title(paper))}</small>"
    return body(heading, rows, paper=paper, chapter=chapter, columns=len(HEAD))


def _row(one: Judged, address: str, why: Sequence[Reason]) -> str:
    claim = one.claim
    tested = f"<small>{escape(claim.place)}: {escape(claim.test)}</small>"
    difference = escape(in_words(one.difference, claim.unit)), seeds(one.difference)
    facts = [*difference, verdict_word(one.verdict) + _why(one, why)]
    cells = "".join(f"<td>{fact}</td>" for fact in facts)
    label = f'<th scope="row">{linked(claim.claim, address)} {tested}</th>'
    return f'<tr data-verdict="{one.verdict}">{label}{cells}</tr>'


def _why(one: Judged, why: Sequence[Reason]) -> str:
    reason = reasons.why(one.claim.key, (), why) if one.verdict == NOT_RUN else None
    return reason_link(reason, why)
