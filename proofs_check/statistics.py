"""Exact finite-sample statistics of the verdicts: limits, p-values and simultaneous decisions.

Nothing here is asymptotic in the number of seeds. Binomial tails are incomplete beta functions, so that a
limit and its p-value are each other's inverse. Knows nothing of lemmas; ``verdict`` does the deciding.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

Numbers = np.ndarray | float
"""A float for scalar arguments, an array of their broadcast shape otherwise."""


def binomial_upper(violations: ArrayLike, trials: ArrayLike, level: ArrayLike) -> Numbers:
    """Upper confidence limit on a failure probability: the p at which P(X <= violations | p) = level.

    Args:
        violations: number of failures x, integers 0 <= x <= trials.
        trials: number of independent trials N >= 0.
        level: error probability of the limit, in (0, 1).

    Returns:
        The limit, >= the true p with probability >= 1 - level; 1 where every trial failed or there is none.

    Accuracy:
        Relative error below 1e-10 for N <= 1000, against sums of exact fractions.

    Source:
        Clopper and Pearson 1934, Biometrika 26.

    Example:
        >>> float(binomial_upper(0, 128, 0.05))  # 1 - 0.05 ** (1 / 128)
        0.023132
    """
    x, n = _counts(violations, trials)
    return _where(x == n, 1.0, special.betainccinv(x + 1, np.maximum(n - x, 1), _level(level)))


def binomial_lower(violations: ArrayLike, trials: ArrayLike, level: ArrayLike) -> Numbers:
    """Lower confidence limit on a failure probability: the p at which P(X >= violations | p) = level.

    Arguments, accuracy and source as for `binomial_upper`; 0 where no trial failed.

    Example:
        >>> float(binomial_lower(128, 128, 0.05))
        0.976868
    """
    x, n = _counts(violations, trials)
    return _where(x == 0, 0.0, special.betaincinv(np.maximum(x, 1), n - x + 1, _level(level)))


def binomial_interval(violations: ArrayLike, trials: ArrayLike, level: ArrayLike) -> tuple[Numbers, Numbers]:
    """Two-sided confidence interval: both one-sided limits at level / 2.

    Source:
        Clopper and Pearson 1934; covers with probability at least 1 - level.

    Example:
        >>> [round(float(end), 4) for end in binomial_interval(3, 10, 0.05)]
        [0.0667, 0.6525]
    """
    half = _level(level) / 2
    return binomial_lower(violations, trials, half), binomial_upper(violations, trials, half)


def excess_p_value(violations: ArrayLike, trials: ArrayLike, claimed: ArrayLike) -> Numbers:
    """P(X >= violations | p = claimed): the p-value of "failure probability <= claimed"; small refutes it.

    Returns 0 for a violation of what is claimed never to fail, and 1 without violations.

    Example:
        >>> float(excess_p_value(3, 10, 0.1))
        0.070191
    """
    x, n = _counts(violations, trials)
    return _where(x == 0, 1.0, special.betainc(np.maximum(x, 1), n - x + 1, _probability(claimed, "claimed")))


def support_p_value(violations: ArrayLike, trials: ArrayLike, claimed: ArrayLike) -> Numbers:
    """P(X <= violations | p = claimed): the p-value of "failure probability > claimed"; small supports it.

    Returns 1 where every trial failed, where there is none, and for claimed = 0, which no sample can support.

    Example:
        >>> float(support_p_value(0, 50, 0.1))  # 0.9 ** 50
        0.005154
    """
    x, n = _counts(violations, trials)
    tail = special.betaincc(x + 1, np.maximum(n - x, 1), _probability(claimed, "claimed"))
    return _where(x == n, 1.0, tail)


def two_sided_binomial_p(violations: ArrayLike, trials: ArrayLike, p: ArrayLike) -> Numbers:
    """Two-sided p-value of "the probability is p": twice the smaller tail, at most 1.

    Valid, as each tail is; scipy.stats.binomtest instead sums all outcomes that are less likely.
    Agrees with `binomial_interval`: p-value <= level where the interval excludes p.

    Example:
        >>> float(two_sided_binomial_p(9, 10, 0.5))  # 2 (1 + 10) / 1024
        0.021484
    """
    upper, lower = excess_p_value(violations, trials, p), support_p_value(violations, trials, p)
    return np.minimum(1.0, 2 * np.minimum(upper, lower))


def holm(p_values: ArrayLike, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Step-down decision of m hypotheses with family-wise error at most level, whatever their dependence.

    The r-th smallest p-value (r = 0, 1, ...) is compared with level / (m - r) until one is larger.

    Args:
        p_values: (m,) valid p-values.
        level: family-wise level, in (0, 1).

    Returns:
        rejected: (m,) bool, always equal to p_values <= levels.
        levels: (m,) the level at which each was compared, to quote confidence limits at; after the stop the
            level of the stop, so that a limit at it never says more than the decision does.

    Source:
        Holm 1979, Scandinavian Journal of Statistics 6.

    Example:
        >>> rejected, levels = holm([0.04, 0.001, 0.02], 0.05)
        >>> rejected.tolist(), [round(x, 4) for x in levels.tolist()]
        ([True, True, True], [0.05, 0.0167, 0.025])
    """
    p = _p_values(p_values)
    steps = float(_level(level)) / np.arange(p.size, 0, -1)
    order = np.argsort(p, kind="stable")
    failed = np.flatnonzero(p[order] > steps)
    if failed.size:
        steps[failed[0] :] = steps[failed[0]]
    levels = np.empty_like(p)
    levels[order] = steps
    return p <= levels, levels


