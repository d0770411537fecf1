"""Chapter 9, beyond the thesis: students that read the picture in different orders, each alone and
then together.

In whatever order a NADE reads, it has to sum out what it has not read yet, and students of several
orders get other parts of that wrong. A mixture of them is exact to evaluate and to sample as each
of them is. Every member starts from the RBM and is told probabilities, as the strongest student of
`stronger` was; that one is the member that reads column by column.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from distillery.data import Images
from distillery.models.equal_mixture import EqualMixture
from distillery.models.nade import NADE, columns
from distillery.models.rbm import RBM
from distillery_book.chapters.rbm_to_nade import rbm, stronger
from distillery_book.results.study import WEIGHTS, Cell, Context, Outcome, Profile, Scalar, Study
from distillery_book.running.pieces import Pieces

SIDE = 28
ALONE = (
    "rows",
    "columns backwards",
    "rows backwards",
)  # which way a member reads; the first of a mixture reads columns
TOGETHER = (2, 4)  # members of a mixture
FULL: dict[str, Scalar] = {"hidden": 1000, "examples": 1_500_000, "chains": 1000, "burn_in": 2000}
HALF: dict[str, Scalar] = {"hidden": 500, "examples": 200_000, "chains": 1000, "burn_in": 2000}
SMALL: dict[str, Scalar] = {"hidden": 20, "examples": 2000, "chains": 100, "burn_in": 50}
JOINT, JOINT_HALF, JOINT_SMALL = (
    200_000,
    50_000,
    1000,
)  # examples that the members learn from together
BEST: dict[str, Scalar] = {"students": 4, "joint": JOINT, **FULL}


def cells(profile: Profile) -> Sequence[Cell]:
    """The members, then mixtures of the first two and of all four; on a laptop two smaller members,
    alone and together.
    """
    if profile == "smoke":
        data = "embedded:digits_binarized"
        return [
            Cell({"order": "rows", **SMALL}, 0, data),
            Cell({"students": 2, "joint": JOINT_SMALL, **SMALL}, 0, data),
        ]
    if profile == "laptop":
        return [
            Cell({"order": "rows", **HALF}, 0, rbm.REAL),
            Cell({"students": 2, "joint": JOINT_HALF, **HALF}, 0, rbm.REAL),
        ]
    alone = [Cell({"order": order, **FULL}, 0, rbm.REAL) for order in ALONE]
    together = [
        Cell({**BEST, "students": many}, 0, f"{rbm.REAL}+{WEIGHTS}{stronger.NAME}")
        for many in TOGETHER
    ]
    return [*alone, *together]


def run(cell: Cell, context: Context) -> Outcome:
    """One member, or several and what they become by learning together; measured as the other
    students of the RBM are.
    """
    rng = torch.Generator(context.device).manual_seed(cell.seed)
    images = context.load(cell.data.split("+")[0])
    machine = rbm.teacher(_teachers_name(cell.data), images.x_train, rng=rng)
    test = rbm.bits(images.x_test).to(context.device)
    names = (
        [str(cell.params["order"])]
        if "order" in cell.params
        else ["columns", *ALONE][: int(cell.params["students"])]
    )
    members = [member(name, cell, machine, images, context) for name in names]
    chain = stronger.chains(machine, cell.params, rng=rng)
    if "order" in cell.params:
        found = stronger.measured(members[0], machine, chain, test, rng=rng)
        return Outcome(found, arrays={"samples": members[0].sample(64, rng=rng)})
    mixture = EqualMixture(members).to(context.device)
    apart = {
        f"{name}_apart": value
        for name, value in stronger.measured(mixture, machine, chain, test, rng=rng).items()
    }
    together = {
        "model": "mixture",
        "targets": "bits",
        "examples": cell.params["joint"],
    }  # what it says of one pixel has no short form
    stronger.taught(mixture, machine, chain, together, test=test, context=context)
    mixture.half().float()
    found = stronger.measured(mixture, machine, chain, test, rng=rng)
    return Outcome({**found, **apart}, arrays={"samples": mixture.sample(64, rng=rng)})


def member(name: str, cell: Cell, machine: RBM, images: Images, context: Context) -> NADE:
    """The student that reads in the order `name`: recorded before, or trained by an earlier cell,
    or trained now.

    Members lie beside the cells' own folders, named by all that decides them, as no other cell
    should train them again. While one is trained its checkpoint is the cell's own, so that cells at
    work together do not meet.
    """
    order, width = orders()[name], int(cell.params["hidden"])
    test = rbm.bits(images.x_test).to(context.device)
    if name == "columns" and WEIGHTS in cell.data:
        recorded: Any = context.models(stronger.NAME)[stronger.NAME]
        return recorded.to(context.device)
    told = [
        STUDY.version,
        cell.seed,
        images.fingerprint,
        context.device.type,
        *(cell.params[key] for key in FULL),
    ]
    folder = context.scratch.parent / "-".join(["member", *map(str, told)])
    folder.mkdir(parents=True, exist_ok=True)
    beside = replace(context, scratch=folder)

    def train(rng: torch.Generator, share: object) -> dict[str, Tensor]:
        own = context.scratch / name.replace(" ", "-")
        own.mkdir(exist_ok=True)
        student = NADE.from_rbm(machine, width, rng=rng, order=order).to(context.device)
        chain = stronger.chains(machine, cell.params, rng=rng)
        alone = {**cell.params, "model": "nade", "targets": "probs"}
        stronger.taught(
            student, machine, chain, alone, test=test, context=replace(context, scratch=own)
        )
        return dict(student.half().float().state_dict())

    student = NADE(machine.visible, width, rng=torch.Generator(), order=order)
    student.load_state_dict(Pieces(beside, cell.seed, total=1.0)(name, train))
    return student.to(context.device)


def orders() -> dict[str, Tensor]:
    """Four ways through a picture: along columns or rows, from its first pixel or from its last."""
    forward = {"columns": columns(SIDE, SIDE), "rows": torch.arange(SIDE * SIDE)}
    return forward | {f"{name} backwards": order.flip(0) for name, order in forward.items()}


def _teachers_name(data: str) -> str:
    return rbm.REAL if data.startswith(rbm.REAL) else data


STUDY = Study(
    "orders",
    1,
    "Students that read the picture in several orders",
    cells,
    run,
    precision="float32",
    aims=[("nade_test_loglik", "log_prob", BEST), ("logz_bracket", "bracket", BEST)],
)
