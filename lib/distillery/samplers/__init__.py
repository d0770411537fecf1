"""Markov chains a step at a time: slice sampling, plain and compiled, Hamiltonian and Langevin
dynamics, Gibbs sampling of bits; and what draws say of themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from distillery.support.lazily import lazily

if TYPE_CHECKING:
    from distillery.samplers.compiled import CompiledSlice
    from distillery.samplers.diagnostics import (
        autocorrelation,
        autocovariance,
        effective_sample_size,
        split_rhat,
        standard_error,
    )
    from distillery.samplers.gibbs import BlockGibbs, sample_bits
    from distillery.samplers.hmc import HMC, tuned
    from distillery.samplers.langevin import SGLD, Annealed, MinibatchGradient, mala, polynomial
    from distillery.samplers.slice import Slice

__all__ = [
    "HMC",
    "SGLD",
    "Annealed",
    "BlockGibbs",
    "CompiledSlice",
    "MinibatchGradient",
    "Slice",
    "autocorrelation",
    "autocovariance",
    "effective_sample_size",
    "mala",
    "polynomial",
    "sample_bits",
    "split_rhat",
    "standard_error",
    "tuned",
]

# found when first used: a compiled sweep brings its compiler; `as_arviz` needs ArviZ and is apart
_HOMES = {
    "CompiledSlice": "compiled",
    "autocorrelation": "diagnostics",
    "autocovariance": "diagnostics",
    "effective_sample_size": "diagnostics",
    "split_rhat": "diagnostics",
    "standard_error": "diagnostics",
    "BlockGibbs": "gibbs",
    "sample_bits": "gibbs",
    "HMC": "hmc",
    "tuned": "hmc",
    "SGLD": "langevin",
    "Annealed": "langevin",
    "MinibatchGradient": "langevin",
    "mala": "langevin",
    "polynomial": "langevin",
    "Slice": "slice",
}
__getattr__, __dir__ = lazily(__name__, _HOMES, globals())
