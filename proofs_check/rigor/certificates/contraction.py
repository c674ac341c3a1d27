"""Bounds on the rate at which the residual shrinks if no pattern changes.

With constant patterns the residual xi and its momentum part h obey on each eigenvector of H, with z = eta lambda,
    (xi, h) <- N (xi, h),    N(z) = [[1 - (1+gamma) z, 1], [-(beta (1+gamma) - gamma) z, beta]],
with trace a = 1 + beta - (1+gamma) z and determinant c = beta - gamma z. Both eigenvalues have modulus at most r
exactly when |c| <= r^2 and |a| r <= r^2 + c (Schur, Cohn, Jury): affine in z, so the ends of an interval suffice. By
Schur's triangular form ||N^k|| <= r^k + s k r^(k-1) with s^2 = ||N||_F^2 - |l_1|^2 - |l_2|^2 <= ||N||_F^2 - 2c, convex
in z.
"""

import math
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from flint import arb, arb_mat, ctx

from proofs_check.rigor.certificates.problem import Number, ball, root
from proofs_check.rigor.enclosure.pencil import bound_pencil, float_above, float_below

_SHARPNESS = 2.0**-40


class Contraction(NamedTuple):
    """Numbers with ||N(eta H)^k|| <= rate^k + shear k rate^(k-1) for all k, proved; floats rounded outwards."""

    lambda_min: float
    lambda_max: float
    rate: float
    shear: float

    def total(self) -> arb:
        """Bound the sum of ||N^k|| over all k >= 0; the rate must be below 1."""
        gap = 1 - arb(self.rate)
        return 1 / gap + self.shear / (gap * gap)


def extreme_eigenvalues(gram: arb_mat) -> tuple[float, float] | None:
    """Return proved bounds low <= lambda_min and high >= lambda_max of a symmetric ball matrix, or None.

    Example:
        >>> extreme_eigenvalues(arb_mat([[2, 1], [1, 2]]))[0] > 0.999
        True
    """
    n = gram.nrows()
    with ctx.workprec(128):
        middle = np.array([float(x) for x in gram.entries()]).reshape(n, n)
        if not np.isfinite(middle).all():
            return None
        vectors = np.linalg.eigh((middle + middle.T) / 2)[1]
        bounds = bound_pencil(gram, arb_mat(n, n, [arb(x) for x in vectors.ravel().tolist()]))
        if bounds is None:
            return None
        low, high = bounds.min_low.lower(), bounds.max_high.upper()
        # slightly wider, so that another program can prove the bounds by elimination
        return float_below(low - _SHARPNESS * abs(low)), float_above(high + _SHARPNESS * abs(high))


def block(eta: Number, beta: Number, gamma: Number, value: float) -> tuple[arb, arb, arb]:
    """Compute trace, determinant and squared Frobenius norm of N(eta value)."""
    momentum, gain = ball(beta), ball(gamma)
    z = ball(eta) * value
    first, corner = 1 - (1 + gain) * z, (momentum * (1 + gain) - gain) * z
    squares = first * first + 1 + corner * corner + momentum * momentum
    return first + momentum, momentum - gain * z, squares


def contraction(eta: Number, beta: Number, gamma: Number, low: float, high: float) -> Contraction | None:
    """Bound rate and shear over all eigenvalues in [low, high]; None when no rate below 1 can be shown.

    Args:
        eta: step size.
        beta: momentum.
        gamma: weight of the look-ahead.
        low: at most the least eigenvalue of H.
        high: at least the largest.

    Returns:
        A Contraction with rate < 1, or None. Without momentum h vanishes, and the shear is 0.

    Accuracy:
        The rate is within a relative 2^-40 of (1 - rate) of the largest spectral radius.

    Cost:
        A millisecond.

    Source:
        derived; docs/certificates.md.

    Example:
        >>> bound = contraction(1.0, 0.0, 0.0, 0.25, 1.5)
        >>> round(bound.rate, 9), bound.shear
        (0.75, 0.0)
        >>> contraction(1.0, 0.0, 0.0, 0.25, 2.0) is None  # the step is too large
        True
        >>> contraction(1.0, 0.9, 0.9, 0.0, 1.0) is None  # nothing pulls in the direction of the eigenvalue 0
        True
    """
    with ctx.workprec(128):
        ends = [block(eta, beta, gamma, value) for value in (low, high)]
        radius = 0.0
        for a, c, _ in ends:
            gap = a * a - 4 * c
            size = c.abs_upper().sqrt() if gap < 0 else (a.abs_upper() + abs(gap).sqrt()) / 2
            radius = max(radius, float(size.upper()))
        if not low > 0 or not radius < 1:
            return None
        rate = math.nextafter(radius + _SHARPNESS * (1 - radius), 2.0)
        r = arb(rate)
        inside = all(abs(c) <= r * r and abs(a) * r <= r * r + c for a, c, _ in ends)
        if not inside or not rate < 1:
            return None
        if Fraction(beta) == 0 and Fraction(gamma) == 0:
            return Contraction(low, high, rate, 0.0)
        excess = [(size - 2 * c).upper() for _, c, size in ends]
        shear = max(float_above(root(x)) for x in excess)
        return Contraction(low, high, rate, shear)
