"""The sum over all states: exactly, between bounds, by importance, by bridges, by annealing; each
answer with its error.
"""

from distillery.partition.annealed import (
    Annealed,
    adapted,
    base_rates,
    forward,
    reverse,
    sweeps_a_draw,
)
from distillery.partition.bounds import lower_bound, upper_bound
from distillery.partition.bridge import bridge
from distillery.partition.enumeration import every_state, exact_log_sum, exact_log_z
from distillery.partition.estimate import Estimate, pareto_shape
from distillery.partition.importance import importance, reverse_importance
from distillery.partition.mean_field import mean_field_rates
from distillery.partition.ratios import log_ratios
from distillery.partition.temperatures import salakhutdinov_murray, uniform
from distillery.partition.tempered import tempered

__all__ = [
    "Annealed",
    "Estimate",
    "adapted",
    "base_rates",
    "bridge",
    "every_state",
    "exact_log_sum",
    "exact_log_z",
    "forward",
    "importance",
    "log_ratios",
    "lower_bound",
    "mean_field_rates",
    "pareto_shape",
    "reverse",
    "reverse_importance",
    "salakhutdinov_murray",
    "sweeps_a_draw",
    "tempered",
    "uniform",
    "upper_bound",
]
