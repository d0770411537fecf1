"""What annealing says about an RBM's log Z: forward from independent bits, reverse from draws of
the machine, and the bridge of both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from distillery.models.rbm import RBM
from distillery.partition import (
    adapted,
    base_rates,
    bridge,
    forward,
    importance,
    lower_bound,
    reverse,
    reverse_importance,
    salakhutdinov_murray,
    uniform,
    upper_bound,
)
from distillery_book.chapters.partition_function.numbers import numbers
from distillery_book.results.study import Outcome
from distillery_book.running.pieces import Pieces, Share, sizes

SHOWN = 200  # temperatures kept for pictures


@dataclass(frozen=True)
class Plan:
    """The schedule and how many temperatures it has; paths in either direction; sweeps from an
    image to the start of a reverse path.

    `pilot` is the number of sweeps at each of 200 temperatures that the schedule "friction" is
    fitted to.
    """

    schedule: str
    temperatures: int
    chains: int
    burn_in: int
    pilot: int = 50
    at_once: int = 250

    def costs(self) -> tuple[float, float]:
        """The shares of a forward and a reverse path in the sweeps of both."""
        whole = 2 * self.temperatures + self.burn_in
        return self.temperatures / whole, (self.temperatures + self.burn_in) / whole


SCHEDULES: Mapping[str, Callable[[RBM, Tensor, Plan, torch.Generator], Tensor]] = {
    "uniform": lambda machine, base, plan, rng: uniform(plan.temperatures),
    "salakhutdinov_murray": lambda machine, base, plan, rng: salakhutdinov_murray(
        plan.temperatures
    ),
    "adapted": lambda machine, base, plan, rng: adapted(
        machine, plan.temperatures, rng=rng, base=base
    ),
    "friction": lambda machine, base, plan, rng: adapted(
        machine, plan.temperatures, rng=rng, base=base, sweeps=plan.pilot
    ),
}


def measured(machine: RBM, images: Tensor, plan: Plan, pieces: Pieces) -> Outcome:
    """Annealing between the rates of the images' pixels and the machine, in both directions.

    The mean of the forward log ratios is a lower bound of log Z, that of the reverse ones an upper
    bound; their difference is what was dissipated on the way, and says how slow is slow enough.
    """
    base = base_rates(images)
    betas = pieces("temperatures", partial(_temperatures, machine, base, plan), cost=0.0)[
        "betas"
    ].cpu()
    ways = {
        "forward": partial(_forward, machine, betas, base),
        "reverse": partial(_reverse, machine, betas, base, images, plan.burn_in),
    }
    ratios = {}
    for (way, make), cost in zip(ways.items(), plan.costs(), strict=True):
        parts = [
            pieces(f"{way}-{i}", partial(make, n), cost=cost * n / plan.chains)
            for i, n in enumerate(sizes(plan.chains, plan.at_once))
        ]
        ratios[way] = torch.cat([part["log_ratios"] for part in parts])
    shown = betas[torch.linspace(0, len(betas) - 1, min(SHOWN, len(betas))).round().long()]
    return Outcome(
        _metrics(**ratios),
        arrays={
            **{way: value.float() for way, value in ratios.items()},
            "temperatures": shown.float(),
        },
    )


def _temperatures(
    machine: RBM, base: Tensor, plan: Plan, rng: torch.Generator, _: Share
) -> dict[str, Tensor]:
    return {"betas": SCHEDULES[plan.schedule](machine, base, plan, rng)}


def _forward(
    machine: RBM, betas: Tensor, base: Tensor, n: int, rng: torch.Generator, share: Share
) -> dict[str, Tensor]:
    paths = forward(
        machine,
        betas,
        chains=n,
        rng=rng,
        base=base,
        progress=lambda done, total: share(done / total),
    )
    return {"log_ratios": paths.log_ratios}


def _reverse(
    machine: RBM,
    betas: Tensor,
    base: Tensor,
    images: Tensor,
    burn_in: int,
    n: int,
    rng: torch.Generator,
    share: Share,
) -> dict[str, Tensor]:
    """Reverse paths from chains that started at images and ran for `burn_in` sweeps."""
    step, whole = machine.gibbs(), burn_in + len(betas) - 1
    states = images[torch.randint(len(images), (n,), generator=rng, device=rng.device)]
    for sweep in range(burn_in):
        states = step(states, rng)
        share((sweep + 1) / whole)
    paths = reverse(
        machine,
        betas,
        start=states,
        rng=rng,
        base=base,
        progress=lambda done, _: share((burn_in + done) / whole),
    )
    return {"log_ratios": paths.log_ratios}


def _metrics(forward: Tensor, reverse: Tensor) -> dict[str, float]:
    there, back, met = importance(forward), reverse_importance(reverse), bridge(forward, reverse)
    bounds = {"lower": lower_bound(forward), "upper": upper_bound(reverse)}
    return {
        **numbers({"forward": there, "reverse": back, "bridge": met, **bounds}),
        "directions": abs(there.value - back.value),
        "directions_se": (there.error**2 + back.error**2) ** 0.5,
        "forward_sd": forward.std().item(),
        "reverse_sd": reverse.std().item(),
    }
