"""What each field of a record may hold.

A record is checked once, where its line is read or written; everything above relies on it.
"""

from __future__ import annotations

import math
import re
import reprlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from distillery_book.results.study import PROFILES

PRECISIONS = ("float32", "float64", "bfloat16", "float16")
LARGEST_SEED = 2**64


@dataclass(frozen=True)
class Rule:
    """What a field may hold, as a test and in words; with `each`, the field is an object and the
    test is for every value in it.
    """

    holds: Callable[[Any], bool]
    needed: str
    each: bool = False


def check(record: Mapping[str, Any], study: str) -> None:
    """Refuse, in a sentence without place, a record of `study` one of whose fields is not as the
    rules say.
    """
    check_rules(record, RULES)
    if record["study"] != study:
        raise ValueError(_sentence("study", record["study"], f"{study!r}, the file's own name"))


def check_rules(fields: Mapping[str, Any], rules: Mapping[str, Rule]) -> None:
    """Refuse, in a sentence without place, the first field that is not as its rule says."""
    for name, rule in rules.items():
        value = fields[name]
        if rule.each:
            _check_object(name, value, rule)
        elif not rule.holds(value):
            raise ValueError(_sentence(name, value, rule.needed))


def _check_object(name: str, value: Any, rule: Rule) -> None:
    if not isinstance(value, dict):
        raise ValueError(_sentence(name, value, "a json object"))
    for key, inner in value.items():
        if not (key and _is_text(key)):
            raise ValueError(_sentence(f"a name in {name}", key, "a text that is not empty"))
        if not rule.holds(inner):
            raise ValueError(_sentence(f"{name}[{reprlib.repr(key)}]", inner, rule.needed))


def _sentence(what: str, value: Any, needed: str) -> str:
    return f"{what} is {reprlib.repr(value)}; {needed} is needed"


def _is_text(value: Any) -> bool:
    """A text that can be printed anywhere: half a surrogate pair is none."""
    if not isinstance(value, str):
        return False
    return value.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in value)


def _is_name(value: Any) -> bool:
    return value != "" and _is_text(value)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_finite(value: Any) -> bool:
    """A number, and one that a float can hold; true and false are none."""
    if isinstance(value, float):
        return math.isfinite(value)
    return _is_whole(value) and abs(value) <= 1e308


def _is_amount(value: Any) -> bool:
    return _is_finite(value) and value >= 0


def _is_counting(value: Any) -> bool:
    return _is_whole(value) and value >= 1


def _is_seed(value: Any) -> bool:
    return _is_whole(value) and abs(value) < LARGEST_SEED


def _is_scalar(value: Any) -> bool:
    return isinstance(value, bool) or _is_finite(value) or _is_text(value)


def _is_side(value: Any) -> bool:
    """What one side of a departure may be: a scalar, several, or null where a paper is silent."""
    if isinstance(value, list):
        return all(_is_scalar(part) for part in value)
    return value is None or _is_scalar(value)


def _is_departure(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(_is_side(side) for side in value)


def _is_hash(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[0-9a-f]{16}", value) is not None


def _is_weights(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() == {"name", "hash"}
        and _is_name(value["name"])
        and _is_hash(value["hash"])
    )


def _is_commit(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[0-9a-f]{7,64}", value) is not None


def _is_moment(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def _or_null(holds: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or holds(value)


_A_NAME = Rule(_is_name, "a text that is not empty")
_AN_AMOUNT = Rule(_is_amount, "a finite number of 0 or more")
_A_COUNT = Rule(_is_counting, "a whole number of 1 or more")

RULES = {
    "study": _A_NAME,
    "version": _A_COUNT,
    "profile": Rule(lambda value: value in PROFILES, " or ".join(PROFILES)),
    "params": Rule(_is_scalar, "a bool, a finite number or a text", each=True),
    "seed": Rule(_is_seed, "a whole number of less than 65 bits"),
    "data": _A_NAME,
    "fingerprint": _A_NAME,
    "metrics": Rule(_is_finite, "a finite number", each=True),
    "departures": Rule(_is_departure, "a pair [published, here]", each=True),
    "seconds": _AN_AMOUNT,
    "peak_memory_mb": _AN_AMOUNT,
    "device": _A_NAME,
    "precision": Rule(lambda value: value in PRECISIONS, " or ".join(PRECISIONS)),
    "threads": _A_COUNT,
    "versions": Rule(_is_text, "a text", each=True),
    "commit": Rule(_or_null(_is_commit), "a commit's hexadecimal digits, or null,"),
    "dirty": Rule(lambda value: value is None or isinstance(value, bool), "true, false or null"),
    "arrays": Rule(_or_null(_is_hash), "a hash of 16 hexadecimal digits, or null,"),
    "weights": Rule(_or_null(_is_weights), "an object with name and hash, or null,"),
    "finished": Rule(_is_moment, "a date and time as ISO 8601 writes them"),
}

_A_NUMBER_OR_NONE = Rule(_or_null(_is_finite), "a finite number, or null,")

# What is recorded of a run that was made again.
RULES_OF_REPEATS = {
    **{name: RULES[name] for name in ("study", "params", "seed", "data", "versions", "commit")},
    "is_fresh": Rule(lambda value: isinstance(value, bool), "true or false"),
    "metrics": Rule(lambda value: _is_whole(value) and value >= 0, "a whole number from 0"),
    "worst": Rule(_is_text, "a text"),
    "recorded": _A_NUMBER_OR_NONE,
    "found": _A_NUMBER_OR_NONE,
    "allowed": _A_NUMBER_OR_NONE,
    "seconds": Rule(_or_null(_is_amount), "a finite number of 0 or more, or null,"),
    "changed": Rule(
        lambda value: isinstance(value, list) and all(map(_is_text, value)), "a list of texts"
    ),
    "finished": RULES["finished"],
    "error": Rule(_is_text, "a text"),
}
