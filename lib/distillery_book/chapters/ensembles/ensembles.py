"""Chapter 6: thirty networks into one, by values and by slopes, on inputs of three kinds; then what
makes the student better.

Two students of a cell, one for each loss, start from the same weights and see the same inputs and
answers. On the data the teacher is asked once, on inputs that are new every time a thousand at a
time, or two hundred with slopes. Everything is measured on the 10,000 test images: errors are those
over images, as in the thesis. Members, students and the networks trained on labels start as the
thesis' do (`start` is unit) where its tables are reproduced, and as He et al. (2015) have it in
every other cell, which does not name a start. There too a tenth is the first 6,000 images,
elsewhere one drawn at random: on the first, by fewer hands, a network learns less.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from distillery.distillation import distill
from distillery.generators import Asked, Generator
from distillery.generators.resample import as_unit
from distillery.losses import DerivativeSquareError, Loss, SoftTargets
from distillery.losses.each_its_own import EachItsOwn
from distillery.models.bank import Bank
from distillery.protocols import Batch, Teacher
from distillery.support.nearest import unknown
from distillery.teachers import Average, Recorded, RecordedSlopes
from distillery.tools.compress.recipes import model_name
from distillery.training.adadelta import Adadelta
from distillery.training.run import History
from distillery.training.schedules import one_cycle
from distillery_book.chapters.ensembles import pictures
from distillery_book.chapters.ensembles.ladder import LADDER, Rung, last, named
from distillery_book.chapters.ensembles.measures import at_once, gained, measured
from distillery_book.chapters.ensembles.parts import (
    BATCH,
    FIRST,
    REMEMBERED,
    SHARES,
    Parts,
    Sizes,
    answered,
    drawn,
    inputs,
    mark,
    remembered,
)
from distillery_book.results.study import (
    WEIGHTS,
    Answer,
    Cell,
    Context,
    Outcome,
    Profile,
    Scalar,
    Study,
)

GENERATORS = ("mnist", "nade", "noise")
LOSSES = ("cross_entropy", "derivative")
RECORDED = model_name(*REMEMBERED)
DECIDING = (
    ("mnist", "10pct"),
    ("nade", "10pct"),
    ("noise", "10pct"),
    ("mnist", "all"),
)  # what the thesis concludes from
OTHER_START = {
    ("mnist", "all"): 2,
    ("nade", "all"): 1,
    ("mnist", "10pct"): 3,
    ("nade", "10pct"): 1,
    ("noise", "10pct"): 3,
}  # seeds
SLOPE_WEIGHT = (
    0.001  # of the derivative loss beside cross entropy: its gradients are that much larger
)
SMALL = Sizes(3, 2, (784, 24, 16, 10), (784, 12, 8, 10), 16, 4)
PLANS: Mapping[Profile, tuple[Sizes, int]] = {
    "smoke": (SMALL, 2),
    "laptop": (Sizes(5, 5, nade_passes=3), 5),
    "paper": (Sizes(), 40),
}


def cells(profile: Profile) -> Sequence[Cell]:
    """Three generators by two shares of the data; the rows that decide a claim with three seeds;
    some of these with another tenth, and then another start; the ladder; what it gains most by and
    its last rungs again.
    """
    if profile == "smoke":
        return [thesis(profile, generator, "all") for generator in GENERATORS]
    tables = [thesis(profile, generator, share) for generator in GENERATORS for share in SHARES]
    if profile == "laptop":
        return tables
    again = [thesis(profile, *row, seed=seed) for row in DECIDING for seed in (1, 2)]
    again += [
        _started(profile, generator, "10pct", seed=seed)
        for generator in GENERATORS
        for seed in range(3)
    ]
    again += [
        _cell(profile, *row, " ".join(LOSSES), seed=seed)
        for row, seeds in OTHER_START.items()
        for seed in range(seeds)
    ]
    ladder = [_rung(profile, rung) for rung in LADDER]
    aimed = [
        _rung(profile, rung, seed=seed)
        for seed in (1, 2)
        for rung in (Rung("jitter", "all"), *map(last, SHARES))
    ]
    return [*tables, *again, *ladder, *aimed]


def rungs(share: str) -> dict[str, dict[str, Scalar | None]]:
    """The ladder's cells of a share of the data, in order: in words, and where their runs are; None
    is what their parameters lack.
    """
    found = [_rung("paper", rung).params for rung in LADDER if rung.share == share]
    return {named(params): {"tenth": None, **params} for params in found}


def run(cell: Cell, context: Context) -> Outcome:
    """The teacher, the network trained on labels, and a student for each loss of the cell."""
    images, params = context.load(cell.data.split("+")[0]), cell.params
    assert images.y_train is not None
    assert images.y_test is not None
    x, y, x_test, y_test = (
        t.to(context.device) for t in (images.x_train, images.y_train, images.x_test, images.y_test)
    )
    sizes = _sizes(params)
    parts, rng = (
        Parts(context, sizes, images.fingerprint, cell.seed),
        torch.Generator(context.device).manual_seed(cell.seed),
    )
    share = _seen(params)
    teacher, index = parts.teacher(x, y, backwards=share != "all"), parts.share(len(x), share)
    direct, names = parts.direct(x[index], y[index], share), str(params["losses"]).split()
    first = sizes.network(sizes.student, rng=rng)
    students = [copy.deepcopy(first) for _ in names]
    batch = int(params.get("batch", BATCH))
    steps = int(params["passes"]) * len(index) // batch
    source = _source(params, x[index], teacher, parts, rng=rng)
    history = _distilled(params, students, names, source, batch, steps, context, (x_test, y_test))
    found = measured("teacher", answers_of(teacher, x_test), y_test) | measured(
        "direct", direct(as_unit(x_test)), y_test
    )
    for name, student in zip(names, students, strict=True):
        found |= measured(name, student(as_unit(x_test)), y_test) | gained(
            name, student, direct, x_test, y_test
        )
    if names == list(LOSSES):
        found |= gained("of_slopes", students[1], students[0], x_test, y_test)
    if len(names) == 1:  # under one name whatever the loss, so that a table can hold them all
        found |= measured("student", students[0](as_unit(x_test)), y_test)
    found["teacher_mark"] = mark(teacher)
    apart, shown = pictures.slopes(
        teacher, {"direct": direct} | dict(zip(names, students, strict=True)), x_test
    )
    shown = (
        shown if names == list(LOSSES) and params["generator"] == "mnist" else {}
    )  # others are hardly to be told from these
    if cell.seed:  # pictures of one seed are enough
        shown = {}
    else:
        shown |= pictures.samples(str(params["generator"]), source, x[index], parts, share, rng=rng)
    at, curves = history.probed("test")
    curve = {
        "steps": torch.tensor(at),
        "test": torch.tensor(curves),
    }  # (P, S, 2): accuracy and log probability
    return Outcome(found | apart, departures=_departures(params), arrays=curve | shown)


def _distilled(
    params: Mapping[str, Scalar],
    students: Sequence[nn.Module],
    names: Sequence[str],
    source: Generator,
    batch: int,
    steps: int,
    context: Context,
    test: tuple[Tensor, Tensor],
) -> History:
    bank = Bank(students).to(context.device)
    return distill(
        _reader(names),
        bank,
        source,
        EachItsOwn([loss(name, float(params["temperature"])) for name in names]),
        optimizer=_optimizer(bank, params),
        schedule=one_cycle(steps) if params["optimizer"] == "adam" else None,
        batch_size=batch,
        steps=steps,
        probes={"test": lambda _: [at_once(student, *test) for student in students]},
        probe_at={max(1, round(steps * 10 ** (-k / 8))) for k in range(33)},
        checkpoint=context.scratch / "students.safetensors",
        every=10_000,
        progress=lambda done, _: context.report(done / steps),
    )


def _optimizer(bank: Bank, params: Mapping[str, Scalar]) -> torch.optim.Optimizer:
    if params["optimizer"] == "adam":
        return torch.optim.Adam(bank.parameters(), lr=float(params["adam_rate"]), fused=True)
    return Adadelta(bank.parameters())


def loss(name: str, temperature: float = 1.0) -> Loss:
    """Cross entropy (equation 2.17), the derivative square error (2.18), or both, slopes weighing
    little: their numbers are large.
    """
    if name == "both":
        return SoftTargets(temperature) + SLOPE_WEIGHT * DerivativeSquareError()
    if name not in LOSSES:
        raise ValueError(unknown("loss", name, [*LOSSES, "both"]))
    return SoftTargets(temperature) if name == "cross_entropy" else DerivativeSquareError()


@torch.no_grad()
def answers_of(teacher: Average, x: Tensor) -> Tensor:
    """The teacher's log probabilities of pictures, a thousand at a time."""
    return torch.cat([teacher(Batch(as_unit(part))) for part in x.split(1000)])


