"""Momentum methods as exact rational functions of u = 1/sqrt(kappa), for proofs over all kappa at once.

On an eigenvalue lambda_j of H the linear model is a block [[a, -c], [1, 0]], with a, c depending on the
momentum and z = eta lambda_j. A method is therefore three formulas, which accept both Fractions and
rational functions.
"""

from collections.abc import Callable
from fractions import Fraction
from typing import Any, NamedTuple

from flint import fmpq, fmpq_mpoly, fmpq_mpoly_ctx, fmpq_poly

RING = fmpq_mpoly_ctx.get(("u", "z"), "lex")


class RationalFunction:
    """A quotient of polynomials in u and z with rational coefficients, in lowest terms, denominator monic.

    Example:
        >>> u, z = RationalFunction.variables()
        >>> print((u * z - z) / (2 * u * u - 2))
        (1/2*z) / (u + 1)
    """

    __slots__ = ("denominator", "numerator")

    def __init__(self, numerator: fmpq_mpoly, denominator: fmpq_mpoly) -> None:
        if denominator.is_zero():
            raise ZeroDivisionError("the denominator is the zero polynomial")
        common = numerator.gcd(denominator)
        divisor = common * (denominator.leading_coefficient() / common.leading_coefficient())
        self.numerator = numerator / divisor
        self.denominator = denominator / divisor

    @classmethod
    def variables(cls) -> "tuple[RationalFunction, RationalFunction]":
        """Return the functions u and z."""
        one = RING.constant(1)
        u, z = RING.gens()
        return cls(u, one), cls(z, one)

    @classmethod
    def constant(cls, value: "RationalFunction | Fraction | int") -> "RationalFunction":
        """Return a constant function; a function is returned unchanged."""
        if isinstance(value, RationalFunction):
            return value
        exact = Fraction(value)
        return cls(RING.constant(fmpq(exact.numerator, exact.denominator)), RING.constant(1))

    def __add__(self, other: Any) -> "RationalFunction":
        other = self.constant(other)
        top = self.numerator * other.denominator + other.numerator * self.denominator
        return RationalFunction(top, self.denominator * other.denominator)

    def __mul__(self, other: Any) -> "RationalFunction":
        other = self.constant(other)
        return RationalFunction(self.numerator * other.numerator, self.denominator * other.denominator)

    def __truediv__(self, other: Any) -> "RationalFunction":
        other = self.constant(other)
        return RationalFunction(self.numerator * other.denominator, self.denominator * other.numerator)

    def __neg__(self) -> "RationalFunction":
        return RationalFunction(-self.numerator, self.denominator)

    def __sub__(self, other: Any) -> "RationalFunction":
        return self + (-self.constant(other))

    def __rsub__(self, other: Any) -> "RationalFunction":
        return self.constant(other) - self

    def __rtruediv__(self, other: Any) -> "RationalFunction":
        return self.constant(other) / self

    __radd__ = __add__
    __rmul__ = __mul__

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RationalFunction | Fraction | int):
            return NotImplemented
        other = self.constant(other)
        return bool(self.numerator == other.numerator and self.denominator == other.denominator)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"({self.numerator}) / ({self.denominator})"


def univariate(polynomial: fmpq_mpoly) -> fmpq_poly:
    """Convert a polynomial in which z does not occur to one in u alone.

    Args:
        polynomial: a polynomial in u and z in which z does not occur.

    Returns:
        The dense form of the polynomial.

    Raises:
        ValueError: z occurs.

    Example:
        >>> print(univariate(RING.from_dict({(2, 0): 3})))
        3*x^2
    """
    terms = polynomial.to_dict()
    if any(powers[1] for powers in terms):
        raise ValueError(f"expected a polynomial in u alone, got {polynomial}")
    dense = [fmpq(0)] * (1 + max((powers[0] for powers in terms), default=0))
    for powers, coefficient in terms.items():
        dense[powers[0]] = coefficient
    return fmpq_poly(dense)


class MomentumTuning(NamedTuple):
    """A method with its step size and momentum as functions of u = 1/sqrt(kappa).

    Attributes:
        name: name of the method in reports.
        momentum: u -> beta.
        spectrum: u -> (z_low, z_high), the range of z = eta lambda over the spectrum.
        block: (beta, z) -> (a, c), the block [[a, -c], [1, 0]] of the linear model.

    The functions use only + - * / and integers, so they accept both Fraction and RationalFunction.
    """

    name: str
    momentum: Callable[[Any], Any]
    spectrum: Callable[[Any], tuple[Any, Any]]
    block: Callable[[Any, Any], tuple[Any, Any]]

    def rate_squared(self, u: Any) -> Any:
        """Return rho^2 = c at the low end of the spectrum, where c is largest."""
        return self.block(self.momentum(u), self.spectrum(u)[0])[1]

    def with_momentum(self, value: Fraction) -> "MomentumTuning":
        """Return the same method with a constant momentum for every kappa."""
        top, bottom = value.numerator, value.denominator
        return self._replace(name=f"{self.name}, beta = {value}", momentum=lambda u: (top + 0 * u) / bottom)


NESTEROV = MomentumTuning(
    name="nesterov",
    momentum=lambda u: (3 - 2 * u) / (3 + 2 * u),
    spectrum=lambda u: (u * u / 2, (1 + 0 * u) / 2),
    block=lambda beta, z: ((1 + beta) * (1 - z), beta * (1 - z)),
)
"""Nesterov with eta = 1/(2 lambda_max), beta = (3 sqrt(kappa) - 2)/(3 sqrt(kappa) + 2)."""

HEAVY_BALL = MomentumTuning(
    name="heavy ball",
    momentum=lambda u: (1 - u / 2) * (1 - u / 2),
    spectrum=lambda u: (u * u, 1 + 0 * u),
    block=lambda beta, z: (1 + beta - z, beta + 0 * z),
)
"""Polyak's heavy ball with eta = 1/lambda_max, beta = (1 - 1/(2 sqrt(kappa)))^2."""
