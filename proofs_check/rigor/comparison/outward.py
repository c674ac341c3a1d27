"""Upper bounds in float64: sums and products of nonnegative numbers, made larger than their rounding errors.

A sum or product of k nonnegative floats has a relative error of at most k u / (1 - k u), u = 2^-53, in any order of
summation (Higham 2002, section 3.1). Multiplied by OUTWARD, it is an upper bound of the exact value as long as k is at
most MOST_ROUNDINGS. A quantity that is computed from upper bounds by such operations is again an upper bound, because
they are monotone.
"""

import numpy as np

OUTWARD = 1.0 + 2.0**-36
"""Factor that turns a sum or product of nonnegative floats into an upper bound."""

MOST_ROUNDINGS = 100_000
"""Number of roundings that OUTWARD pays for: 100,000 u / (1 - 100,000 u) < 2^-36 - 2 u."""


def spectral_norm_above(matrix: np.ndarray) -> float:
    """Bound the spectral norm of a symmetric matrix with nonnegative entries from above.

    For every vector v with positive entries the spectral radius is at most max_i (A v)_i / v_i (Collatz, Wielandt). The
    computed leading eigenvector is used for v, so the bound is tight, but its rounding does not matter.

    Args:
        matrix: (n, n), symmetric, entries >= 0.

    Returns:
        The bound; infinity if an entry is not finite.

    Raises:
        ValueError: the matrix is not symmetric, or an entry is negative.

    Accuracy: relative 1e-10 for matrices whose leading eigenvector has no tiny entries.

    Cost: one eigen-decomposition.

    Source: Collatz 1942; Wielandt 1950.

    Example:
        >>> spectral_norm_above(np.array([[1.0, 2.0], [2.0, 1.0]])) >= 3.0
        True
    """
    if not (matrix >= 0).all() or not (matrix == matrix.T).all():
        if np.isnan(matrix).any() or np.isinf(matrix).any():
            return np.inf
        raise ValueError("expected a symmetric matrix with nonnegative entries")
    if not np.isfinite(matrix).all():
        return np.inf
    leading = np.abs(np.linalg.eigh(matrix)[1][:, -1])
    trial = leading + 1e-8 * (leading.max() + 1e-300)
    return float(((matrix @ trial) / trial).max() * OUTWARD)