def holm_adjusted(p_values: ArrayLike) -> np.ndarray:
    """Adjusted p-values: the smallest family-wise level at which `holm` rejects each; (m,), at most 1.

    Example:
        >>> holm_adjusted([0.04, 0.001, 0.02]).tolist()
        [0.04, 0.003, 0.04]
    """
    p = _p_values(p_values)
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * np.arange(p.size, 0, -1)))
    return adjusted


def bonferroni(p_values: ArrayLike) -> float:
    """p-value of "all N hypotheses hold": min(1, N min p), valid whatever their dependence; 1 for none.

    Example:
        >>> bonferroni([0.01, 0.5, 0.9])
        0.03
    """
    p = _p_values(np.ravel(p_values))
    return float(min(1.0, p.size * p.min())) if p.size else 1.0


def trials_to_decide(violations: int, trials: int, claimed: float, level: float, limit: int = 10**6) -> int | None:
    """Smallest number n of trials at which the upper limit at `level` falls to `claimed`.

    Assumes ceil(n violations / trials) violations among n; none when none was seen. Returns None when `limit`
    trials would not be enough, as when the observed frequency is at or above the claim.

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
    """Smallest number n of trials at which floor(n violations / trials) of them refute `claimed` at `level`.

    Returns None when `limit` trials would not, as when the observed frequency is at or below the claim.

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


def mean_interval(values: ArrayLike, level: float) -> tuple[Numbers, Numbers]:
    """Two-sided interval for a mean: mean ± t s / sqrt(N), t the 1 - level / 2 quantile of Student's law.

    Takes (N, ...) independent draws along axis 0; infinite for N = 1, where nothing is known of the spread.

    Accuracy:
        Covers with 1 - level for normal draws; approximately otherwise, and the better the larger N.

    Source:
        Student 1908, Biometrika 6.

    Example:
        >>> [round(float(end), 3) for end in mean_interval([1.0, 2.0, 3.0], 0.05)]
        [-0.484, 4.484]
    """
    mean, error, freedom = _mean_and_error(values)
    half_level = float(_level(level)) / 2
    if not freedom:
        return mean - error, mean + error
    half_width = -error * special.stdtrit(freedom, half_level)
    return mean - half_width, mean + half_width


def mean_p_value(values: ArrayLike, claimed: ArrayLike) -> Numbers:
    """Two-sided p-value of "the mean is `claimed`", Student's t along axis 0; 1 for a single draw.

    Constant draws have no spread: 1 if they equal the claim, else 0. Accuracy and source as `mean_interval`.

    Example:
        >>> float(mean_p_value([1.0, 2.0, 3.0], 0.0))
        0.074180
    """
    mean, error, freedom = _mean_and_error(values)
    distance = np.abs(mean - np.asarray(claimed, float))
    if not freedom:
        return np.ones_like(distance)[()]
    t = np.divide(distance, error, out=np.where(distance > 0, np.inf, 0.0), where=np.asarray(error) > 0)
    return (2 * special.stdtr(freedom, -t))[()]