def _source(
    params: Mapping[str, Scalar], x: Tensor, teacher: Average, parts: Parts, *, rng: torch.Generator
) -> Generator:
    """Inputs with the teacher's answers; those that come again, of the data, recollections or a
    pool, with answers asked for once.
    """
    slopes, dtype, name = (
        _asks_slopes(str(params["losses"]).split()),
        parts.context.dtype,
        str(params["generator"]),
    )
    if name == "recollections":
        x = remembered(x, parts.context.models(RECORDED)[RECORDED])
    if name in ("mnist", "recollections"):
        return answered(x, teacher, slopes=slopes, dtype=dtype, rng=rng)
    source = inputs(name, x, parts, _seen(params), rng=rng, shift=float(params.get("shift", 1.0)))
    if count := int(params.get("pool", 0)):
        return answered(drawn(source, count), teacher, slopes=slopes, dtype=dtype, rng=rng)
    return Asked(source, teacher, slopes=slopes, dtype=dtype, at_once=200 if slopes else 1000)


def _asks_slopes(names: Sequence[str]) -> bool:
    return any(name != "cross_entropy" for name in names)


def _reader(names: Sequence[str]) -> Teacher:
    return RecordedSlopes() if _asks_slopes(names) else Recorded()


def _cell(profile: Profile, generator: str, share: str, losses: str, *, seed: int = 0) -> Cell:
    sizes, passes = PLANS[profile]
    params: dict[str, Scalar] = {
        "generator": generator,
        "train_data": share,
        "losses": losses,
        "optimizer": "adadelta",
    }
    params |= {
        "temperature": 1.0,
        "passes": passes,
        "members": sizes.members,
        "teacher_passes": sizes.teacher_passes,
    }
    params |= {"nade_passes": sizes.nade_passes}
    data = "embedded:digits" if profile == "smoke" else "mnist"
    return Cell(
        params, seed, f"{data}+{WEIGHTS}{RECORDED}" if generator == "recollections" else data
    )


