"""Proof of polynomial inequalities on a whole interval, by adaptive bisection in ball arithmetic.

Statements for all condition numbers kappa >= 1 become statements for u = 1/sqrt(kappa) in (0, 1]. The proof is a finite
list of boxes that cover [0, 1], each with a positive lower bound.
"""

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import NamedTuple

from flint import arb, arb_poly, ctx, fmpq, fmpq_poly

from proofs_check.rigor.enclosure.pencil import float_above, float_below

Inequality = fmpq_poly | Callable[[arb], arb]


class Box(NamedTuple):
    """A closed interval with exact ends; `margin` is a lower bound on all values if the box is proved."""

    lo: Fraction
    hi: Fraction
    margin: float


class BisectionProof(NamedTuple):
    """The outcome of a bisection.

    decided True: `boxes` cover the interval. False: at the point `counterexample` (lo = hi) a value is at
    most `margin` <= 0. None: the box `counterexample` was neither proved nor refuted within the budget.
    """

    decided: bool | None
    boxes: tuple[Box, ...]
    counterexample: Box | None


def ball_between(lo: Fraction, hi: Fraction) -> arb:
    """Return the ball that contains [lo, hi].

    Args:
        lo: left end.
        hi: right end, at least lo.

    Returns:
        A ball at the current precision.

    Example:
        >>> ball = ball_between(Fraction(1, 3), Fraction(1, 2))
        >>> ball.contains(fmpq(1, 3)), ball.contains(fmpq(1, 2))
        (True, True)
    """
    return arb(fmpq(lo.numerator, lo.denominator)).union(arb(fmpq(hi.numerator, hi.denominator)))


def prove_for_all(
    inequalities: Inequality | Sequence[Inequality],
    interval: tuple[Fraction | int, Fraction | int] = (0, 1),
    max_boxes: int = 4096,
    precision: int = 64,
) -> BisectionProof:
    """Prove f(u) > 0 for every u in a closed interval and every given f.

    A box is proved if the ball image of the whole box is positive. Otherwise the ends and the middle are evaluated as
    possible counterexamples, and the box is halved. Boxes are visited from left to right.

    Args:
        inequalities: one or several f, each an exact polynomial or a function from ball to ball that encloses
            its range.
        interval: exact ends, lo < hi.
        max_boxes: largest number of boxes to evaluate.
        precision: working precision in bits.

    Returns:
        The proof, the counterexample, or the first undecided box.

    Raises:
        ValueError: the interval is empty or reduced to a point.

    Accuracy:
        Rigorous in both directions; margins are rounded down for proofs, up for counterexamples.

    Cost:
        One ball evaluation per inequality and box, about 2 microseconds for a polynomial.

    Source:
        derived.

    Example:
        >>> proof = prove_for_all(fmpq_poly([2, -3, 2]))
        >>> proof.decided, len(proof.boxes)
        (True, 3)
        >>> prove_for_all(fmpq_poly([1, -2])).counterexample
        Box(lo=Fraction(1, 1), hi=Fraction(1, 1), margin=-1.0)
    """
    lo, hi = Fraction(interval[0]), Fraction(interval[1])
    if not lo < hi:
        raise ValueError(f"expected lo < hi, got {lo} and {hi}")
    listed = inequalities if isinstance(inequalities, Sequence) else [inequalities]
    proved: list[Box] = []
    with ctx.workprec(precision):
        functions = [arb_poly(f) if isinstance(f, fmpq_poly) else f for f in listed]
        pending, visited = [(lo, hi)], 0
        while pending:
            left, right = pending.pop()
            visited += 1
            values = [f(ball_between(left, right)) for f in functions]
            if all(value > 0 for value in values):
                proved.append(Box(left, right, min(map(float_below, values))))
                continue
            middle = (left + right) / 2
            worst = min((_least_at(functions, point) for point in (left, middle, right)), key=lambda b: b.margin)
            if worst.margin <= 0:
                return BisectionProof(False, tuple(proved), worst)
            if visited >= max_boxes:
                finite = [float_below(value) for value in values if value.is_finite()]
                return BisectionProof(None, tuple(proved), Box(left, right, min(finite, default=-math.inf)))
            pending += [(middle, right), (left, middle)]
    return BisectionProof(True, tuple(proved), None)


def _least_at(functions: Sequence[Callable[[arb], arb]], point: Fraction) -> Box:
    """Bound the minimum of several functions at an exact point from above."""
    values = [function(ball_between(point, point)) for function in functions]
    return Box(point, point, min((float_above(x) for x in values if x.is_finite()), default=math.inf))
