"""What the pages beside the chapters promise: the dictionary's names exist, every work cited is
listed.
"""

from __future__ import annotations

import re
from pathlib import Path

from distillery_book.results.verdicts import VERDICTS
from distillery_book.site import ipynb

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


def test_every_work_has_an_address() -> None:
    entries = re.findall(
        r"^@\w+\{(\w+),(.*?)^\}",
        (ROOT / "book" / "references.bib").read_text(encoding="utf-8"),
        flags=re.MULTILINE | re.DOTALL,
    )
    forms = {
        "doi": r"10\.\d{4,}/\S+",
        "eprint": r"\d{4}\.\d{4,5}|math/\d{7}",
        "url": r"https://\S+",
    }
    found = {
        key: [
            (name, value) for name, value in re.findall(r"^  (\w+) = \{(.*)\}", facts, re.MULTILINE)
        ]
        for key, facts in entries
    }
    addresses = {
        key: [(name, value) for name, value in facts if name in forms]
        for key, facts in found.items()
    }
    assert [key for key, known in addresses.items() if len(known) != 1] == []
    assert [
        value
        for known in addresses.values()
        for name, value in known
        if not re.fullmatch(forms[name], value)
    ] == []


def test_the_loop_is_one_formula_on_the_first_page_in_the_dictionary_and_in_chapter_1() -> None:
    chapter = ipynb.read(ROOT / "book" / "01_one_loop.ipynb")
    texts = [
        (ROOT / "book" / "index.md").read_text(encoding="utf-8"),
        (ROOT / "book" / "notation.md").read_text(encoding="utf-8"),
        "\n".join(ipynb.source(cell) for cell in chapter["cells"]),
    ]
    formulas = {re.sub(r"\s|\\[;,]", "", re.findall(r"\\min_.*", text)[0]) for text in texts}
    assert len(formulas) == 1


def test_no_term_is_defined_twice_and_every_definition_fits_a_note() -> None:
    glossary = (ROOT / "book" / "glossary.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```\{glossary\}\n(.*?)```", glossary, flags=re.DOTALL)
    entries = [entry for block in blocks for entry in block.strip().split("\n\n")]
    terms = [line for entry in entries for line in entry.splitlines() if line[0] != " "]
    assert len(terms) > 50
    assert sorted(terms) == sorted(set(terms))
    says = [
        " ".join(line.strip() for line in entry.splitlines() if line[0] == " ") for entry in entries
    ]
    assert [text for text in says if not (text.endswith(".") and 30 < len(text) < 300)] == []


def test_every_profile_and_verdict_is_explained() -> None:
    running = (ROOT / "book" / "running.md").read_text(encoding="utf-8")
    assert all(f"`{profile}`" in running for profile in ("smoke", "laptop", "paper"))
    assert all(f"*{verdict}*" in running for verdict in (*VERDICTS, "reduced"))
