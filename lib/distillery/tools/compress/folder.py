"""The folder beside a file in the making: checkpoints, a note of whose they are, and a lock."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distillery.support.atomic import write_atomically
from distillery.support.locks import claimed
from distillery.support.told import told

_NOTE, _LOCK = "run.json", "run.lock"


@dataclass(frozen=True)
class Folder:
    """That of the file at `path`, for the run that `facts` tell from others."""

    path: Path
    facts: Mapping[str, Any]

    @property
    def place(self) -> Path:
        return self.path.with_name(self.path.name + ".checkpoint")

    @property
    def begun(self) -> bool:
        """Whether this run has been here before."""
        return self._before() == dict(self.facts)

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """The folder, which must be this run's own, and no other process's as long as this one has
        it.
        """
        if not self._is_ours():
            raise ValueError(
                f"{self.place} has files in it but no {_NOTE}: remove the folder, or name another"
                " file"
            )
        advice = "wait for it, stop it, or name another file"
        with claimed(self.place / _LOCK, f"{self.path} is being written", advice=advice):
            self._sign()
            yield

    def remove(self) -> None:
        """Renamed first: a folder half removed under its own name would stand in the way."""
        done = self.place.with_name(self.place.name + ".done")
        shutil.rmtree(done, ignore_errors=True)
        shutil.rmtree(self.place.rename(done), ignore_errors=True)

    def _is_ours(self) -> bool:
        """Without a note only what a run leaves that was killed before anything else: the note half
        written, or the lock.
        """
        if not self.place.is_dir() or (self.place / _NOTE).is_file():
            return True
        return all(path.name.startswith((_NOTE, _LOCK)) for path in self.place.iterdir())

    def _sign(self) -> None:
        """What this run is, for those that continue it; a folder that says something else is
        another's.
        """
        before = self._before()
        differing = [
            f"{key} {before.get(key)} there, {value} here"
            for key, value in self.facts.items()
            if before and before.get(key) != value
        ]
        if differing:
            raise ValueError(
                f"{self.place} is of another run ({'; '.join(differing)}): repeat that one, remove"
                " the folder, or name another file"
            )
        write_atomically(self.place / _NOTE, json.dumps(dict(self.facts)).encode())

    def _before(self) -> dict[str, Any]:
        """What the note says; nothing where there is none."""
        note = self.place / _NOTE
        try:
            return dict(json.loads(note.read_text())) if note.is_file() else {}
        except (TypeError, ValueError, RecursionError) as problem:
            raise ValueError(
                f"{note} cannot be read ({told(problem)}): remove {self.place}, and the run begins"
                " anew"
            ) from problem
