"""Finite-sample statistics of the verdicts: limits, p-values and simultaneous decisions.

No method is asymptotic in the number of seeds. The package does not know lemmas; ``verdict`` makes the decisions.
"""

from proofs_check.statistics.arguments import Numbers
from proofs_check.statistics.binomial import (
    binomial_interval,
    binomial_lower,
    binomial_upper,
    excess_p_value,
    least_trials,
    support_p_value,
    trials_to_decide,
    trials_to_refute,
    two_sided_binomial_p,
)
from proofs_check.statistics.fit import randomised_pit, randomised_pit_p_value, uniform_distance, uniform_p_value
from proofs_check.statistics.means import mean_interval, mean_p_value
from proofs_check.statistics.multiple import bonferroni, holm, holm_adjusted, look_level
from proofs_check.statistics.slopes import (
    least_squares_slope,
    replicated_slope_interval,
    replicated_slope_p_value,
    slope_interval,
    slope_p_value,
)

__all__ = [
    "Numbers",
    "binomial_interval",
    "binomial_lower",
    "binomial_upper",
    "bonferroni",
    "excess_p_value",
    "holm",
    "holm_adjusted",
    "least_squares_slope",
    "least_trials",
    "look_level",
    "mean_interval",
    "mean_p_value",
    "randomised_pit",
    "randomised_pit_p_value",
    "replicated_slope_interval",
    "replicated_slope_p_value",
    "slope_interval",
    "slope_p_value",
    "support_p_value",
    "trials_to_decide",
    "trials_to_refute",
    "two_sided_binomial_p",
    "uniform_distance",
    "uniform_p_value",
]
