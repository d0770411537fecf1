"""Samples of a Markov chain as a generator: all chains advance together, and hand out their states
in turn.

A sampler is one step and remembers nothing; the chain holds the states, the random stream and the
counters.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import torch
from torch import Tensor

from distillery.protocols import Batch, Generator, check_rng
from distillery.samplers.density import Step, check_count, evaluate_start


class Scheduled(Protocol):
    """A sampler that changes as it goes, such as Langevin with falling steps: `at(sweep)` is its
    step at that sweep.
    """

    def at(self, sweep: int, /) -> Step: ...


class Chain(Generator):
    """C Markov chains of `step`, from the states `start` (C, D).

    A sweep advances all chains by `thin` steps. `draw(n)` with n <= C makes one sweep and hands out
    the next n chains in turn, so that a batch's samples come from different chains and each chain
    is thinned C/n times more (thesis, section 4.2.3); a larger n makes ceil(n / C) sweeps. The
    first `burn_in` steps are taken by `warm_up()`, at the latest before the first draw, and not
    handed out.
    """

    remembers = ("state", "steps", "pointer")

    def __init__(
        self,
        step: Step | Scheduled,
        start: Tensor,
        *,
        rng: torch.Generator,
        burn_in: int = 0,
        thin: int = 1,
    ) -> None:
        check_count("burn_in", burn_in, least=0)
        check_count("thin", thin)
        _check_start(step, start)
        self.step, self.burn_in, self.thin = step, burn_in, thin
        self.rng = check_rng(rng)
        self.state = start.detach().clone()
        self.steps, self.pointer = 0, 0

    def draw(self, n: int) -> Batch:
        check_count("n", n)
        chains = len(self.state)
        sweeps = -(-n // chains)
        parts = [
            self._in_turn(state, min(chains, n - sweep * chains))
            for sweep, state in enumerate(self._states(sweeps))
        ]
        return Batch(torch.cat(parts))

    def trace(self, sweeps: int) -> Tensor:
        """The states of all chains after each of the next sweeps, (sweeps, C, D): what the
        diagnostics read.
        """
        check_count("sweeps", sweeps)
        return torch.stack(tuple(self._states(sweeps)))

    def warm_up(self) -> Chain:
        """Takes what is left of the burn-in now."""
        self._advance(self.burn_in - self.steps)
        return self

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        if state["state"].shape != self.state.shape:
            raise ValueError(
                f"the recorded chains have shape {tuple(state['state'].shape)}, these"
                f" {tuple(self.state.shape)}: the same shape is needed"
            )
        super().load_state_dict(state)

    def _states(self, sweeps: int) -> Iterable[Tensor]:
        """The states after each of the next sweeps; a compiled step takes them all without
        returning here.
        """
        self.warm_up()
        if self.thin == 1 and hasattr(self.step, "trace"):
            return self._run(sweeps)
        return (self._advance(self.thin) for _ in range(sweeps))

    def _advance(self, steps: int) -> Tensor:
        """The states so many steps on."""
        if steps > 0 and hasattr(self.step, "trace"):
            self._run(steps)
        else:
            for _ in range(steps):
                step = self.step.at(self.steps) if hasattr(self.step, "at") else self.step
                self.state = step(self.state, self.rng)
                self.steps += 1
        return self.state

    def _run(self, steps: int) -> Tensor:
        """The states after each of so many steps, taken by a compiled sampler at one go."""
        step: Any = self.step
        states: Tensor = step.trace(self.state, self.rng, steps)
        self.state, self.steps = states[-1].clone(), self.steps + steps
        return states

    def _in_turn(self, state: Tensor, count: int) -> Tensor:
        """The states of the next `count` chains, beginning where the last batch ended."""
        index = (self.pointer + torch.arange(count, device=state.device)) % len(state)
        self.pointer = (self.pointer + count) % len(state)
        return state[index]


def _check_start(step: Any, start: Any) -> None:
    """A start is (C, D), without NaN, and of a density above zero where the step knows it."""
    if not isinstance(start, Tensor) or start.dim() != 2 or 0 in start.shape:
        got = tuple(start.shape) if isinstance(start, Tensor) else type(start).__name__
        raise ValueError(f"start is {got}: a tensor of states (chains, dimensions) is needed")
    if not bool(start.isfinite().all()):
        worst = int((~start.isfinite()).any(1).nonzero()[0, 0])
        raise ValueError(
            f"start holds NaN or infinity in chain {worst}: finite coordinates are needed"
        )
    if hasattr(step, "log_density"):
        with torch.no_grad():
            evaluate_start(step.log_density, start)
