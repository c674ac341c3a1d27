"""Goodness of fit of counts to an exact law."""

import numpy as np
from numpy.typing import ArrayLike

from proofs_check.statistics.arguments import Numbers, as_counts, as_probability
from proofs_check.statistics.binomial import excess_p_value, support_p_value


def randomised_pit(counts: ArrayLike, trials: ArrayLike, p: ArrayLike, uniform: ArrayLike) -> Numbers:
    """Compute P(X < x) + v P(X = x) for X ~ Binomial(trials, p), v = uniform.

    The result is uniform on [0, 1] if x has that law.

    Args:
        counts: integers x; trials and p broadcast against them.
        trials: number of trials of each count.
        p: claimed probability, in [0, 1].
        uniform: draws from [0, 1], independent of the counts, of their broadcast shape.

    Source:
        Brockwell 2007, Statistics and Probability Letters 77.

    Example:
        >>> randomised_pit([0, 1], 1, 0.25, [0.5, 0.5]).tolist()  # the middles of [0, 0.75] and [0.75, 1]
        [0.375, 0.875]
    """
    x, n = as_counts(counts, trials)
    p = as_probability(p, "p")
    below = 1.0 - excess_p_value(x, n, p)
    mass = np.maximum(support_p_value(x, n, p) - below, 0.0)
    return (below + as_probability(uniform, "uniform") * mass)[()]


def uniform_distance(values: ArrayLike) -> Numbers:
    """Compute Kolmogorov's distance max |F_N(u) - u| of N >= 1 values along axis 0 from the uniform law on [0, 1].

    Example:
        >>> float(uniform_distance([0.1, 0.5, 0.6]))
        0.4
    """
    u = np.sort(as_probability(values, "values"), axis=0)
    if u.ndim == 0 or not len(u):
        raise ValueError("expected at least one value, got none")
    rank = np.arange(len(u)).reshape(-1, *[1] * (u.ndim - 1))
    return np.maximum((rank + 1) / len(u) - u, u - rank / len(u)).max(axis=0)[()]


def uniform_p_value(distance: ArrayLike, size: int) -> Numbers:
    """Compute P(D >= distance) exactly, for `uniform_distance` D of `size` independent uniform values.

    Source:
        Simard and L'Ecuyer 2011, Journal of Statistical Software 39, as scipy.stats.kstwo.

    Example:
        >>> float(uniform_p_value(0.4, 3))
        0.594667
    """
    from scipy import stats  # slow to import, and only this needs it

    return np.clip(stats.kstwo.sf(distance, size), 0.0, 1.0)[()]


def randomised_pit_p_value(counts: ArrayLike, trials: ArrayLike, p: ArrayLike, key: int) -> float:
    """Test independent counts X_i for the law Binomial(trials, p), exactly.

    `randomised_pit` with V_i drawn by NumPy's generator at seed `key` gives independent uniform values under the
    claim; Kolmogorov's exact distribution then gives the p-value.

    Args:
        counts: integers; trials and p broadcast against them.
        trials: number of trials of each count.
        p: claimed probability, in [0, 1].
        key: seed of the randomisation, which must be fixed before the counts are known.

    Source:
        As `randomised_pit` and `uniform_p_value`.

    Example:
        >>> counts = np.random.default_rng(1).binomial(20, 0.3, 500)
        >>> [randomised_pit_p_value(counts, 20, p, key=0) > 0.05 for p in (0.3, 0.4)]
        [True, False]
    """
    shape = np.broadcast_shapes(np.shape(counts), np.shape(trials), np.shape(p))
    if 0 in shape:
        raise ValueError("expected at least one count, got none")
    values = np.ravel(randomised_pit(counts, trials, p, np.random.default_rng(key).random(shape)))
    return float(uniform_p_value(uniform_distance(values), values.size))
