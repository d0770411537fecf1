"""Chapter 9, beyond the thesis: what makes a student of an RBM stronger: where it starts, what it
is told, its form, and time.

Rates were not searched for: NADE's served in a first trial of a minute, the others are guesses. A
mixture (`orders`) is of trained members, so its rate is a tenth of theirs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from distillery.data import as_bits
from distillery.distillation import distill
from distillery.generators import Ancestral, Chain
from distillery.losses import KL, SoftBits
from distillery.models.files import Named
from distillery.models.made import MADE
from distillery.models.nade import NADE, columns
from distillery.models.orderless import OrderlessNADE
from distillery.models.rbm import RBM
from distillery.partition import log_ratios, lower_bound, upper_bound
from distillery.protocols import Teacher
from distillery.teachers import Frozen, Given
from distillery.training.run import History
from distillery.training.schedules import one_cycle
from distillery_book.chapters.rbm_to_nade import rbm
from distillery_book.results.study import Cell, Context, Outcome, Profile, Scalar, Study

BATCH = 100
FULL: dict[str, Scalar] = {"chains": 1000, "burn_in": 2000}
SMALL: dict[str, Scalar] = {"chains": 200, "burn_in": 50, "examples": 10_000}
RATES = {"nade": 0.003, "made": 0.001, "orderless": 0.001, "mixture": 0.0003}
BEST: dict[str, Scalar] = {
    "model": "nade",
    "hidden": "1000",
    "start": "teacher",
    "targets": "probs",
    "examples": 1_500_000,
    **FULL,
}
NAME = "nade-1000-from-rbm"
MEANS_FROM, MEANS_AFTER = 1000, 200  # chains, and their sweeps, that tell how bright each pixel is

# One thing is changed at a time: what is told, where it starts, both; then its width, its form (an
# orderless one at random and from the teacher), and at last its time.
LADDER: tuple[tuple[str, str, str, str], ...] = (
    ("nade", "500", "random", "bits"),
    ("nade", "500", "random", "probs"),
    ("nade", "500", "teacher", "bits"),
    ("nade", "500", "teacher", "probs"),
    ("nade", "1000", "teacher", "probs"),
    ("made", "1000 1000", "random", "probs"),
    ("orderless", "500 500", "random", "bits"),
    ("orderless", "500 500", "teacher", "bits"),
)


def cells(profile: Profile) -> Sequence[Cell]:
    """The ladder at equal numbers of examples, then the best of it for longer."""
    if profile == "smoke":
        small = [("nade", "20", "random", "bits"), ("nade", "20", "teacher", "probs")]
        return [Cell({**_rung(rung), **SMALL}, 0, "embedded:digits_binarized") for rung in small]
    rungs = [Cell({**_rung(rung), "examples": 200_000, **FULL}, 0, rbm.REAL) for rung in LADDER]
    return [*rungs, *([Cell(BEST, 0, rbm.REAL)] if profile == "paper" else [])]


def _rung(rung: tuple[str, str, str, str]) -> dict[str, Scalar]:
    return dict(zip(("model", "hidden", "start", "targets"), rung, strict=True))


def run(cell: Cell, context: Context) -> Outcome:
    """Train one student, and measure it on the test images and on the teacher's samples."""
    rng = torch.Generator(context.device).manual_seed(cell.seed)
    images = context.load(cell.data.split("+")[0])
    machine = rbm.teacher(cell.data, images.x_train, rng=rng)
    student = made(cell.params, machine, rng=rng).to(context.device)
    test = as_bits(images.x_test).to(context.device)
    chain = chains(machine, cell.params, rng=rng)
    history = taught(student, machine, chain, cell.params, test=test, context=context)
    student.half().float()  # what ships is what was measured
    at, curve = history.probed("log_prob")
    arrays = {
        "steps": torch.tensor(at),
        "log_prob": torch.tensor(curve),
        "samples": student.sample(64, rng=rng),
    }
    return Outcome(
        measured(student, machine, chain, test, rng=rng),
        arrays=arrays,
        models=[Named(NAME, student)] if cell.params == BEST else [],
        weights_name=NAME,
    )


