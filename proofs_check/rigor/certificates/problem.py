"""The subject of a certificate: one data set, one network and one method, all as exact rational numbers.

A float64 stands for the rational number that it represents, and nothing is rounded. The rows of the inputs need not
have unit norm: no bound in this folder uses it.
"""

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from flint import arb, arb_mat, fmpq

Number = float | Fraction
STARTS = ("gradient", "extrapolated", "state")


class ProblemError(ValueError):
    """The problem is malformed, or no training can be proved to reach zero loss on it."""


class Problem(NamedTuple):
    """A training run, specified exactly.

    Attributes:
        inputs: (n, p), one row per sample.
        targets: (n,).
        weights: (m, p), the first layer at step 0.
        signs: (m,), -1 or +1.
        eta: step size, positive.
        beta: momentum, in [0, 1).
        gamma: weight of the look-ahead, not negative (0: heavy ball, beta: Nesterov).
        start: "gradient" (w(-1) = w(0), same gradient), "extrapolated" (w(-1) = w(0), gradient 0 at step -1), or
            "state" (the weights of step -1 are `before`, and the gradient of step -1 is taken there).
        before: (m, p), the weights at step -1, for the start "state" only.
    """

    inputs: tuple[tuple[Number, ...], ...]
    targets: tuple[Number, ...]
    weights: tuple[tuple[Number, ...], ...]
    signs: tuple[int, ...]
    eta: Number
    beta: Number
    gamma: Number
    start: str = "gradient"
    before: tuple[tuple[Number, ...], ...] | None = None


def ball(value: Number) -> arb:
    """Convert a number to a ball: exact for floats, rounded to the current precision for fractions."""
    return arb(value) if isinstance(value, float) else arb(fmpq(value.numerator, value.denominator))


def root(value: arb) -> arb:
    """Bound the square root of a nonnegative number from above, also if its ball contains negative numbers.

    Write a square in the argument as a product: ball ** 2 is NaN if the midpoint is 0 and the radius is not.

    Example:
        >>> root(arb(0, 0.25)) < 0.500001, arb(0, 0.25) ** 2
        (True, nan)
    """
    return value.upper().max(arb(0)).sqrt()


def matrix(rows: Sequence[Sequence[Number]]) -> arb_mat:
    """Convert rows of numbers to a ball matrix."""
    return arb_mat(len(rows), len(rows[0]), [ball(x) for row in rows for x in row])


def _rectangular(name: str, rows: Sequence[Sequence[Number]], shape: tuple[int, int]) -> None:
    if len(rows) != shape[0] or any(len(row) != shape[1] for row in rows):
        raise ProblemError(f"{name} must be {shape[0]} rows of {shape[1]} numbers")
    if not all(math.isfinite(x) for row in rows for x in row):
        raise ProblemError(f"{name} must be finite")


def check(problem: Problem) -> None:
    """Raise ProblemError for a malformed problem, and for one on which no training reaches zero loss.

    Args:
        problem: the problem.

    Raises:
        ProblemError: wrong shapes, numbers that are not finite, eta <= 0, beta outside [0, 1), gamma < 0, an unknown
            start, or two inputs in the same direction.

    Cost:
        n^2 p operations on fractions if two rows are equal up to a factor, else far less.

    Example:
        >>> check(Problem(((1.0,), (1.0,)), (0.0, 1.0), ((1.0,),), (1,), 0.5, 0.0, 0.0))
        Traceback (most recent call last):
        ...
        proofs_check.rigor.certificates.problem.ProblemError: inputs 0 and 1 have the same direction but targets that \
no network fits: the loss cannot reach zero; nothing in the training would help
    """
    n, m = len(problem.inputs), len(problem.weights)
    if n == 0 or m == 0 or not problem.inputs[0]:
        raise ProblemError("at least one sample, one coordinate and one neuron are needed")
    width = len(problem.inputs[0])
    _rectangular("inputs", problem.inputs, (n, width))
    _rectangular("targets", [problem.targets], (1, n))
    _rectangular("weights", problem.weights, (m, width))
    if len(problem.signs) != m or any(sign not in (-1, 1) for sign in problem.signs):
        raise ProblemError("signs must be -1 or +1, one per neuron")
    _rectangular("eta, beta and gamma", [(problem.eta, problem.beta, problem.gamma)], (1, 3))
    if not problem.eta > 0:
        raise ProblemError("the step size must be positive")
    if not 0 <= problem.beta < 1:
        raise ProblemError(f"the momentum must lie in [0, 1), got {float(problem.beta)!r}: at 1 nothing is damped")
    if problem.gamma < 0:
        raise ProblemError("gamma must not be negative")
    if problem.start not in STARTS or (problem.start == "state") != (problem.before is not None):
        raise ProblemError(f"the start must be one of {', '.join(STARTS)}, with `before` for the last and no other")
    if problem.before is not None:
        _rectangular("the weights before", problem.before, (m, width))
    _no_common_direction(problem)


def _no_common_direction(problem: Problem) -> None:
    """Refuse x_j = c x_i with c > 0: the patterns on both are always equal, so lambda_min(H) = 0."""
    directions: dict[tuple[Fraction, ...], tuple[int, Fraction]] = {}
    for j, row in enumerate(problem.inputs):
        size = sum((abs(Fraction(x)) for x in row), Fraction(0))
        if size == 0:
            raise ProblemError(f"input {j} is zero: the network cannot learn anything on it")
        i, other = directions.setdefault(tuple(Fraction(x) / size for x in row), (j, size))
        if i != j:
            same = Fraction(problem.targets[i]) * size == Fraction(problem.targets[j]) * other
            advice = (
                "targets that agree: lambda_min(H) is 0, and nothing in the training would help; drop one of them"
                if same
                else "targets that no network fits: the loss cannot reach zero; nothing in the training would help"
            )
            raise ProblemError(f"inputs {i} and {j} have the same direction {'and' if same else 'but'} {advice}")
