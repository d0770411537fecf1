"""The cells of the study `ensembles`, what their parameters mean, and how they depart from the
thesis' protocol.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from distillery.tools.compress.recipes import model_name
from distillery_book.chapters.ensembles.ladder import CLAIMED, LADDER, Rung, last, named
from distillery_book.chapters.ensembles.parts import BATCH, FIRST, REMEMBERED, SHARES, Sizes
from distillery_book.results.study import WEIGHTS, Cell, Profile, Scalar

GENERATORS = ("mnist", "nade", "noise")
LOSSES = ("cross_entropy", "derivative")
BOTH = " ".join(LOSSES)  # a student for each
RECORDED = model_name(*REMEMBERED)

# What the thesis concludes from.
DECIDING = (("mnist", "10pct"), ("nade", "10pct"), ("noise", "10pct"), ("mnist", "all"))
# Seeds beyond these: on a tenth three students of slopes scatter too widely to decide, and one run
# on noise does not know its own scatter.
FURTHER = {
    ("mnist", "10pct"): range(3, 8),
    ("noise", "all"): range(1, 4),
    ("nade", "all"): range(1, 3),
}
# Seeds of rows that are run with another start beside the thesis' own.
OTHER_START = {
    ("mnist", "all"): 2,
    ("nade", "all"): 1,
    ("mnist", "10pct"): 3,
    ("nade", "10pct"): 1,
    ("noise", "10pct"): 3,
}

SMALL = Sizes(3, 2, (784, 24, 16, 10), (784, 12, 8, 10), 16, 4)
PLANS: Mapping[Profile, tuple[Sizes, int]] = {
    "smoke": (SMALL, 2),
    "laptop": (Sizes(5, 5, nade_passes=3), 5),
    "paper": (Sizes(), 40),
}
PUBLISHED: dict[str, Scalar] = {
    "passes": 40,
    "members": 30,
    "teacher_passes": 20,
    "optimizer": "adadelta",
    "temperature": 1.0,
}
PUBLISHED_NADE_PASSES = 10
IMAGES = 60_000  # of which the thesis' students see one of each generator a pass


def cells(profile: Profile) -> Sequence[Cell]:
    """Three generators by two shares of the data; the rows that decide a claim with three seeds;
    some of these with another tenth, and then another start; the ladder; what it gains most by and
    its last rungs again; and further seeds of whatever was still undecided.
    """
    if profile == "smoke":
        return [thesis(profile, generator, "all") for generator in GENERATORS]
    tables = [thesis(profile, generator, share) for generator in GENERATORS for share in SHARES]
    if profile == "laptop":
        return tables
    return [*tables, *_again(profile), *_ladder(profile), *_further(profile)]


def _again(profile: Profile) -> list[Cell]:
    """Rows of the thesis with further seeds, with a random tenth, and with another start."""
    seeds = [thesis(profile, *row, seed=seed) for row in DECIDING for seed in (1, 2)]
    tenths = [
        _started(profile, generator, "10pct", seed=seed)
        for generator in GENERATORS
        for seed in range(3)
    ]
    starts = [
        _cell(profile, *row, BOTH, seed=seed)
        for row, seeds in OTHER_START.items()
        for seed in range(seeds)
    ]
    return [*seeds, *tenths, *starts]


def _ladder(profile: Profile) -> list[Cell]:
    """All rungs; once more with two further seeds what the ladder gains most by, and its ends."""
    judged = (Rung("jitter", "all"), *map(last, SHARES))
    seeds = [rung_cell(profile, rung, seed=seed) for seed in (1, 2) for rung in judged]
    return [*(rung_cell(profile, rung) for rung in LADDER), *seeds]


def _further(profile: Profile) -> list[Cell]:
    """Seeds of what too few runs had left undecided; after all others, whose numbers they leave."""
    rows = [
        thesis(profile, *row, seed=seed) for row, further in FURTHER.items() for seed in further
    ]
    return [*rows, *(rung_cell(profile, rung, seed=seed) for rung in CLAIMED for seed in (1, 2))]


def thesis(profile: Profile, generator: str, share: str, *, seed: int = 0) -> Cell:
    """A row of the thesis' tables, with the first weights of its own networks and its own tenth."""
    usual = _started(profile, generator, share, seed=seed)
    if share != "10pct":
        return usual
    return Cell({**usual.params, "tenth": FIRST}, usual.seed, usual.data)


