"""The records of one study that count, found by what they were run on without looking at the
others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from distillery_book.results.records import Place, Record, place
from distillery_book.results.study import PROFILES, Profile, Study

Key = tuple[bool, Any]


class Index:
    """A study's grids, and those of its records that count: of its present version, and of cells
    that it still has at some profile.

    `outdated` is the number of records of other versions.
    """

    def __init__(self, study: Study, recorded: Sequence[Record]) -> None:
        self.study = study
        self.grids: Mapping[Profile, list[Place]] = {
            profile: [place(cell) for cell in study.cells(profile)] for profile in PROFILES
        }
        self.order = {at: rank for grid in self.grids.values() for rank, at in enumerate(grid)}
        present = [record for record in recorded if record.version == study.version]
        self.outdated = len(recorded) - len(present)
        counting = [record for record in present if record.place in self.order]
        self.records = [completed(record, study) for record in counting]
        self._places = {record.place for record in self.records}
        self._by_fact: dict[str, dict[Key, list[Record]]] = {}

    def done(self, profile: Profile) -> int:
        """How many cells of a grid are recorded, whatever their data's fingerprint."""
        return sum(at in self._places for at in self.grids[profile])

    def fitting(self, where: Mapping[str, Any]) -> list[Record]:
        """The records that `where` describes, in the order written; None stands for a parameter
        that a run lacks.
        """
        candidates = self.records
        for name, value in where.items():
            having = self._having(name).get(_key(name, value), [])
            candidates = min(candidates, having, key=len)
        return [record for record in candidates if record.fits(where)]

    def _having(self, name: str) -> dict[Key, list[Record]]:
        """The records by their value of a parameter, seed, data or profile."""
        if name not in self._by_fact:
            groups: dict[Key, list[Record]] = {}
            for record in self.records:
                groups.setdefault(_key(name, record.facts().get(name)), []).append(record)
            self._by_fact[name] = groups
        return self._by_fact[name]


def completed(record: Record, study: Study) -> Record:
    """The record with the departures that its study knows of and the record does not name."""
    known = {name: list(pair) for name, pair in study.departs(record.cell).items()}
    if known.keys() <= record.departures.keys():
        return record
    return replace(record, departures={**known, **record.departures})


def _key(name: str, value: Any) -> Key:
    """What is alike for values that `records.same` calls equal, and for no others."""
    try:
        hash(value)
    except TypeError:
        raise ValueError(
            f"where has {name}={value!r}; a bool, a number, a text or None is needed"
        ) from None
    return isinstance(value, bool), value
