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
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from distillery.data import Images, as_bits
from distillery.generators import Chain
from distillery.models.equal_mixture import EqualMixture
from distillery.models.nade import NADE, columns
from distillery.models.rbm import RBM
from distillery_book.chapters.rbm_to_nade import rbm, stronger
from distillery_book.results.study import WEIGHTS, Cell, Context, Outcome, Profile, Scalar, Study
from distillery_book.running.pieces import Pieces, Share

SIDE = 28
# which way a member reads; the first of a mixture reads columns
ALONE = ("rows", "columns backwards", "rows backwards")
TOGETHER = (2, 4)  # members of a mixture
FULL: dict[str, Scalar] = {"hidden": 1000, "examples": 1_500_000, "chains": 1000, "burn_in": 2000}
HALF: dict[str, Scalar] = {"hidden": 500, "examples": 200_000, "chains": 1000, "burn_in": 2000}
SMALL: dict[str, Scalar] = {"hidden": 20, "examples": 2000, "chains": 100, "burn_in": 50}
# examples that the members learn from together
JOINT = 200_000
JOINT_HALF = 50_000
JOINT_SMALL = 1000
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
    test = as_bits(images.x_test).to(context.device)
    members = [
        member(name, cell, machine=machine, images=images, context=context) for name in _names(cell)
    ]
    chain = stronger.chains(machine, cell.params, rng=rng)
    measure = partial(stronger.measured, machine=machine, chain=chain, test=test, rng=rng)
    if "order" in cell.params:
        return Outcome(measure(members[0]), arrays={"samples": members[0].sample(64, rng=rng)})
    mixture = EqualMixture(members).to(context.device)
    apart = {f"{name}_apart": value for name, value in measure(mixture).items()}
    _teach_together(mixture, machine, chain, cell, test=test, context=context)
    metrics = {**measure(mixture), **apart}
    return Outcome(metrics, arrays={"samples": mixture.sample(64, rng=rng)})


def _teach_together(
    mixture: EqualMixture,
    machine: RBM,
    chain: Chain,
    cell: Cell,
    *,
    test: Tensor,
    context: Context,
) -> None:
    """Train all members of a mixture at once. What a mixture says of one pixel has no short form,
    so it hears bits.
    """
    how = {"model": "mixture", "targets": "bits", "examples": cell.params["joint"]}
    stronger.taught(mixture, machine, chain, how, test=test, context=context)
    mixture.half().float()


def _names(cell: Cell) -> list[str]:
    """The orders of a cell's members."""
    if "order" in cell.params:
        return [str(cell.params["order"])]
    return ["columns", *ALONE][: int(cell.params["students"])]


def member(name: str, cell: Cell, *, machine: RBM, images: Images, context: Context) -> NADE:
    """The student that reads in the order `name`: recorded before, or trained by an earlier cell,
    or trained now.
    """
    if name == "columns" and WEIGHTS in cell.data:
        recorded: Any = context.models(stronger.NAME)[stronger.NAME]
        return recorded.to(context.device)
    width = int(cell.params["hidden"])
    beside = replace(context, scratch=_folder(cell, images, context))
    test = as_bits(images.x_test).to(context.device)
    train = partial(_trained, name, cell, machine, test, context)
    student = NADE(machine.visible, width, rng=torch.Generator(), order=orders()[name])
    student.load_state_dict(Pieces(beside, cell.seed, total=1.0)(name, train))
    return student.to(context.device)


def _folder(cell: Cell, images: Images, context: Context) -> Path:
    """Where members lie: beside the cells' own folders, named by all that decides them, as no other
    cell should train them again.
    """
    deciding = [STUDY.version, cell.seed, images.fingerprint, context.device.type]
    deciding += [cell.params[key] for key in FULL]
    folder = context.scratch.parent / "-".join(["member", *map(str, deciding)])
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _trained(
    name: str,
    cell: Cell,
    machine: RBM,
    test: Tensor,
    context: Context,
    rng: torch.Generator,
    _: Share,
) -> dict[str, Tensor]:
    """A member's weights; while it is trained its checkpoint is the cell's own, so that cells at
    work together do not meet.
    """
    own = context.scratch / name.replace(" ", "-")
    own.mkdir(exist_ok=True)
    width = int(cell.params["hidden"])
    student = NADE.from_rbm(machine, width, rng=rng, order=orders()[name]).to(context.device)
    chain = stronger.chains(machine, cell.params, rng=rng)
    alone = {**cell.params, "model": "nade", "targets": "probs"}
    stronger.taught(
        student, machine, chain, alone, test=test, context=replace(context, scratch=own)
    )
    return dict(student.half().float().state_dict())


def orders() -> dict[str, Tensor]:
    """Four ways through a picture: along columns or rows, from its first pixel or from its last."""
    forward = {"columns": columns(SIDE, SIDE), "rows": torch.arange(SIDE * SIDE)}
    backward = {f"{name} backwards": order.flip(0) for name, order in forward.items()}
    return {**forward, **backward}


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
