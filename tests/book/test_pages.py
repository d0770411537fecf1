"""What the pages beside the chapters promise: the dictionary's names exist, every work cited is
listed.
"""

from __future__ import annotations

import re
from pathlib import Path

from distillery_book.results.verdicts import VERDICTS

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = "\n".join(
    path.read_text(encoding="utf-8") for path in sorted((ROOT / "lib").rglob("*.py"))
)


def test_every_name_of_the_dictionary_exists_in_the_library() -> None:
    rows = [
        line.split(" | ")
        for line in (ROOT / "book" / "notation.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("| ")
    ]
    names = {
        name
        for row in rows
        if len(row) == 4
        for name in re.findall(r"`[^`]*?\.?([A-Za-z]\w+)(?:\([^`]*)?`", row[2])
    }
    assert len(names) > 10
    assert sorted(name for name in names if not re.search(rf"{name}\b", LIBRARY)) == []


def test_every_work_has_its_facts_and_is_listed_once() -> None:
    entries = re.findall(
        r"^@(\w+)\{(\w+),(.*?)^\}",
        (ROOT / "book" / "references.bib").read_text(encoding="utf-8"),
        flags=re.MULTILINE | re.DOTALL,
    )
    keys = [key for _, key, _ in entries]
    assert len(set(keys)) == len(keys) > 50
    assert [
        key
        for _, key, facts in entries
        if not all(
            re.search(rf"^  {fact} = ", facts, flags=re.MULTILINE)
            for fact in ("author", "title", "year")
        )
    ] == []
    assert [
        key
        for _, key, facts in entries
        if f"year = {{{re.findall('[0-9]{4}', key)[0]}}}" not in facts
    ] == []


def test_every_profile_and_verdict_is_explained() -> None:
    running = (ROOT / "book" / "running.md").read_text(encoding="utf-8")
    assert all(f"`{profile}`" in running for profile in ("smoke", "laptop", "paper"))
    assert all(f"*{verdict}*" in running for verdict in (*VERDICTS, "reduced"))
