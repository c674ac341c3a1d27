"""Bounds on the extreme eigenvalues of a symmetric ball matrix from any approximate eigenvectors.

The one rigorous step of the enclosure of lambda_0: Gershgorin's circles for the pencil (V^T H V, V^T V), and
the outward rounding of its result to floats.
"""

import math
from typing import NamedTuple

from flint import arb, arb_mat


class NotFinite(ValueError):
    """A ball is infinite or not a number where a finite one is needed."""


class PencilBounds(NamedTuple):
    """Balls around the bounds: lambda_min is in [min_low.lower(), min_high.upper()], likewise lambda_max."""

    min_low: arb
    min_high: arb
    max_low: arb
    max_high: arb


def float_below(value: arb) -> float:
    """Round a finite ball down: return the largest float that is surely at most every point of it.

    Args:
        value: a finite ball.

    Returns:
        A float f with f <= x for all x in the ball, within one unit in the last place of the best.

    Raises:
        NotFinite: the ball is infinite or not a number.

    Example:
        >>> float_below(arb(1) / 3) < 1 / 3 <= -float_below(-arb(1) / 3)
        True
    """
    if not value.is_finite():
        raise NotFinite(f"expected a finite ball, got {value}")
    low = value.lower()
    guess = float(low)
    while not arb(guess) <= low:
        guess = math.nextafter(guess, -math.inf)
    return guess


def float_above(value: arb) -> float:
    """Round a finite ball up: return a float that is at least every point of it.

    Args:
        value: a finite ball.

    Returns:
        A float f with f >= x for all x in the ball.

    Raises:
        NotFinite: the ball is infinite or not a number.

    Example:
        >>> float_above(arb(0.5))
        0.5
    """
    return 0.0 - float_below(-value)


def bound_pencil(matrix: arb_mat, vectors: arb_mat) -> PencilBounds | None:
    """Bound the extreme eigenvalues of a symmetric ball matrix by Gershgorin for the pencil (V^T H V, V^T V).

    Let S = V^T H V, G = V^T V, s_i = sum_{j != i} |S_ij|, g_i = sum_{j != i} |G_ij|. If G_ii > g_i for all i,
    V is invertible, so by Sylvester H - cI >= 0 exactly when S - cG >= 0, for which (weak) diagonal dominance
    suffices: S_ii - c G_ii >= s_i + |c| g_i. Hence, whatever the quality of V,
        lambda_min >= min_i (S_ii - s_i) / (G_ii + g_i),   but G_ii - g_i below the line where S_ii < s_i,
        lambda_max <= max_i (S_ii + s_i) / (G_ii - g_i),   but G_ii + g_i where S_ii + s_i < 0,
    and Rayleigh quotients give lambda_min <= S_ii / G_ii <= lambda_max for every i.

    Args:
        matrix: n x n symmetric ball matrix; the bounds hold for every symmetric matrix in it.
        vectors: n x n exact matrix V of approximate eigenvectors, as columns.

    Returns:
        The bounds, or None when G is not diagonally dominant.

    Accuracy:
        Rigorous; as tight as V^T H V is diagonal.

    Cost:
        Three n x n ball products.

    Source:
        derived (Sylvester's law of inertia, Gershgorin's circles).

    Example:
        >>> bounds = bound_pencil(arb_mat([[2, 1], [1, 2]]), arb_mat([[1, 1], [-1, 1]]))
        >>> print(bounds.min_low, bounds.max_high)
        1.00000000000000 3.00000000000000
    """
    n = matrix.nrows()
    transposed = vectors.transpose()
    values = (transposed * (matrix * vectors)).tolist()
    weights = (transposed * vectors).tolist()
    lows, highs, quotients = [], [], []
    for i in range(n):
        value, weight = values[i][i], weights[i][i]
        value_radius = sum((abs(x) for x in values[i][:i] + values[i][i + 1 :]), arb(0))
        weight_radius = sum((abs(x) for x in weights[i][:i] + weights[i][i + 1 :]), arb(0))
        if not weight > weight_radius:
            return None
        narrow, wide = weight - weight_radius, weight + weight_radius
        low, high = value - value_radius, value + value_radius
        lows.append(low / wide if low >= 0 else (low / narrow).min(low / wide))
        highs.append(high / narrow if high >= 0 else (high / wide).max(high / narrow))
        quotients.append(value / weight)
    min_low, min_high, max_low, max_high = lows[0], quotients[0], quotients[0], highs[0]
    for low, quotient, high in zip(lows, quotients, highs, strict=True):
        min_low, min_high = min_low.min(low), min_high.min(quotient)
        max_low, max_high = max_low.max(quotient), max_high.max(high)
    return PencilBounds(min_low, min_high, max_low, max_high)
