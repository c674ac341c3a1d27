"""Intervals and tests for the slope of a line through a few points, such as the growth of a quantity with the width.

`slope_interval` is for one curve and uses the residuals of its line. `replicated_slope_interval` is for one curve per
seed; it uses the standard deviation of the slopes over seeds and the lack of fit of the mean curve.
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from proofs_check.statistics.arguments import Numbers, as_finite, as_level


def least_squares_slope(x: ArrayLike, y: ArrayLike) -> Numbers:
    """Compute the slope sum dx y / sum dx^2, dx = x - mean x, of least squares; (p,) and (..., p) to (...).

    Slopes of independent seeds are independent draws, so `mean_interval` of them is valid for any shape of the curve.

    Raises:
        ValueError: for fewer than two positions, equal positions, NaN or infinite values, or other shapes.

    Example:
        >>> float(least_squares_slope([0, 1, 2], [1, 3, 4]))
        1.5
    """
    return _fit(x, y)[0][()]


def slope_interval(x: ArrayLike, y: ArrayLike, level: float) -> tuple[float, float]:
    """Compute the two-sided interval b ± t s / sqrt(sum dx^2), s^2 = RSS / (p - 2), for the slope of one curve.

    Args:
        x: (p,) positions, not all equal.
        y: (p,) values.
        level: error probability, in (0, 1); t is the 1 - level / 2 quantile of Student's law, p - 2 degrees.

    Returns:
        (low, high); infinite for p = 2, where the line fits any values.

    Accuracy:
        The coverage is 1 - level if the deviations from the line are independent and normal with one variance. For a
        curve that is not a line, the interval is for the slope of the closest line. Few points make it wide: at level
        1e-3, t is 637 for p = 3, 12.9 for p = 5 and 5.4 for p = 9. The interval includes a bound on rounding errors.

    Source:
        Gauss's least squares with Student's law; derived in any textbook on regression.

    Raises:
        ValueError: as `least_squares_slope`, or for a level outside (0, 1).

    Example:
        >>> [round(end, 3) for end in slope_interval([0, 1, 2, 3], [0.1, 0.9, 2.1, 2.9], 0.05)]
        [0.717, 1.203]
    """
    slope, error, allowance = _curve(x, y)
    half = _half_width(float(as_level(level)), ((error, np.size(x) - 2),)) + allowance
    return slope - half, slope + half


def slope_p_value(x: ArrayLike, y: ArrayLike, claimed: float, tolerance: float = 0.0) -> float:
    """Compute the p-value of "|slope - claimed| <= tolerance" for one curve; small refutes it.

    The p-value is at most `level` exactly if `slope_interval` at that level misses [claimed - tolerance, claimed +
    tolerance]. The claim is supported if the interval lies within that range. The p-value is 1 for two points.

    Raises:
        ValueError: as `slope_interval`, or for a claim or tolerance that is not finite, or a tolerance below 0.

    Example:
        >>> x, y = [0, 1, 2, 3], [0.1, 0.9, 2.1, 2.9]
        >>> round(slope_p_value(x, y, 2.0, 0.5), 4), slope_p_value(x, y, 1.0, 0.1)
        (0.0108, 1.0)
    """
    slope, error, allowance = _curve(x, y)
    distance = _distance(slope, claimed, tolerance) - allowance
    return _p_value(distance, ((error, np.size(x) - 2),))


def replicated_slope_interval(x: ArrayLike, y: ArrayLike, level: float) -> tuple[float, float]:
    """Compute the two-sided interval for the slope of s independent curves, one per seed, over the same positions.

    The mean b of the slopes of the seeds is also the slope of the mean curve. Its error has two parts, and each gets
    half of the level: b ± (t_{s-1} S / sqrt s + t_{p-2} s_fit / sqrt(sum dx^2)), where S is the standard deviation of
    the slopes over seeds and s_fit the residual standard deviation of the mean curve about its line.

    Args:
        x: (p,) positions, not all equal.
        y: (s, p) values, a row per seed.
        level: error probability, in (0, 1).

    Returns:
        (low, high); infinite for one seed or two positions.

    Accuracy:
        The coverage is at least 1 - level if y_sk = a + b x_k + f_k + e_sk, where the errors e_s of the seeds are
        independent N(0, any covariance over positions) and the misfits f_k, common to all seeds, are independent
        N(0, one variance), possibly 0. (The slopes of the seeds vary about their common mean by e alone, so Student's
        law applies. Adding e to f makes s_fit only larger in law, while the part of b from f is independent of both.)
        If the misfit is a systematic curve, the interval covers the slope of the line closest to the expected curve
        over the data. The wider of the two intervals alone would not be enough: with two equal parts it covers only
        half of the error.

    Source:
        Derived; Student's law twice, with Bonferroni's inequality.

    Example:
        >>> y = [[0.1, 0.9, 2.1, 2.9], [0.0, 1.1, 2.0, 3.1], [0.1, 1.1, 2.0, 2.9]]
        >>> [round(end, 3) for end in replicated_slope_interval([0, 1, 2, 3], y, 0.05)]
        [0.751, 1.189]
    """
    slope, parts, allowance = _replicated(x, y)
    half = _half_width(float(as_level(level)), parts) + allowance
    return slope - half, slope + half


def replicated_slope_p_value(x: ArrayLike, y: ArrayLike, claimed: float, tolerance: float = 0.0) -> float:
    """Compute the p-value of "|slope - claimed| <= tolerance" that fits `replicated_slope_interval`.

    Never below 1e-100.

    Example:
        >>> y = [[0.1, 0.9, 2.1, 2.9], [0.0, 1.1, 2.0, 3.1], [0.1, 1.1, 2.0, 2.9]]
        >>> round(replicated_slope_p_value([0, 1, 2, 3], y, 2.0, 0.5), 4)
        0.0088
    """
    slope, parts, allowance = _replicated(x, y)
    return _p_value(_distance(slope, claimed, tolerance) - allowance, parts)


Parts = tuple[tuple[float, int], ...]
"""Standard errors with their degrees of freedom, one per part of a slope's error."""


