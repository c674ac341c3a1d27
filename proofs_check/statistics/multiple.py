"""Many hypotheses at one level, and one hypothesis at many looks."""

import numpy as np
from numpy.typing import ArrayLike

from proofs_check.statistics.arguments import Numbers, as_level, as_probability


def holm(p_values: ArrayLike, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Decide m hypotheses step by step, with family-wise error at most level, whatever their dependence.

    The r-th smallest p-value (r = 0, 1, ...) is compared with level / (m - r) until one is larger.

    Args:
        p_values: (..., m) valid p-values; each row of the last axis is a family of its own.
        level: family-wise level, in (0, 1).

    Returns:
        rejected: (..., m) bool, always equal to p_values <= levels.
        levels: (..., m) the level at which each was compared, to quote confidence limits at; after the stop the
            level of the stop, so that a limit at it never says more than the decision does.

    Source:
        Holm 1979, Scandinavian Journal of Statistics 6.

    Example:
        >>> rejected, levels = holm([0.04, 0.001, 0.02], 0.05)
        >>> rejected.tolist(), [round(x, 4) for x in levels.tolist()]
        ([True, True, True], [0.05, 0.0167, 0.025])
    """
    p = _p_values(p_values)
    m = p.shape[-1]
    steps = float(as_level(level)) / np.arange(m, 0, -1)
    order = np.argsort(p, axis=-1, kind="stable")
    passed = np.take_along_axis(p, order, axis=-1) <= steps
    first_failed = np.logical_and.accumulate(passed, axis=-1).sum(axis=-1, keepdims=True)
    compared = steps[np.minimum(np.arange(m), first_failed)] if m else p
    levels = np.empty_like(p)
    np.put_along_axis(levels, order, compared, axis=-1)
    return p <= levels, levels


def holm_adjusted(p_values: ArrayLike) -> np.ndarray:
    """Adjust p-values: the smallest family-wise level at which `holm` rejects each; (..., m), at most 1.

    Example:
        >>> holm_adjusted([0.04, 0.001, 0.02]).tolist()
        [0.04, 0.003, 0.04]
    """
    p = _p_values(p_values)
    order = np.argsort(p, axis=-1, kind="stable")
    scaled = np.take_along_axis(p, order, axis=-1) * np.arange(p.shape[-1], 0, -1)
    adjusted = np.empty_like(p)
    np.put_along_axis(adjusted, order, np.minimum(1.0, np.maximum.accumulate(scaled, axis=-1)), axis=-1)
    return adjusted


def bonferroni(p_values: ArrayLike) -> float:
    """Combine p-values into one of "all N hypotheses hold", min(1, N min p), valid whatever their dependence.

    Example:
        >>> bonferroni([0.01, 0.5, 0.9])
        0.03
    """
    p = _p_values(np.ravel(p_values))
    return float(min(1.0, p.size * p.min())) if p.size else 1.0


def look_level(level: ArrayLike, look: ArrayLike) -> Numbers:
    """Return the level of the look-th interim decision, level / (look (look + 1)), look = 1, 2, ...

    A study that adds seeds until it is decided looks at its data more than once. The levels of all looks sum to
    `level`, so fixed-sample decisions (limits, p-values, `holm`), each at the level of its look, are all right
    together with probability at least 1 - level, at however many looks and whatever makes the study stop.

    Cost:
        The price of the second look is a factor of 3 in the level, of the tenth 55: for a binomial limit without
        violations, log(1 / level) more seeds.

    Source:
        Bonferroni's inequality; such spending of a level over time: Lan and DeMets 1983, Biometrika 70 (recalled).

    Example:
        >>> [round(float(look_level(0.06, k)), 4) for k in (1, 2, 3)]
        [0.03, 0.01, 0.005]
    """
    k = np.asarray(look)
    if not np.issubdtype(k.dtype, np.integer) or not np.all(k >= 1):
        raise ValueError(f"expected a number of looks 1, 2, ..., got {look!r}")
    k = k.astype(float)
    return (as_level(level) / (k * (k + 1)))[()]


def _p_values(p_values: ArrayLike) -> np.ndarray:
    p = as_probability(p_values, "p-values")
    if p.ndim == 0:
        raise ValueError("expected a vector of p-values, got a number")
    return p
