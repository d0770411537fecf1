"""Beyond the thesis: what makes the student of an ensemble better, one thing changed at a time, and
how much all of it together.

Where asking the teacher is dear, it is asked once about a pool of inputs that come again and again.
How far pictures are jittered (1 pixel for all images, 2 for a tenth), the batch and the rate of the
long rungs, and what slopes weigh, were settled on 10,000 training images held out, with a teacher
of five networks that had not seen them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from distillery_book.chapters.ensembles.parts import FIRST
from distillery_book.results.study import Scalar

FEW, MANY = 240_000, 1_200_000  # inputs of a pool: with slopes an answer is 785 times larger
# pixels each way; a pixel goes with 5 degrees and a twentieth of the size
SHIFTS = {"all": 1.0, "10pct": 2.0}


@dataclass(frozen=True)
class Rung:
    """A student trained by Adam; `times` the thesis' 40 passes, on a `pool` of so many inputs, or
    0: on new ones every time.
    """

    generator: str
    share: str
    losses: str = "cross_entropy"
    temperature: float = 1.0
    times: int = 1
    pool: int = 0
    batch: int = 20
    rate: float = 0.002
    tenth: str = ""  # which, where it is not drawn at random

    @property
    def params(self) -> dict[str, Scalar]:
        """What its cell says beside what every cell says."""
        params: dict[str, Scalar] = {"batch": self.batch, "adam_rate": self.rate, "pool": self.pool}
        if self.generator == "jitter":
            params["shift"] = SHIFTS[self.share]
        if self.tenth:
            params["tenth"] = self.tenth
        return params


LADDER = (
    Rung("mnist", "all"),
    Rung("nade", "all"),
    Rung("recollections", "all"),
    Rung("jitter", "all"),
    Rung("jitter", "all", pool=FEW),
    Rung("jitter", "all", "derivative", pool=FEW),
    Rung("jitter", "all", "both", pool=FEW),
    Rung("noise", "all", "derivative", pool=FEW),
    Rung("jitter", "all", temperature=3.0),
    Rung("jitter", "all", times=40, pool=MANY, batch=80, rate=0.004),
    Rung("mnist", "10pct"),
    Rung("nade", "10pct"),
    Rung("jitter", "10pct"),
    Rung("mnist", "10pct", "derivative"),
    Rung("jitter", "10pct", "derivative"),
    Rung("jitter", "10pct", "both"),
    Rung("jitter", "10pct", times=400, pool=MANY, batch=80, rate=0.004),
    Rung("jitter", "10pct", times=400, pool=MANY, batch=80, rate=0.004, tenth=FIRST),
)

# What the chapter compares with one another, beside those that are run three times already: with
# one seed each they decide nothing.
CLAIMED = tuple(
    rung
    for rung in LADDER
    if rung.times == 1
    and rung.temperature == 1
    and rung.generator != "noise"
    and rung != Rung("jitter", "all")
)


def last(share: str) -> Rung:
    """The longest, on the thesis' own tenth, which the aims are judged by."""
    return max(
        (rung for rung in LADDER if rung.share == share), key=lambda rung: (rung.times, rung.tenth)
    )


def named(params: Mapping[str, Scalar]) -> str:
    """A cell in words: what it sees and is asked, and whatever else is not the thesis'."""
    losses = str(params["losses"]).replace("_", " ")
    words = [f"{params['generator']}, {'slopes' if losses == 'derivative' else losses}"]
    if params["temperature"] != 1:
        words.append(f"temperature {params['temperature']:g}")
    if params.get("pool"):
        words.append(f"pool of {params['pool']:,}")
    if params["passes"] != 40:
        words.append(f"{params['passes']:,} passes")
    if params.get("tenth") == FIRST:
        words.append("first tenth")
    return ", ".join(words)
