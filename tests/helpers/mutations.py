"""Valid files altered: bits flipped, ends cut off, pieces moved, numbers and types exchanged, and
headers that claim what is not there.

A mutation is a function of a `random.Random` and the content, and answers another content.
"""

from __future__ import annotations

import io
import json
import random
import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from typing import Any

Mutation = Callable[[random.Random, bytes], bytes]

_MOST = 1 << 20  # bytes: no altered file grows beyond
_LENGTHS = (0, 1, 7, 255, 2**16, 10**9, 2**31 - 1, 2**32, 2**47, 2**63 - 1, 2**63, 2**64 - 1)
_TOKENS = (
    b"-1",
    b"0",
    b"1e999",
    b"-0.0",
    b"1.5",
    b"9" * 30,
    b"9" * 5000,
    b"4294967296",
    b"NaN",
    b"-Infinity",
    b"inf",
    b"nan",
    b"null",
    b"true",
    b"[]",
    b"{}",
    b'""',
    b'"\\ud800"',
    b"\xff\xfe",
    b"\x00",
    b"\r\n",
    "\u2028é\U0001d11e".encode(),
    b"[" * 20_000,
    b'{"a":' * 20_000,
)
STRANGE: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    1,
    2,
    3.5,
    -0.0,
    1e308,
    2**31,
    2**63,
    2**64,
    10**30,
    10**4000,
    "",
    "a",
    "ü\u2028",
    "\ud800",
    "F32",
    "a\nb",
    "x" * 3000,
    [],
    {},
    [1, 2],
    ["a"],
    [[]],
    {"a": 1},
    {"": None},
    [0] * 100,
    [2**40, 2**40],
    [-1, 4],
)


def flipped(rng: random.Random, content: bytes) -> bytes:
    altered = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 8))):
        altered[rng.randrange(len(altered))] ^= 1 << rng.randrange(8)
    return bytes(altered)


def overwritten(rng: random.Random, content: bytes) -> bytes:
    place, size = rng.randrange(len(content)), rng.choice((1, 1, 2, 4, 16))
    fill = rng.choice((b"\0", b"\xff", b"\x80", b"\n", rng.randbytes(1)))
    return content[:place] + fill * size + content[place + size :]


def cut(rng: random.Random, content: bytes) -> bytes:
    return content[: rng.randrange(len(content))]


def shortened(rng: random.Random, content: bytes) -> bytes:
    start, end = sorted(rng.randrange(len(content) + 1) for _ in range(2))
    return content[:start] + content[min(end, start + rng.choice((1, 2, 8, 64, 10**9))) :]


def lengthened(rng: random.Random, content: bytes) -> bytes:
    place = rng.choice((0, rng.randrange(len(content)), len(content)))
    return content[:place] + rng.randbytes(rng.choice((1, 2, 8, 100))) + content[place:]


def repeated(rng: random.Random, content: bytes) -> bytes:
    start, end = sorted(rng.randrange(len(content) + 1) for _ in range(2))
    return content[:end] + content[start:end] * rng.choice((1, 2, 5)) + content[end:]


def swapped(rng: random.Random, content: bytes) -> bytes:
    a, b, c, d = sorted(rng.randrange(len(content) + 1) for _ in range(4))
    return content[:a] + content[c:d] + content[b:c] + content[a:b] + content[d:]


def resized(rng: random.Random, content: bytes) -> bytes:
    """A length somewhere, mostly the first one, becomes another."""
    width = rng.choice((2, 4, 8))
    place = rng.choice((0, rng.randrange(len(content))))
    length = rng.choice(_LENGTHS) % 256**width
    return content[:place] + length.to_bytes(width, "little") + content[place + width :]


def exchanged(rng: random.Random, content: bytes) -> bytes:
    """A number or a word becomes something else."""
    found = list(re.finditer(rb"[\d.]+|\w+|[^\w\s]", content[:4000]))
    if not found:
        return content + rng.choice(_TOKENS)
    token = rng.choice(found)
    return content[: token.start()] + rng.choice(_TOKENS) + content[token.end() :]


BYTES: tuple[Mutation, ...] = (
    flipped,
    overwritten,
    cut,
    shortened,
    lengthened,
    repeated,
    swapped,
    resized,
    exchanged,
)


def of_json(rng: random.Random, content: bytes) -> bytes:
    """One place in a json text holds something else, is gone, or is there under another name."""
    try:
        tree = json.loads(content)
    except (ValueError, RecursionError):
        return flipped(rng, content)
    return json.dumps(another(rng, tree)).encode()


def of_json_lines(rng: random.Random, content: bytes) -> bytes:
    lines = content.split(b"\n")
    place = rng.randrange(max(1, len(lines) - 1))
    lines[place] = of_json(rng, lines[place] or b"0")
    return b"\n".join(lines)


