"""Corrections of the significance level for many hypotheses, and for interim looks at growing data."""

import numpy as np
from numpy.typing import ArrayLike

from proofs_check.statistics.arguments import Numbers, as_level, as_probability


def holm(p_values: ArrayLike, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Test m hypotheses with Holm's step-down procedure; the family-wise error is at most level under any dependence.

    The r-th smallest p-value (r = 0, 1, ...) is compared with level / (m - r). The procedure stops at the first one
    that is larger.

    Args:
        p_values: (..., m) valid p-values; each row of the last axis is a family of its own.
        level: family-wise level, in (0, 1).

    Returns:
        rejected: (..., m) bool, always equal to p_values <= levels.
        levels: (..., m) the level with which each p-value was compared, for confidence limits. Every hypothesis after
            the stop gets the level at which the procedure stopped, so that its confidence limit never contradicts
            the decision.

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
    rejected_count = np.logical_and.accumulate(passed, axis=-1).sum(axis=-1, keepdims=True)
    compared = steps[np.minimum(np.arange(m), rejected_count)] if m else p
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
    """Return a p-value for "all N hypotheses hold": min(1, N min p), valid under any dependence.

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
    together with probability at least 1 - level, for any number of looks and any rule that stops the study.

    Cost:
        Relative to the first look, the level is smaller by a factor of 3 at the second and of 55 at the tenth. Without
        violations, a binomial limit at failure probability p then needs about log(3) / p and log(55) / p more seeds.

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