def _fit(x: ArrayLike, y: ArrayLike) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fit lines; return slopes, standard errors (infinite for two positions) and bounds on the rounding errors."""
    positions, values = as_finite(x, "x"), as_finite(y, "y")
    if positions.ndim != 1 or positions.size < 2 or values.ndim == 0 or values.shape[-1] != positions.size:
        raise ValueError(
            f"expected (p,) positions, p >= 2, and (..., p) values, got {positions.shape} and {values.shape}"
        )
    size = np.abs(positions).max()
    scale = float(np.ptp(positions)) if size <= 1e150 else 0.0
    if not scale > 1e-10 * size:
        raise ValueError(
            f"expected different positions of size at most 1e150, got {positions.min()} to {positions.max()}"
        )
    if values.size and np.abs(values).max() > 1e150:
        raise ValueError("expected values below 1e150, whose squares can be summed")
    dx = (positions - positions.mean()) / scale
    dy = values - values.mean(axis=-1, keepdims=True)
    square = dx @ dx
    slope = dy @ dx / square
    residual = dy - slope[..., None] * dx
    freedom = positions.size - 2
    spread = np.linalg.norm(residual, axis=-1)
    error = spread / np.sqrt(freedom * square) if freedom else np.full_like(slope, np.inf)
    # p products and sums, the means, and dx itself, whose relative error cancellation has magnified
    units = (2 * positions.size + 8) * (1 + size / scale) * np.finfo(float).eps
    rounding = units * (np.abs(values) @ np.abs(dx) / square + np.abs(slope))
    return slope / scale, error / scale, rounding / scale


def _curve(x: ArrayLike, y: ArrayLike) -> tuple[float, float, float]:
    if np.ndim(y) != 1:
        raise ValueError(f"expected (p,) values, got shape {np.shape(y)}")
    slope, error, rounding = _fit(x, y)
    return float(slope), float(error), float(rounding)


def _replicated(x: ArrayLike, y: ArrayLike) -> tuple[float, Parts, float]:
    if np.ndim(y) != 2 or not len(np.asarray(y)):
        raise ValueError(f"expected (s, p) values, s >= 1, got shape {np.shape(y)}")
    values = as_finite(y, "y")
    slopes, _, rounding = _fit(x, values)
    slope, misfit, _ = _fit(x, values.mean(axis=0))
    seeds = len(values)
    spread = float(slopes.std(ddof=1) / np.sqrt(seeds)) if seeds > 1 else np.inf
    return float(slope), ((spread, seeds - 1), (float(misfit), np.size(x) - 2)), 2 * float(rounding.max())


def _distance(slope: float, claimed: float, tolerance: float) -> float:
    if not (np.isfinite(claimed) and 0 <= tolerance < np.inf):
        raise ValueError(f"expected a finite claim and tolerance >= 0, got {claimed} and {tolerance}")
    return abs(slope - claimed) - tolerance


def _half_width(level: float, parts: Parts) -> float:
    """Sum t s over the parts, each at its share of the level."""
    shares = level / (2 * len(parts))
    return sum(-error * float(special.stdtrit(freedom, shares)) if freedom else np.inf for error, freedom in parts)


def _p_value(distance: float, parts: Parts) -> float:
    """Find the largest level at which the half width, a decreasing function of the level, is at least `distance`."""
    if distance <= 0 or any(not freedom for _, freedom in parts):
        return 1.0
    if all(error == 0 for error, _ in parts):
        return 0.0
    if len(parts) == 1:
        ((error, freedom),) = parts
        return float(2 * special.stdtr(freedom, -distance / error))

    from scipy import optimize  # slow to import, and only this needs it

    def excess(log_level: float) -> float:
        return _half_width(np.exp(log_level), parts) - distance

    low = -230.0  # e^low is about 1e-100; scipy's quantile is wrong below 1e-200
    if excess(0.0) >= 0:
        return 1.0
    if excess(low) <= 0:
        return float(np.exp(low))
    root, _ = optimize.brentq(excess, low, 0.0, xtol=1e-13, full_output=True)
    return float(np.exp(root))
