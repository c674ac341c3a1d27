"""Upper limits of binomial counts at tiny failure probabilities, rounded outward, for up to 10^15 trials."""

import numpy as np

_UNIT = 2.0**-53
_LEAST = 1e-280  # smaller probabilities are replaced by it: a quotient by them would overflow
MOST_TRIALS = 2.0**50


def log_tail_above(count: np.ndarray, trials: float, probability: np.ndarray, bounded: bool = False) -> np.ndarray:
    """Bound ln P(N >= count) from above for N ~ Bin(trials, probability), or a sum of variables in [0, 1].

    P(N >= k) <= P(N = k) / (1 - rho) with rho = (m - k) p / ((k + 1)(1 - p)), the ratio of the first two terms, which
    falls along the tail; ln P(N = k) <= -m KL(k/m, p) + ln(m / (2 pi k (m - k))) / 2 + 1/(12 m) by Stirling's formula
    with Robbins' bounds. The rounding of the floating-point evaluation is added. For a sum of independent variables in
    [0, 1] with mean p only Chernoff's part holds, P(N >= k) <= exp(-m KL(k/m, p)) (Hoeffding 1963, theorem 1).

    Args:
        count: k, whole numbers (float64), any shape.
        trials: m, a whole number up to 2^50.
        probability: p in [0, 1], or an upper bound of it, broadcastable against count.
        bounded: True for a sum of independent variables in [0, 1] with mean p.

    Returns:
        The bound, at most 0: 0 where k <= m p, where no bound is attempted; -infinity where k > m or p = 0 < k.

    Accuracy: the bound of the probability is at most 1 + O(1/k) times the exact tail for k - m p above a few standard
        deviations.

    Source: Robbins 1955 (Stirling's formula); derived.

    Example:
        >>> from math import comb, log
        >>> exact = sum(comb(50, k) * 0.1**k * 0.9 ** (50 - k) for k in range(12, 51))
        >>> log(exact) < float(log_tail_above(np.array(12.0), 50, np.array(0.1))) < log(exact) + 0.1
        True
    """
    k, p = np.broadcast_arrays(np.asarray(count, float), np.asarray(probability, float))
    m, p = float(trials), np.where(p > 0, np.maximum(p, _LEAST), p)
    inside = (k > m * p) & (k < m) & (p > 0)
    safe_k, safe_p = np.where(inside, k, 1.0), np.where(inside, p, 0.25 / max(m, 1.0))
    rest = np.where(inside, m - safe_k, 1.0)
    excess = safe_k - m * safe_p
    first = safe_k * np.log1p(excess / (m * safe_p))
    second = rest * np.log1p(np.maximum(-excess / (m * (1 - safe_p)), -1 + _UNIT))
    slack = 16 * _UNIT * (np.abs(first) + np.abs(second) + safe_k + m * safe_p) + 1 / (12 * m)
    ratio = rest * safe_p / ((safe_k + 1) * (1 - safe_p)) * (1 + 16 * _UNIT)
    stirling = 0.5 * np.log(m / (2 * np.pi * safe_k * rest))
    with np.errstate(divide="ignore", invalid="ignore"):
        sharper = stirling - np.where(ratio < 1, np.log1p(-np.minimum(ratio, 1.0)), -np.inf)
        bound = slack - first - second + (0.0 if bounded else np.minimum(sharper, 0.0))
        last = m * np.log(p) * (1 - 8 * _UNIT)  # P(N = m) = p^m
    bound = np.where(inside, np.minimum(bound, 0.0), np.where(k == m, last, 0.0))
    bound = np.where((k > m) | ((p == 0) & (k > 0)), -np.inf, bound)
    return np.where((k <= m * p) & (k <= m), 0.0, bound)


def upper_count(trials: float, probability: np.ndarray, log_failure: float, bounded: bool = False) -> np.ndarray:
    """Find counts that binomial variables exceed with probability at most exp(log_failure) each.

    Args:
        trials: m, a whole number up to 2^50.
        probability: p in [0, 1], or an upper bound of it, any shape.
        log_failure: logarithm of the failure probability, negative.
        bounded: True for sums of independent variables in [0, 1] with mean p in place of binomial counts.

    Returns:
        The least k (float64) for which `log_tail_above` proves P(N > k) <= exp(log_failure).

    Raises:
        ValueError: trials that are not a whole number in [1, 2^50], or a failure probability that is not below 1.

    Cost: an evaluation of the tail for every bit of the deviation from the mean, some 20.

    Example:
        >>> upper_count(10_000, np.array([0.0, 1e-4, 0.5, 1.0]), -9.0).tolist()
        [0.0, 6.0, 5184.0, 10000.0]
    """
    if not (1 <= trials <= MOST_TRIALS and float(trials).is_integer()):
        raise ValueError(f"expected a whole number of trials between 1 and 2^50, got {trials}")
    if not log_failure < 0:
        raise ValueError(f"expected the logarithm of a probability below 1, got {log_failure}")
    p = np.asarray(probability, float)
    # P(N > high) is small enough, and not known to be for low; Bernstein's inequality suggests where to begin
    mean, size = trials * p, -log_failure
    guess = np.minimum(np.ceil(mean + size / 3 + np.sqrt(size**2 / 9 + 2 * mean * size)) + 1, float(trials))
    enough = log_tail_above(guess + 1, trials, p, bounded) <= log_failure
    low, high = np.floor(np.minimum(mean, float(trials))) - 1, np.where(enough, guess, float(trials))
    while np.any(high - low > 1):
        middle = np.floor((low + high) / 2)
        enough = log_tail_above(middle + 1, trials, p, bounded) <= log_failure
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return high
