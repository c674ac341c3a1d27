"""Bounds on the extreme eigenvalues of a symmetric ball matrix from any approximate eigenvectors.

The bounds are Gershgorin's circles for the pencil (V^T H V, V^T V). They hold for every invertible V, so the rigour of
the enclosure of lambda_0 does not depend on how the eigenvectors were computed. The file also rounds balls outward to
floats.
"""

import math
from typing import NamedTuple

from flint import arb, arb_mat


class NotFinite(ValueError):
    """A ball is infinite or not a number where a finite one is needed."""


class PencilBounds(NamedTuple):
    """Bounds on the extreme eigenvalues, each a ball because its own value is rounded.

    Attributes:
        min_low, min_high: lambda_min is in [min_low.lower(), min_high.upper()].
        max_low, max_high: lambda_max is in [max_low.lower(), max_high.upper()].
    """

    min_low: arb
    min_high: arb
    max_low: arb
    max_high: arb


def float_below(value: arb) -> float:
    """Round a finite ball down: return the largest float that is surely at most every point of it.

    Args:
        value: a finite ball.

    Returns:
        A float f with f <= x for all x in the ball, within one unit in the last place of the largest such float.

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

    H is a symmetric matrix in the ball matrix, and the columns of V are approximate eigenvectors of H. Let S = V^T H V,
    G = V^T V, s_i = sum_{j != i} |S_ij|, g_i = sum_{j != i} |G_ij|. If G_ii > g_i for all i, V is invertible, so by
    Sylvester H - cI >= 0 exactly when S - cG >= 0, for which (weak) diagonal dominance suffices:
    S_ii - c G_ii >= s_i + |c| g_i. Hence, whatever the quality of V,
        lambda_min >= min_i (S_ii - s_i) / (G_ii + g_i),   with denominator G_ii - g_i if S_ii < s_i,
        lambda_max <= max_i (S_ii + s_i) / (G_ii - g_i),   with denominator G_ii + g_i if S_ii + s_i < 0,
    and Rayleigh quotients give lambda_min <= S_ii / G_ii <= lambda_max for every i.

    Args:
        matrix: n x n symmetric ball matrix; the bounds hold for every symmetric H in it.
        vectors: V, n x n, exact.

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
    s_matrix = (transposed * (matrix * vectors)).tolist()
    g_matrix = (transposed * vectors).tolist()
    lows, highs, quotients = [], [], []
    for i in range(n):
        s_ii, g_ii = s_matrix[i][i], g_matrix[i][i]
        s_i = sum((abs(x) for x in s_matrix[i][:i] + s_matrix[i][i + 1 :]), arb(0))
        g_i = sum((abs(x) for x in g_matrix[i][:i] + g_matrix[i][i + 1 :]), arb(0))
        if not g_ii > g_i:
            return None
        s_low, s_high, g_low, g_high = s_ii - s_i, s_ii + s_i, g_ii - g_i, g_ii + g_i
        # a ball may contain 0, so that its sign is not certain: then both denominators count
        lows.append(s_low / g_high if s_low >= 0 else (s_low / g_low).min(s_low / g_high))
        highs.append(s_high / g_low if s_high >= 0 else (s_high / g_high).max(s_high / g_low))
        quotients.append(s_ii / g_ii)
    min_low, min_high, max_low, max_high = lows[0], quotients[0], quotients[0], highs[0]
    for low, quotient, high in zip(lows, quotients, highs, strict=True):
        min_low, min_high = min_low.min(low), min_high.min(quotient)
        max_low, max_high = max_low.max(quotient), max_high.max(high)
    return PencilBounds(min_low, min_high, max_low, max_high)
