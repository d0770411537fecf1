"""When the newest packages were last tried, and what moved, as Markdown."""

from __future__ import annotations

from distillery_book.site.costs import laid_out
from distillery_book.site.newest.outcome import Outcome

HEAD = ("where", "what", "with the pins", "with the newest")
NOTHING = "Nobody has recorded a try yet: `make newest` makes one."
LONGEST = 30  # rows


def markdown(outcome: Outcome | None) -> str:
    if outcome is None:
        return NOTHING
    parts = [_sentence(outcome), _table(outcome), _versions(outcome)]
    return "\n\n".join(part for part in parts if part)


def _sentence(outcome: Outcome) -> str:
    count = len(outcome.moved)
    what = {0: "nothing moved", 1: "one thing moved"}.get(count, f"{count} things moved")
    return (
        f"Last tried on {outcome.date}, at commit `{outcome.commit[:10]}` with Python"
        f" {outcome.python}: {len(outcome.versions)} of {outcome.packages} packages had another"
        f" version than the pinned one, and {what}."
    )


def _table(outcome: Outcome) -> str:
    rows = [
        (_plain(one.where), one.kind, _plain(one.before), _plain(one.after))
        for one in outcome.moved[:LONGEST]
    ]
    if not rows:
        return ""
    left = len(outcome.moved) - len(rows)
    more = f"\n\nThere are {left} more in `book/bench/newest.json`." if left else ""
    return laid_out(HEAD, rows, texts=len(HEAD)) + more


def _versions(outcome: Outcome) -> str:
    told = [
        f"{name} {old or 'absent'} → {new or 'absent'}"
        for name, (old, new) in outcome.versions.items()
    ]
    return f"Packages, pinned → newest: {', '.join(told)}." if told else ""


def _plain(text: str) -> str:
    """As code, so that what a program printed is neither a link nor a formula; a bar would end a
    cell of the table, and a backtick the code.
    """
    shown = text.replace("`", "'").replace("|", "¦").strip()
    return f"`{shown}`" if shown else ""
