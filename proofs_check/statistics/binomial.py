"""Exact confidence limits and p-values for a failure probability, and the number of trials that a decision needs.

No method is asymptotic in the number of trials. Binomial tails are computed as incomplete beta functions, so a limit
and its p-value are inverse functions of each other.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from proofs_check.statistics.arguments import Numbers, as_counts, as_level, as_probability


def binomial_upper(violations: ArrayLike, trials: ArrayLike, level: ArrayLike) -> Numbers:
    """Compute the upper confidence limit on a failure probability: the p at which P(X <= violations | p) = level.

    Args:
        violations: number of failures x, integers 0 <= x <= trials.
        trials: number of independent trials N >= 0.
        level: error probability of the limit, in (0, 1).

    Returns:
        The limit, >= the true p with probability >= 1 - level; 1 if every trial failed or there is no trial.

    Accuracy:
        Relative error below 1e-10 for N <= 1000, against sums of exact fractions.

    Source:
        Clopper and Pearson 1934, Biometrika 26.

    Example:
        >>> float(binomial_upper(0, 128, 0.05))  # 1 - 0.05 ** (1 / 128)
        0.023132
    """
    x, n = as_counts(violations, trials)
    return _where(x == n, 1.0, special.betainccinv(x + 1, np.maximum(n - x, 1), as_level(level)))


def binomial_lower(violations: ArrayLike, trials: ArrayLike, level: ArrayLike) -> Numbers:
    """Compute the lower confidence limit on a failure probability: the p at which P(X >= violations | p) = level.

    Arguments, accuracy and source as for `binomial_upper`; 0 where no trial failed.

    Example:
        >>> float(binomial_lower(128, 128, 0.05))
        0.976868
    """
    x, n = as_counts(violations, trials)
    return _where(x == 0, 0.0, special.betaincinv(np.maximum(x, 1), n - x + 1, as_level(level)))


def binomial_interval(violations: ArrayLike, trials: ArrayLike, level: ArrayLike) -> tuple[Numbers, Numbers]:
    """Compute the two-sided confidence interval: both one-sided limits at level / 2.

    Source:
        Clopper and Pearson 1934; covers with probability at least 1 - level.

    Example:
        >>> [round(float(end), 4) for end in binomial_interval(3, 10, 0.05)]
        [0.0667, 0.6525]
    """
    half = as_level(level) / 2
    return binomial_lower(violations, trials, half), binomial_upper(violations, trials, half)


def excess_p_value(violations: ArrayLike, trials: ArrayLike, claimed: ArrayLike) -> Numbers:
    """Compute P(X >= violations | p = claimed), the p-value of "failure probability <= claimed"; small refutes it.

    Returns 0 for a violation of claimed = 0, and 1 without violations.

    Example:
        >>> float(excess_p_value(3, 10, 0.1))
        0.070191
    """
    x, n = as_counts(violations, trials)
    return _where(x == 0, 1.0, special.betainc(np.maximum(x, 1), n - x + 1, as_probability(claimed, "claimed")))


def support_p_value(violations: ArrayLike, trials: ArrayLike, claimed: ArrayLike) -> Numbers:
    """Compute P(X <= violations | p = claimed), the p-value of "failure probability > claimed"; small supports it.

    Returns 1 if every trial failed, if there is no trial, and for claimed = 0, which no sample can support.

    Example:
        >>> float(support_p_value(0, 50, 0.1))  # 0.9 ** 50
        0.005154
    """
    x, n = as_counts(violations, trials)
    tail = special.betaincc(x + 1, np.maximum(n - x, 1), as_probability(claimed, "claimed"))
    return _where(x == n, 1.0, tail)


def two_sided_binomial_p(violations: ArrayLike, trials: ArrayLike, p: ArrayLike) -> Numbers:
    """Compute the two-sided p-value of "the probability is p": twice the smaller tail, at most 1.

    The p-value is valid, because each tail is; scipy.stats.binomtest instead sums all outcomes that are less likely. It
    agrees with `binomial_interval`: p-value <= level if and only if the interval excludes p.

    Example:
        >>> float(two_sided_binomial_p(9, 10, 0.5))  # 2 (1 + 10) / 1024
        0.021484
    """
    upper, lower = excess_p_value(violations, trials, p), support_p_value(violations, trials, p)
    return np.minimum(1.0, 2 * np.minimum(upper, lower))


def trials_to_decide(violations: int, trials: int, claimed: float, level: float, limit: int = 10**6) -> int | None:
    """Find the smallest number n of trials at which the upper limit at `level` falls to `claimed`.

    The computation assumes ceil(n violations / trials) violations among n. Returns None if `limit` trials are not
    enough, for example if the observed frequency is at or above the claim.

    Example:
        >>> trials_to_decide(0, 16, claimed=0.1, level=0.05), trials_to_decide(2, 16, claimed=0.1, level=0.05)
        (29, None)
    """
    _validate(violations, trials, claimed, level)
    most = -(-limit * violations // trials) if violations else 0
    if violations >= claimed * trials > 0 or support_p_value(most, limit, claimed) > level:
        return None

    def largest(x):  # the most trials that x violations are expected in
        return np.minimum(limit, x * trials // violations) if violations else np.full_like(x, limit)

    def enough(x):
        return support_p_value(np.minimum(x, largest(x)), largest(x), claimed) <= level

    count = _first(enough, 0, most + 1)
    low, high = count - 1, int(largest(np.array(count)))  # low is not enough: fewer trials than violations
    while high - low > 1:
        middle = (low + high) // 2
        decided = middle >= count and support_p_value(count, middle, claimed) <= level
        low, high = (low, middle) if decided else (middle, high)
    return high


def trials_to_refute(violations: int, trials: int, claimed: float, level: float, limit: int = 10**6) -> int | None:
    """Find the smallest n at which floor(n violations / trials) violations refute `claimed` at `level`.

    Returns None if `limit` trials are not enough, for example if the observed frequency is at or below the claim.

    Example:
        >>> trials_to_refute(4, 16, claimed=0.1, level=0.01)
        36
    """
    _validate(violations, trials, claimed, level)
    most = limit * violations // max(trials, 1)
    if violations <= claimed * trials or excess_p_value(most, limit, claimed) > level:
        return None
    count = _first(lambda x: excess_p_value(x, -(-x * trials // violations), claimed) <= level, 1, most + 1)
    return -(-count * trials // violations)


def least_trials(claimed: float, level: float, limit: int = 10**6) -> int | None:
    """Find the smallest n at which n trials without violation support "failure probability <= claimed" at `level`.

    This is the smallest n with (1 - claimed)^n <= level; None beyond `limit`, for example for claimed = 0. A study with
    fewer seeds cannot support the claim.

    Example:
        >>> least_trials(0.1, 1e-3), least_trials(0.1, 1e-3 / 20), least_trials(0.0, 1e-3)
        (66, 94, None)
    """
    return trials_to_decide(0, 0, claimed, level, limit)


def _first(holds: Callable[[np.ndarray], ArrayLike], start: int, stop: int) -> int:
    """Find the first integer in [start, stop) where the condition holds, in doubling blocks; else return the last."""
    size = 256
    while start < stop:
        hits = np.flatnonzero(holds(np.arange(start, min(start + size, stop))))
        if hits.size:
            return start + int(hits[0])
        start, size = start + size, 2 * size
    return stop - 1


def _where(condition: ArrayLike, value: float, otherwise: ArrayLike) -> Numbers:
    return np.where(condition, value, otherwise)[()]


def _validate(violations: int, trials: int, claimed: float, level: float) -> None:
    as_counts(violations, trials)
    as_probability(claimed, "claimed")
    as_level(level)