def randomised_pit_p_value(counts: ArrayLike, trials: ArrayLike, p: ArrayLike, key: int) -> float:
    """Exact goodness of fit of independent counts X_i ~ Binomial(trials, p).

    U_i = P(X < x_i) + V_i P(X = x_i), with V_i uniform and drawn with NumPy's generator at seed `key`, are
    independent and uniform under the claim; Kolmogorov's exact distribution then gives the p-value.

    Args:
        counts: integers; trials and p broadcast against them.
        trials: number of trials of each count.
        p: claimed probability, in [0, 1].
        key: seed of the randomisation; to be fixed before the counts are seen.

    Source:
        Brockwell 2007, Statistics and Probability Letters 77 (the transform); Simard and L'Ecuyer 2011,
        Journal of Statistical Software 39 (the distribution).

    Example:
        >>> counts = np.random.default_rng(1).binomial(20, 0.3, 500)
        >>> [randomised_pit_p_value(counts, 20, p, key=0) > 0.05 for p in (0.3, 0.4)]
        [True, False]
    """
    x, n = _counts(counts, trials)
    p = _probability(p, "p")
    if not x.size:
        raise ValueError("expected at least one count, got none")
    below = 1.0 - excess_p_value(x, n, p)
    mass = np.maximum(support_p_value(x, n, p) - below, 0.0)
    uniform = np.random.default_rng(key).random(np.shape(mass))
    from scipy import stats  # slow to import, and only this needs it

    return float(stats.kstest(np.ravel(below + uniform * mass), "uniform", method="exact").pvalue)


def _first(holds: Callable[[np.ndarray], ArrayLike], start: int, stop: int) -> int:
    """First integer in [start, stop) where the condition holds, sought in doubling blocks; else the last."""
    size = 256
    while start < stop:
        found = np.flatnonzero(holds(np.arange(start, min(start + size, stop))))
        if found.size:
            return start + int(found[0])
        start, size = start + size, 2 * size
    return stop - 1


def _where(condition: ArrayLike, value: float, otherwise: ArrayLike) -> Numbers:
    return np.where(condition, value, otherwise)[()]


def _counts(violations: ArrayLike, trials: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    x, n = np.asarray(violations), np.asarray(trials)
    valid = np.issubdtype(x.dtype, np.number) and np.issubdtype(n.dtype, np.number)
    if not valid or not np.all((x >= 0) & (x <= n) & (x == np.floor(x)) & (n == np.floor(n))):
        raise ValueError(f"expected integers 0 <= violations <= trials, got {violations!r} of {trials!r}")
    return x, n


def _validate(violations: int, trials: int, claimed: float, level: float) -> None:
    _counts(violations, trials)
    _probability(claimed, "claimed")
    _level(level)


def _probability(value: ArrayLike, name: str) -> np.ndarray:
    array = np.asarray(value, float)
    if not np.all((array >= 0) & (array <= 1)):
        raise ValueError(f"expected {name} in [0, 1], got {value!r}")
    return array


def _level(level: ArrayLike) -> np.ndarray:
    array = np.asarray(level, float)
    if not np.all((array > 0) & (array < 1)):
        raise ValueError(f"expected a level strictly between 0 and 1, got {level!r}")
    return array


def _p_values(p_values: ArrayLike) -> np.ndarray:
    p = _probability(p_values, "p-values")
    if p.ndim != 1:
        raise ValueError(f"expected a vector of p-values, got shape {p.shape}")
    return p


def _mean_and_error(values: ArrayLike) -> tuple[np.ndarray, np.ndarray, int]:
    """Mean, its standard error (infinite for one draw) and the degrees of freedom, along axis 0."""
    draws = np.asarray(values, float)
    if draws.ndim == 0 or not len(draws) or not np.all(np.isfinite(draws)):
        raise ValueError(
            f"expected finite draws along axis 0, got shape {draws.shape} with "
            f"{int(np.sum(~np.isfinite(draws)))} not finite"
        )
    mean, freedom = draws.mean(axis=0), len(draws) - 1
    if not freedom:
        return mean, np.full_like(mean, np.inf), 0
    return mean, draws.std(axis=0, ddof=1) / np.sqrt(len(draws)), freedom
