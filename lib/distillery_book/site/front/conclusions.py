"""The five papers as cards, and what of their conclusions did not come out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from distillery.metrics import Estimate
from distillery_book.results import claims, published, verdicts
from distillery_book.results.claims import Claim
from distillery_book.results.results import Results
from distillery_book.site.front import known, verdict_squares
from distillery_book.site.front.known import Paper

WORDS = {  # of one conclusion, and of several
    claims.HOLDS: ("holds", "hold"),
    claims.FAILS: ("fails", "fail"),
    claims.UNDECIDED: ("undecided", "undecided"),
    verdicts.NOT_RUN: ("not yet tested", "not yet tested"),
}


@dataclass(frozen=True)
class Judged:
    """A conclusion of a paper and whether it holds here, by the difference that speaks least for
    it.
    """

    claim: Claim
    verdict: str
    difference: Estimate | None = None


def judged(results: Results) -> list[Judged]:
    differences = {claim: claims.found(claim, results) for claim in claims.claims()}
    return [
        Judged(claim, claims.judge(difference), difference)
        for claim, difference in differences.items()
    ]


def cards(results: Results) -> str:
    """A card a paper, in MyST."""
    every = judged(results)
    written = "\n\n".join(_card(paper, every, results) for paper in known.papers())
    return f"::::{{grid}} 1 1 2 2\n:gutter: 3\n\n{written}\n::::"


def failures(results: Results) -> str:
    """A point for each conclusion that fails, then for each table with numbers that were not
    reached.
    """
    failed = [one.claim for one in judged(results) if one.verdict == claims.FAILS]
    points = [f"- {_led(claim.chapter)} fails: “{claim.claim}”" for claim in failed]
    return "\n".join([*points, *_unreached(results)])


def summary(results: Results) -> str:
    """How many of the conclusions hold, in a sentence."""
    every = judged(results)
    return f"Of {len(every)} conclusions of the papers that the chapters test: {_told(every)}."


def _card(paper: Paper, every: Iterable[Judged], results: Results) -> str:
    own = [one for one in every if one.claim.paper == paper.key]
    tables = {table.name for table in published.tables() if table.paper == paper.key}
    cells = results.cells[results.cells["table"].isin(tables)]
    run = int((cells["verdict"] != verdicts.NOT_RUN).sum())
    conclusions = f"{len(own)} conclusions: {_told(own)}. " if own else ""
    numbers = f"{run} of {len(cells)} printed numbers run. " if len(cells) else ""
    return "\n".join(
        [
            f":::{{grid-item-card}} {paper.title}",
            ":class-card: paper-card",
            f"{{cite:t}}`{paper.cite}`. {paper.says.strip()}",
            "",
            f"**Here**: {paper.reproduced.strip()}",
            "",
            f"{conclusions}{numbers}{_listed(paper.chapters)}",
            ":::",
        ]
    )


def _told(own: Sequence[Judged]) -> str:
    counted = Counter(one.verdict for one in own)
    found = {word: counted[word] for word in WORDS if counted[word]}
    return ", ".join(f"{n} {WORDS[word][n > 1]}" for word, n in found.items())


def _listed(numbers: Sequence[int]) -> str:
    """Links to chapters, and which are to come."""
    known_chapters = known.chapters()
    links = [
        f"[{number}]({known_chapters[number].notebook}.ipynb)"
        if number in known_chapters
        else f"{number} (in preparation)"
        for number in numbers
    ]
    return f"{'Chapters' if len(links) > 1 else 'Chapter'} {', '.join(links)}."


def _unreached(results: Results) -> list[str]:
    cells = verdict_squares.printed(results)
    words = cells["verdict"].str.removesuffix(verdicts.REDUCED)
    off = cells[words.isin(["misses", "differs"])]
    return [
        f"- {_led(table.chapter)}, {len(off[off['table'] == table.name])} of"
        f" {len(cells[cells['table'] == table.name])} numbers: {table.title}."
        for table in published.tables()
        if table.name in set(off["table"])
    ]


def _led(number: int) -> str:
    """A chapter's name in bold, with a link where it has a page."""
    chapter = known.chapters().get(number)
    subject = known.subject(number)
    return f"**{subject}**" if chapter is None else f"**[{subject}]({chapter.notebook}.ipynb)**"
