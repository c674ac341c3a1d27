"""Certified norms of powers of momentum blocks, and certified refutation of false power bounds.

False claims ||M^k|| <= P rho^k (`controls`) must be refuted. A violation in float64 counts only after one exact
instance (kappa, eigenvalue, k) is evaluated in ball arithmetic. Symbols: u = 1/sqrt(kappa), z = eta lambda_j.
"""

from collections.abc import Callable
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from flint import acb, arb, arb_mat, ctx, fmpq

from proofs_check.rigor.enclosure.pencil import float_above, float_below
from proofs_check.rigor.enclosure.tuning import MomentumTuning

_SCALES = (1, Fraction(10, 9), Fraction(5, 4), Fraction(3, 2), 2, 3, 4, 6, 8, 12, 16, 24, 32)
INVERSE_ROOTS = tuple(1 / Fraction(scale) for scale in _SCALES)
"""The grid of u = 1/sqrt(kappa), kappa from 1 to 1024."""
POSITIONS = tuple(Fraction(p, 64) for p in (0, 1, 2, 4, 8, 16, 32, 48, 60, 64))
"""The grid of positions of z between the ends of the spectrum."""


class PowerBound(NamedTuple):
    """A claim ||M^k|| <= P(u) r(u)^k for all k >= 0; the squares of P and r are rational functions of u."""

    name: str
    prefactor_squared: Callable[[Fraction], Fraction]
    rate_squared: Callable[[Fraction], Fraction]


class PowerWitness(NamedTuple):
    """A certified violation: at this kappa, z = eta lambda and k, ||M^k|| >= norm_low > bound_high."""

    claim: str
    method: str
    kappa: Fraction
    z: Fraction
    k: int
    norm_low: float
    bound_high: float
    precision: int


def _ball(value: Fraction | int) -> arb:
    exact = Fraction(value)
    return arb(fmpq(exact.numerator, exact.denominator))


def block_power_norm(a: Fraction | int, c: Fraction | int, k: int, precision: int = 128) -> arb:
    """Enclose the spectral norm of [[a, -c], [1, 0]]^k.

    For B = [[p, q], [r, s]] the singular values have sum sqrt((p + s)^2 + (q - r)^2) and difference
    sqrt((p - s)^2 + (q + r)^2), so the norm is half of their total; no cancellation occurs.

    Args:
        a: exact trace of the block.
        c: exact determinant of the block.
        k: exponent, at least 0.
        precision: number of correct bits to aim at.

    Returns:
        A ball that contains the norm.

    Raises:
        ValueError: k < 0.

    Accuracy:
        Rigorous; about `precision` relative bits if the powers do not cancel by more than 2^64.

    Cost:
        About 2 log2(k) products of 2 x 2 balls.

    Source:
        derived.

    Example:
        >>> print(block_power_norm(1, 1, 3).str(10))
        1.000000000
        >>> print(block_power_norm(2, 1, 1).str(10))
        [2.414213562 +/- 3.74e-10]
    """
    if k < 0:
        raise ValueError(f"expected k >= 0, got {k}")
    with ctx.workprec(precision + 4 * k.bit_length() + 64):
        power = arb_mat([[1, 0], [0, 1]])
        square = arb_mat([[_ball(a), -_ball(c)], [1, 0]])
        exponent = k
        while exponent:
            if exponent & 1:
                power = power * square
            square, exponent = square * square, exponent >> 1
        p, q, r, s = power.entries()
        total, difference = abs(acb(p + s, q - r)), abs(acb(p - s, q + r))
        return (total + difference) / 2


def _float_scores(
    tuning: MomentumTuning, bound: PowerBound, cells: list[tuple[Fraction, Fraction]], k_max: int
) -> np.ndarray:
    """Compute log(||M^k||^2 / bound^2) for k = 1..k_max (rows) and all cells (columns), in rescaled float64."""
    blocks = [tuning.block(tuning.momentum(u), z) for u, z in cells]
    a, c = (np.array([float(block[index]) for block in blocks]) for index in (0, 1))
    log_prefactor = np.log([float(bound.prefactor_squared(u)) for u, _ in cells])
    log_rate = np.log([float(bound.rate_squared(u)) for u, _ in cells])
    p, q, r, s = np.ones_like(a), np.zeros_like(a), np.zeros_like(a), np.ones_like(a)
    log_scale = np.zeros_like(a)
    scores = np.empty((k_max, len(cells)))
    for k in range(1, k_max + 1):
        p, q, r, s = a * p - c * r, a * q - c * s, p, q
        norm = (np.hypot(p + s, q - r) + np.hypot(p - s, q + r)) / 2
        p, q, r, s = p / norm, q / norm, r / norm, s / norm
        log_scale += np.log(norm)
        scores[k - 1] = 2 * log_scale - log_prefactor - k * log_rate
    return scores


def refute_power_bound(
    bound: PowerBound,
    tuning: MomentumTuning,
    inverse_roots: tuple[Fraction, ...] = INVERSE_ROOTS,
    positions: tuple[Fraction, ...] = POSITIONS,
    k_max: int = 400,
    precision: int = 128,
) -> PowerWitness | None:
    """Search for kappa, an eigenvalue and k with ||M^k|| > bound(kappa, k) and certify the violation.

    The search runs in float64 over u in `inverse_roots`, z = z_low + t (z_high - z_low) for t in `positions`,
    and 1 <= k <= k_max. The candidate with the least k is certified first; the norm of the block at z is a
    lower bound for the norm of M^k of every H with that eigenvalue.

    Args:
        bound: the claim.
        tuning: the method.
        inverse_roots: values of u = 1/sqrt(kappa) in (0, 1]; values with a prefactor or rate of 0 are left
            out.
        positions: values of t in [0, 1].
        k_max: largest exponent.
        precision: bits for the certification.

    Returns:
        A certified witness, or None, which does not prove the claim.

    Accuracy:
        The witness is rigorous; its floats are rounded outwards.

    Cost:
        k_max vectorised steps over the grid: 10 ms.

    Source:
        derived.

    Example:
        >>> from proofs_check.rigor.enclosure.tuning import HEAVY_BALL
        >>> claim = PowerBound("||M^k|| <= 1", lambda u: Fraction(1), lambda u: Fraction(1))
        >>> refute_power_bound(claim, HEAVY_BALL).k
        1
    """
    cells = []
    for u in inverse_roots:
        if bound.rate_squared(u) > 0 and bound.prefactor_squared(u) > 0:
            low, high = tuning.spectrum(u)
            cells += [(u, low + t * (high - low)) for t in positions]
    if not cells:
        return None
    scores = _float_scores(tuning, bound, cells, k_max)
    for k in np.flatnonzero(scores.max(axis=1) > 1e-9)[:50].tolist():
        u, z = cells[int(np.argmax(scores[k]))]
        witness = _certify(bound, tuning, u, z, k + 1, precision)
        if witness is not None:
            return witness
    return None


def _certify(
    bound: PowerBound, tuning: MomentumTuning, u: Fraction, z: Fraction, k: int, precision: int
) -> PowerWitness | None:
    a, c = tuning.block(tuning.momentum(u), z)
    norm = block_power_norm(a, c, k, precision)
    with ctx.workprec(precision):
        claimed = _ball(bound.prefactor_squared(u)).sqrt() * _ball(bound.rate_squared(u)).sqrt() ** k
        norm_low, bound_high = float_below(norm), float_above(claimed)
    if not norm_low > bound_high:
        return None
    return PowerWitness(bound.name, tuning.name, 1 / (u * u), z, k, norm_low, bound_high, precision)