def thesis(profile: Profile, generator: str, share: str, *, seed: int = 0) -> Cell:
    """A row of the thesis' tables, with the first weights of its own networks and its own tenth."""
    usual = _started(profile, generator, share, seed=seed)
    return (
        Cell({**usual.params, "tenth": FIRST}, usual.seed, usual.data)
        if share == "10pct"
        else usual
    )


def row(
    generator: str, share: str, *, start: str | None = "unit", tenth: str | None = FIRST
) -> dict[str, Scalar | None]:
    """Where the runs of a row of the thesis' tables are; `start` or `tenth` None: with the start of
    He et al., on a random tenth.
    """
    where: dict[str, Scalar | None] = {
        "generator": generator,
        "train_data": share,
        "losses": " ".join(LOSSES),
    }
    return where | {"start": start, "tenth": tenth if share == "10pct" else None}


def _started(profile: Profile, generator: str, share: str, *, seed: int) -> Cell:
    usual = _cell(profile, generator, share, " ".join(LOSSES), seed=seed)
    return Cell({**usual.params, "start": "unit"}, usual.seed, usual.data)


def _seen(params: Mapping[str, Scalar]) -> str:
    """What the students' side sees, by the name under which `Parts` know it."""
    return str(params.get("tenth", params["train_data"]))