def row(
    generator: str, share: str, *, start: str | None = "unit", tenth: str | None = FIRST
) -> dict[str, Scalar | None]:
    """Where the runs of a row of the thesis' tables are; `start` or `tenth` None: with the start of
    He et al., on a random tenth.
    """
    return {
        "generator": generator,
        "train_data": share,
        "losses": BOTH,
        "start": start,
        "tenth": tenth if share == "10pct" else None,
    }


def rungs(share: str) -> dict[str, dict[str, Scalar | None]]:
    """The ladder's cells of a share of the data, in order: in words, and where their runs are; None
    is what their parameters lack.
    """
    listed = [rung_cell("paper", rung).params for rung in LADDER if rung.share == share]
    return {named(params): {"tenth": None, **params} for params in listed}


def rung_cell(profile: Profile, rung: Rung, *, seed: int = 0) -> Cell:
    """The cell of a rung of the ladder."""
    usual = _cell(profile, rung.generator, rung.share, rung.losses, seed=seed)
    own: dict[str, Scalar] = {
        "optimizer": "adam",
        "temperature": rung.temperature,
        "passes": int(usual.params["passes"]) * rung.times,
    }
    return Cell({**usual.params, **own, **rung.params}, usual.seed, usual.data)


def seen(params: Mapping[str, Scalar]) -> str:
    """What the students' side sees, by the name under which `Parts` know it."""
    return str(params.get("tenth", params["train_data"]))


def sizes_of(params: Mapping[str, Scalar]) -> Sizes:
    """The smoke run's networks are small, those of every other profile the thesis'."""
    members, passes = int(params["members"]), int(params["teacher_passes"])
    if members < 1:
        raise ValueError(f"members is {members}: an ensemble of at least one network is needed")
    is_small = (members, passes) == (SMALL.members, SMALL.teacher_passes)
    sizes = SMALL if is_small else Sizes(members, passes, nade_passes=int(params["nade_passes"]))
    return replace(sizes, start=str(params.get("start", sizes.start)))


def departures(params: Mapping[str, Scalar]) -> dict[str, list[Scalar]]:
    """Whatever of a cell is not the thesis' protocol, as [published, here]."""
    published = dict(PUBLISHED)
    if params["generator"] == "nade":
        published["nade_passes"] = PUBLISHED_NADE_PASSES
    pairs = {name: [value, params[name]] for name, value in published.items()}
    different = {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
    return {**different, **_further_departures(params)}


def _further_departures(params: Mapping[str, Scalar]) -> dict[str, list[Scalar]]:
    """Those that no parameter of the thesis' own cells has a name for."""
    further: dict[str, list[Scalar]] = {}
    if params.get("start") != "unit":
        further["start"] = ["unit", "he"]
    if params["train_data"] == "10pct" and params.get("tenth") != FIRST:
        further["tenth"] = [FIRST, "random"]
    if params.get("batch", BATCH) != BATCH:
        further["batch"] = [BATCH, params["batch"]]
    if params.get("pool"):  # inputs that differ
        images = round(IMAGES * SHARES[str(params["train_data"])])
        further["samples"] = [int(PUBLISHED["passes"]) * images, params["pool"]]
    if params["losses"] == "both":
        further["losses"] = ["derivative", "both"]
    if params["generator"] not in GENERATORS:
        further["generator"] = ["nade", params["generator"]]
    return further


def _started(profile: Profile, generator: str, share: str, *, seed: int) -> Cell:
    usual = _cell(profile, generator, share, BOTH, seed=seed)
    return Cell({**usual.params, "start": "unit"}, usual.seed, usual.data)


def _cell(profile: Profile, generator: str, share: str, losses: str, *, seed: int = 0) -> Cell:
    sizes, passes = PLANS[profile]
    params: dict[str, Scalar] = {
        "generator": generator,
        "train_data": share,
        "losses": losses,
        "optimizer": "adadelta",
        "temperature": 1.0,
        "passes": passes,
        "members": sizes.members,
        "teacher_passes": sizes.teacher_passes,
        "nade_passes": sizes.nade_passes,
    }
    data = "embedded:digits" if profile == "smoke" else "mnist"
    if generator == "recollections":
        data = f"{data}+{WEIGHTS}{RECORDED}"
    return Cell(params, seed, data)
