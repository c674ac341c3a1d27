"""Student's confidence interval and test for the mean of independent draws."""

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from proofs_check.statistics.arguments import Numbers, as_finite, as_level


def mean_interval(values: ArrayLike, level: float) -> tuple[Numbers, Numbers]:
    """Compute the two-sided interval mean ± t s / sqrt(N), t the 1 - level / 2 quantile of Student's law.

    `values` are (N, ...), N independent draws along axis 0, with standard deviation s. The interval is infinite for N =
    1.

    Accuracy:
        The coverage is 1 - level for normal draws, and approximately 1 - level for others if N is large.

    Source:
        Student 1908, Biometrika 6.

    Example:
        >>> [round(float(end), 3) for end in mean_interval([1.0, 2.0, 3.0], 0.05)]
        [-0.484, 4.484]
    """
    mean, error, freedom = _mean_and_error(values)
    half_level = float(as_level(level)) / 2
    if not freedom:
        return mean - error, mean + error
    half_width = -error * special.stdtrit(freedom, half_level)
    return mean - half_width, mean + half_width


def mean_p_value(values: ArrayLike, claimed: ArrayLike) -> Numbers:
    """Compute the two-sided p-value of "the mean is `claimed`", Student's t along axis 0; 1 for a single draw.

    For equal draws the p-value is 1 if they equal the claim, else 0. Accuracy and source as `mean_interval`.

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


def _mean_and_error(values: ArrayLike) -> tuple[np.ndarray, np.ndarray, int]:
    """Compute the mean, its standard error (infinite for one draw) and the degrees of freedom, along axis 0."""
    draws = as_finite(values, "draws along axis 0")
    if draws.ndim == 0 or not len(draws):
        raise ValueError(f"expected finite draws along axis 0, got shape {draws.shape}")
    mean, freedom = draws.mean(axis=0), len(draws) - 1
    if not freedom:
        return mean, np.full_like(mean, np.inf), 0
    return mean, draws.std(axis=0, ddof=1) / np.sqrt(len(draws)), freedom