def _rung(profile: Profile, rung: Rung, *, seed: int = 0) -> Cell:
    usual = _cell(profile, rung.generator, rung.share, rung.losses, seed=seed)
    own: dict[str, Scalar] = {
        "optimizer": "adam",
        "temperature": rung.temperature,
        "passes": int(usual.params["passes"]) * rung.times,
    }
    return Cell({**usual.params, **own, **rung.params}, usual.seed, usual.data)


def _sizes(params: Mapping[str, Scalar]) -> Sizes:
    """The smoke run's networks are small, those of every other profile the thesis'."""
    members, passes = int(params["members"]), int(params["teacher_passes"])
    if members < 1:
        raise ValueError(f"members is {members}: an ensemble of at least one network is needed")
    is_small = (members, passes) == (SMALL.members, SMALL.teacher_passes)
    sizes = SMALL if is_small else Sizes(members, passes, nade_passes=int(params["nade_passes"]))
    return replace(sizes, start=str(params.get("start", sizes.start)))


def _departures(params: Mapping[str, Scalar]) -> dict[str, list[Scalar]]:
    published: dict[str, Scalar] = {
        "passes": 40,
        "members": 30,
        "teacher_passes": 20,
        "optimizer": "adadelta",
        "temperature": 1.0,
    }
    if params["generator"] == "nade":
        published["nade_passes"] = 10
    found = {
        name: [value, params[name]] for name, value in published.items() if params[name] != value
    }
    if params.get("start") != "unit":
        found["start"] = ["unit", "he"]
    if params["train_data"] == "10pct" and params.get("tenth") != FIRST:
        found["tenth"] = [FIRST, "random"]
    if params.get("batch", BATCH) != BATCH:
        found["batch"] = [BATCH, params["batch"]]
    if params.get("pool"):  # inputs that differ
        found["samples"] = [round(40 * 60_000 * SHARES[str(params["train_data"])]), params["pool"]]
    if params["losses"] == "both":
        found["losses"] = ["derivative", "both"]
    return (
        found
        if params["generator"] in GENERATORS
        else found | {"generator": ["nade", params["generator"]]}
    )


def answers() -> Sequence[Answer]:
    """Tables 2.1 to 2.5."""
    found: list[Answer] = []
    for generator in GENERATORS:
        for share in SHARES:
            key = {"generator": generator, "train_data": share}
            for name in LOSSES:
                for table, metric, scale in _TABLES:
                    found.append(
                        Answer(
                            f"thesis_ensemble_{table}",
                            key,
                            name,
                            f"{metric}_{name}",
                            _named(generator, share),
                            scale,
                        )
                    )
    for model, metric, share in (
        ("ensemble_of_30", "teacher", "all"),
        ("direct_small", "direct", "all"),
        ("direct_small", "direct", "10pct"),
    ):
        key, place = {"model": model, "train_data": share}, _named("mnist", share)
        found.append(
            Answer("thesis_direct_training", key, "accuracy", f"accuracy_{metric}", place, 100.0)
        )
        found.append(Answer("thesis_direct_training", key, "logprob", f"log_prob_{metric}", place))
    for aim, share in (("ensemble_accuracy", "all"), ("ensemble_accuracy_10pct", "10pct")):
        found.append(
            Answer(
                "aims",
                {"key": aim},
                "aim",
                "accuracy_cross_entropy",
                _rung("paper", last(share)).params,
                100.0,
            )
        )
    return found


def _named(generator: str, share: str) -> dict[str, Scalar]:
    """`row` without what its runs lack."""
    return {name: value for name, value in row(generator, share).items() if value is not None}


_TABLES = (
    ("accuracy", "accuracy", 100.0),
    ("logprob", "log_prob", 1.0),
    ("accuracy_gain_over_direct", "accuracy_gain", 100.0),
    ("logprob_gain_over_direct", "log_prob_gain", 1.0),
)


STUDY = Study(
    "ensembles",
    1,
    "Thirty networks into one",
    cells,
    run,
    answers,
    aims=[("ensemble_logprob", "log_prob_cross_entropy", _rung("paper", last("all")).params)],
)