def chains(machine: RBM, params: Mapping[str, Scalar], *, rng: torch.Generator) -> Chain:
    """Persistent chains over the hidden units, started at random."""
    over_hidden = machine.mirrored().gibbs()
    return Chain(
        over_hidden,
        over_hidden.start(int(params["chains"]), rng),
        rng=rng,
        burn_in=int(params["burn_in"]),
    )


def taught(
    student: Any,
    machine: RBM,
    chain: Chain,
    params: Mapping[str, Scalar],
    *,
    test: Tensor,
    context: Context,
) -> History:
    """Train a student on what the hidden units of the chains make; the chains move on."""
    steps = int(params["examples"]) // BATCH
    teacher, loss = asked(str(params["targets"]), machine)
    return distill(
        teacher,
        student,
        Ancestral(chain, machine.sample_visible, rng=chain.rng, keep=True),
        loss,
        optimizer=torch.optim.Adam(
            student.parameters(), lr=RATES[str(params["model"])], betas=(0.9, 0.99)
        ),
        schedule=one_cycle(steps, warm_up=0.1),
        clip=20.0,
        batch_size=BATCH,
        steps=steps,
        probes={"log_prob": lambda student: rbm.log_probs(student, test[:500]).mean()},
        probe_at=max(1, steps // 20),
        checkpoint=context.scratch / "student.safetensors",
        every=500,
        progress=lambda done, _: context.report(done / steps),
    )


def made(params: Mapping[str, Scalar], machine: RBM, *, rng: torch.Generator) -> Any:
    """The student that a cell asks for, before it has learned anything."""
    widths = [int(width) for width in str(params["hidden"]).split()]
    order = columns(28, 28)
    if params["model"] == "made":
        return MADE(machine.visible, widths, rng=rng, order=order)
    if params["model"] == "orderless":
        return _orderless(machine, widths, order, rng=rng, start=str(params["start"]))
    if params["start"] == "teacher":
        return NADE.from_rbm(machine, widths[0], rng=rng, order=order)
    return NADE(machine.visible, widths[0], rng=rng, order=order)


def _orderless(
    machine: RBM, widths: Sequence[int], order: Tensor, *, rng: torch.Generator, start: str
) -> OrderlessNADE:
    """One that begins at random, or as the machine is: what it does not see then counts as the
    mean of the machine's own samples.
    """
    if start == "random":
        return OrderlessNADE(machine.visible, widths, rng=rng, order=order)
    over_hidden = machine.mirrored().gibbs()
    chain = Chain(over_hidden, over_hidden.start(MEANS_FROM, rng), rng=rng, burn_in=MEANS_AFTER)
    h = chain.trace(1)[-1]
    means = machine.visible_probs(h).mean(0).detach()
    return OrderlessNADE.from_rbm(machine, widths, rng=rng, order=order, means=means)


def asked(targets: str, machine: RBM) -> tuple[Teacher, nn.Module]:
    """Who answers, and by which loss: the student hears of an example its bits, or how probable
    each was given the hidden units that made it.
    """
    if targets == "bits":
        return Frozen(machine), KL()
    return Given(machine.visible_probs), SoftBits()


@torch.no_grad()
def measured(
    student: Any, machine: RBM, chain: Chain, test: Tensor, *, rng: torch.Generator, draws: int = 10
) -> dict[str, float]:
    """Test log probability, and the two bounds of log Z: at the student's samples, and at the
    chains' states some sweeps apart.
    """
    each = rbm.log_probs(student, test)
    below = [
        log_ratios(machine, student, student.sample(len(chain.state), rng=rng))
        for _ in range(draws)
    ]
    above = [
        log_ratios(machine, student, machine.sample_visible(chain.trace(50)[-1], rng))
        for _ in range(draws)
    ]
    lower = lower_bound(torch.cat(below))
    upper = upper_bound(torch.stack(above).mean(0))  # a chain's states are not independent
    return {
        "log_prob": float(each.mean()),
        "log_prob_se": float(each.std() / len(each) ** 0.5),
        "lower": lower.value,
        "lower_se": lower.error,
        "upper": upper.value,
        "upper_se": upper.error,
        "bracket": upper.value - lower.value,
    }


STUDY = Study(
    "stronger",
    1,
    "Stronger students of an RBM",
    cells,
    run,
    precision="float32",
    aims=[("nade_test_loglik", "log_prob", BEST)],
    makes=(NAME,),
)
