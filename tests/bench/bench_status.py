"""How long `distillery status` takes on many records, beside comparing each cell with each record.

    python tests/bench/bench_status.py [--lines 100000] [--compared 2000]

One study with a thousand settings, and a file with a record for every cell of its paper profile, so
many lines. What is timed, in seconds of one core: reading and checking the file; and all that the
command asks for, which is reading, the verdicts of all published numbers and the progress of three
grids, with the mean of each setting on top. The slow way compares the 300 cells of the laptop
profile alone, in canonical form, with each record. It is timed on fewer records and scaled up in
proportion, which is how it grows.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "helpers"))

from paired import Timing, note, peak_memory, print_memory

from distillery_book.results import records
from distillery_book.results.results import Results
from distillery_book.results.study import Answer, Cell, Outcome, Study
from made_records import TABLE, made

SETTINGS, LAPTOP = 1000, 300
ROWS = (10, 100, 1000, 10_000, 100_000)


def study(lines: int) -> Study:
    """As many cells at the paper profile as there are lines; the first settings answer a table."""
    grids = {
        "smoke": [],
        "laptop": [_cell(number) for number in range(LAPTOP)],
        "paper": [_cell(number) for number in range(lines)],
    }
    answers = [
        Answer(TABLE, {"episodes": row}, "real", "accuracy", {"setting": number}, scale=100)
        for number, row in enumerate(ROWS)
    ]
    run = lambda cell, context: Outcome({})  # noqa: E731
    return Study("made", 1, "", grids.__getitem__, run, lambda: answers)


def write(folder: Path, lines: int) -> None:
    """The records as the runner writes them, without its waiting for the disk at each."""
    with open(folder / "made.jsonl", "w") as file:
        for number in range(lines):
            cell = _cell(number)
            record = made(params=cell.params, seed=cell.seed)
            file.write(json.dumps(asdict(record), sort_keys=True) + "\n")


def ask(folder: Path, known: Study, lines: int) -> None:
    """What the command asks for, and every setting's mean as chapters would."""
    results = Results(folder, [known])
    assert results.cells["value"].notna().sum() == len(ROWS)
    assert results.progress["recorded"].tolist() == [0, min(LAPTOP, lines), lines]
    means = [results.mean("made", "accuracy", {"setting": number}) for number in range(SETTINGS)]
    assert sum(mean.n for mean in means if mean is not None) == lines


def ask_of_the_book() -> None:
    """What the command asks for, of the records of the book."""
    results = Results(records.results_folder(None))
    assert len(results.cells) > 0
    assert len(results.progress) > 0


def compare(folder: Path, known: Study) -> None:
    runs = records.read("made", folder)
    for cell in known.cells("laptop"):
        place = _canonical(cell)
        assert sum(_canonical(run.cell) == place for run in runs) == 1


def seconds(call: Callable[[], None]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=100_000)
    parser.add_argument("--compared", type=int, default=2000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder, known = Path(name), study(given.lines)
        write(folder, given.compared)
        slow = seconds(lambda: compare(folder, known)) * given.lines / given.compared
        write(folder, given.lines)
        read = seconds(lambda: list(records.read("made", folder)))
        quick = seconds(lambda: ask(folder, known, given.lines))
        needs: dict[str, Callable[[], object]] = {
            "reading": lambda: list(records.read("made", folder)),
            "status": lambda: ask(folder, known, given.lines),
        }
        print_memory(needs)
        write(folder, given.compared)
        print_memory({f"{given.compared} lines compared": lambda: compare(folder, known)})
    ask_of_the_book()  # imports every study
    own = [seconds(ask_of_the_book) for _ in range(3)]
    note("status", Timing("distillery", own, peak_memory(ask_of_the_book)))
    print(f"the book's own records, seconds of one core {median(own):8.2f}")
    print(f"{given.lines} lines, seconds of one core")
    print(f"  reading alone           {read:8.2f}")
    print(f"  status, and all means   {quick:8.2f}")
    print(f"  {LAPTOP} cells with each      {slow:8.2f}   ratio {slow / quick:.0f}")


def _cell(number: int) -> Cell:
    seed, setting = divmod(number, SETTINGS)
    return Cell({"inputs": "real", "setting": setting}, seed, "mnist")


def _canonical(cell: Cell) -> tuple[str, int, str]:
    return json.dumps(cell.params, sort_keys=True), cell.seed, cell.data


if __name__ == "__main__":
    main()