def another(rng: random.Random, tree: Any) -> Any:
    """The same tree but for one place."""
    if not tree or not isinstance(tree, dict | list) or rng.random() < 0.1:
        return rng.choice(STRANGE)
    altered: Any = dict(tree) if isinstance(tree, dict) else list(tree)
    place = rng.choice(list(altered) if isinstance(tree, dict) else range(len(tree)))
    deed = rng.random()
    if deed < 0.1:
        altered.pop(place)
    elif deed < 0.2 and isinstance(tree, dict):
        altered[rng.choice(("", "a", "__metadata__", "name\n", place + "x"))] = altered.pop(place)
    else:
        altered[place] = another(rng, altered[place])
    return altered


def of_safetensors(rng: random.Random, content: bytes) -> bytes:
    """The header, json in front of the numbers, says something else, in its true length."""
    header, numbers = header_of(content)
    tree = json.loads(header)
    place = rng.choice(list(tree))
    if place == "__metadata__" and rng.random() < 0.7:
        name = rng.choice(list(tree[place]))
        tree[place][name] = of_text(rng, tree[place][name])
    else:
        tree[place] = another(rng, tree[place])
    return with_header(json.dumps(tree).encode(), numbers)


def of_text(rng: random.Random, text: str) -> str:
    """A string of the header; what is json in it is altered as json."""
    if text[:1] in ("[", "{") and rng.random() < 0.8:
        return of_json(rng, text.encode()).decode(errors="replace")
    if rng.random() < 0.3:
        return rng.choice(("", "-1", "0", "1", "9" * 15, "9" * 5000, "ä", "x" * 3000, "a\nb", "²"))
    return rng.choice(BYTES)(rng, (text or "0").encode()).decode(errors="replace")


def header_of(content: bytes) -> tuple[bytes, bytes]:
    """The header of a safetensors file, and its numbers."""
    start = 8 + int.from_bytes(content[:8], "little")
    return content[8:start], content[start:]


def with_header(header: bytes, numbers: bytes) -> bytes:
    return len(header).to_bytes(8, "little") + header + numbers


def of_npz(rng: random.Random, content: bytes) -> bytes:
    """A member of an archive, under a true checksum, is another array, or none."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = rng.choice(list(members))
    members[name] = rng.choice((of_npy, *BYTES))(rng, members[name])
    if rng.random() < 0.1:
        members[rng.choice(("", "x", "../y.npy", "x_train.npy"))] = members.pop(name)
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", rng.choice((0, 0, 8))) as archive:
        for name, member in members.items():
            archive.writestr(zipfile.ZipInfo(name or "x"), member)
    return made.getvalue()


def of_npy(rng: random.Random, content: bytes) -> bytes:
    """The header of an array says something else."""
    length = int.from_bytes(content[8:10], "little")
    header = content[10 : 10 + length].decode("latin1")
    words = ("'|O'", "'<f8'", "'<U0'", "'<U999999999'", "'|V0'", "'>c16'", "[('a','<i4')]", "None")
    sizes = ("()", "(-1,)", "(2**9,)", "(10**12, 10**12)", "(1000000000000,)", "(True,)", "(0,)")
    header = rng.choice(
        (
            lambda: re.sub(r"'descr': '[^']*'", f"'descr': {rng.choice(words)}", header),
            lambda: re.sub(r"\([^)]*\)", rng.choice(sizes), header),
            lambda: header.replace("False", rng.choice(("True", "1", "None"))),
            lambda: header.replace("{", "{" * rng.choice((2, 100, 5000))),
        )
    )()
    written = header.encode("latin1")
    return (
        content[:8]
        + (len(written) % 65536).to_bytes(2, "little")
        + written
        + content[10 + length :]
    )


def of_table(rng: random.Random, content: bytes) -> bytes:
    """A field of a CSV file is another, or a line has one more or fewer."""
    lines = content.decode(errors="replace").split("\n")
    place = rng.randrange(max(1, len(lines) - 1))
    fields = lines[place].split(",")
    number = rng.randrange(len(fields))
    odd = ("", "x", "-1", "1e999", "nan", '"', "9" * 5000, "a\0b", "ü", ",", "1_000", "x" * 200_000)
    if rng.random() < 0.2:
        fields.pop(number)
    else:
        fields[number] = rng.choice(odd)
    lines[place] = ",".join(fields)
    return "\n".join(lines).encode()


def altered(
    rng: random.Random, contents: Sequence[bytes], own: Sequence[Mutation]
) -> Iterator[bytes]:
    """Endlessly many files made of the valid ones: half by the mutations of their `own` format, a
    few by two of the mutations one after the other.
    """
    while True:
        content = rng.choice(contents)
        kinds = own if own and rng.random() < 0.5 else BYTES
        content = rng.choice(kinds)(rng, content)
        if content and rng.random() < 0.2:
            content = rng.choice(BYTES)(rng, content)
        yield content[:_MOST]
