"""One number C with ||B^k|| <= C rho^k for every k, B = [[a, -c], [1, 0]], whatever the sign of a^2 - 4c.

The theorem's tunings have complex pairs only; a trained network may have overdamped eigenvalues, real or double.
Place in the proof: power bounds of certificates about one network.
"""

import math
from fractions import Fraction

from flint import acb, arb, ctx, fmpq

Number = arb | Fraction | int | float
_ROUNDS = 6


def block_power_bound(a: Number, c: Number, rho: Number, precision: int = 128, max_powers: int = 2048) -> arb:
    """Bound sup over all k >= 0 of ||[[a, -c], [1, 0]]^k|| rho^-k, spectral norm.

    With p_0 = 0, p_1 = 1, p_{k+1} = a p_k - c p_{k-1} the power is [[p_{k+1}, -c p_k], [p_k, -c p_{k-1}]]. Powers are
    evaluated until one has norm at most rho^k; from there on nothing new can happen, so the largest before it is the
    supremum. If that takes more than `max_powers`, the rest is bounded by |p_k| <= k r^{k-1} and |p_k| <= 2 r^k /
    sqrt(|a^2 - 4c|), r the spectral radius, and for a complex pair by the invariant form. Wide balls for a and c are
    their midpoint plus a perturbation E: ||B_0^k|| <= C rho_0^k gives ||(B_0 + E)^k|| <= C (rho_0 + C ||E||)^k.

    Args:
        a: trace of the block, exact or a ball.
        c: determinant of the block, exact or a ball.
        rho: positive, above the spectral radius of every block in the balls; for a complex pair at least sqrt(c). Of a
            ball the lower end counts.
        precision: bits wanted.
        max_powers: most powers to evaluate.

    Returns:
        An exact upper bound (radius 0), at least 1, valid for every k and every block in the balls.

    Raises:
        ValueError: rho is not shown to be large enough, a number is not finite, or the precision is below 2.

    Accuracy:
        For exact blocks the supremum itself to `precision` bits if `max_powers` sufficed, else within a factor of
        about 3. Balls add what their width costs.

    Cost:
        About 6 microseconds per power, 12 ms at most at the defaults; balls and fractions two to seven times that.

    Source:
        derived, docs/theory/heavy-ball-matrix.md.

    Example:
        >>> print(block_power_bound(1, Fraction(1, 4), Fraction(3, 4)).str(10, radius=False))
        2.307814402
        >>> block_power_bound(Fraction(7, 5), Fraction(9, 20), 1) < 4
        True
    """
    if precision < 2 or max_powers < 2:
        raise ValueError(f"expected precision >= 2 and max_powers >= 2, got {precision} and {max_powers}")
    with ctx.workprec(precision + 64):
        trace, determinant, rate = _ball(a), _ball(c), _ball(rho)
        if not all(value.is_finite() for value in (trace, determinant, rate)) or not rate > 0:
            raise ValueError(f"expected finite a, c and rho > 0, got {a}, {c}, {rho}")
        rate = rate.lower()
        found = [_invariant_form(trace, determinant, rate)]
        width = (trace.rad() ** 2 + determinant.rad() ** 2).sqrt()
        found.append(_perturbed(trace.mid(), determinant.mid(), width, rate, max_powers))
        bounds = [bound for bound in found if bound is not None]
        if not bounds:
            raise ValueError(
                f"rho = {float(rate)!r} is not shown to be above the spectral radius for a = {trace.str(17)}, "
                f"c = {determinant.str(17)}; take a larger rho or narrower balls"
            )
        return min(bounds, key=float).upper()


def _ball(value: Number) -> arb:
    if isinstance(value, arb):
        return value
    if isinstance(value, float):
        return arb(value)
    exact = Fraction(value)
    return arb(fmpq(exact.numerator, exact.denominator))


def _invariant_form(a: arb, c: arb, rho: arb) -> arb | None:
    """2 (1 + c) / sqrt(4c - a^2), for complex pairs with c <= rho^2."""
    gap = 4 * c - a * a
    return (2 * (1 + c) / gap.sqrt()).max(arb(1)).upper() if gap > 0 and c <= rho * rho else None


def _perturbed(a: arb, c: arb, width: arb, rho: arb, max_powers: int) -> arb | None:
    """The bound at rate rho for all blocks within `width` of an exact one: C at rho_0, checked by rho_0 + C width."""
    bound = _exact(a, c, rho, max_powers)
    if bound is None or not width > 0:
        return bound
    for _ in range(_ROUNDS):
        lower = (rho - 2 * bound * width).lower()
        if not lower > 0:
            return None
        slower = _exact(a, c, lower, max_powers)
        if slower is None or lower + slower * width <= rho:
            return slower
        bound = 2 * slower
    return None


def _exact(a: arb, c: arb, rho: arb, max_powers: int) -> arb | None:
    """The bound for exact a, c and rho, or None when rho does not exceed the spectral radius."""
    wanted = ctx.prec
    growth = float(((abs(a) + (a * a + 4 * abs(c)).sqrt()) / (2 * rho)).upper())
    with ctx.workprec(wanted + 64 + math.ceil(max_powers * max(0.0, math.log2(max(growth, 1.0))))):
        gap = a * a - 4 * c
        radius = c.sqrt() if gap < 0 else (abs(a) + abs(gap).sqrt()) / 2
        if not radius < rho:
            return None
        inverse = 1 / rho
        step, back, below = a * inverse, c * inverse * inverse, c * inverse
        previous, current, best = arb(0), arb(1), arb(1)
        for _ in range(max_powers):
            following = step * current - back * previous
            with ctx.workprec(wanted):
                norm = _norm(following, -below * current, inverse * current, -back * previous)
            if norm <= 1:
                return best.upper()
            best = best.max(norm)
            previous, current = current, following
        return best.max(_tail(c, gap, radius / rho, rho, max_powers)).upper()


def _norm(p: arb, q: arb, r: arb, s: arb) -> arb:
    """Spectral norm of [[p, q], [r, s]]: half the sum and half the difference of the singular values, added."""
    return (abs(acb(p + s, q - r)) + abs(acb(p - s, q + r))) / 2


def _tail(c: arb, gap: arb, ratio: arb, rho: arb, start: int) -> arb:
    """Bound ||B^k|| rho^-k for k > start: entries below S times a rank-one matrix, S >= |p_i| rho^{1-i} for i >= start.

    k x^{k-1} has its maximum at k = 1 / ln(1/x).
    """
    decay = -ratio.log()
    linear = start * ratio ** (start - 1) if start * decay >= 1 else 1 / (arb(1).exp() * ratio * decay)
    sizes = [linear.upper()]
    if gap < 0 or gap > 0:
        same_sign = gap > 0 and c >= 0
        sizes.append(((1 if same_sign else 2) * rho / abs(gap).sqrt() * ratio**start).upper())
    shape = (1 + 1 / (rho * rho)).sqrt() * (1 + (c / rho) * (c / rho)).sqrt()
    bounds = [size * shape for size in sizes]
    if gap < 0:
        bounds.append(2 * (1 + c) / (-gap).sqrt() * ratio**start)
    return min((bound.upper() for bound in bounds), key=float)
