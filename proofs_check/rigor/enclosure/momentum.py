"""Certified constants of the power bound ||M^k|| <= C rho^k of momentum methods, for all kappa >= 1 and k.

M is the companion matrix of a method; on an eigenvector of H it is a 2 x 2 block. A block [[a, -c], [1, 0]] multiplies
q(x) = x_1^2 - a x_1 x_2 + c x_2^2 by exactly c, and if 4c > a^2 then (4c - a^2) ||x||^2 <= 4 (1 + c) q(x) and q(x) <=
(1 + c) ||x||^2, so ||block^k|| <= 2 (1 + c) c^{k/2} / sqrt(4c - a^2). This module reduces the resulting bounds on C and
rho over the whole spectrum to polynomial inequalities in u = 1/sqrt(kappa), and proves them.
"""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any, NamedTuple

from flint import fmpq, fmpq_poly

from proofs_check.rigor.enclosure.bisection import BisectionProof, prove_for_all
from proofs_check.rigor.enclosure.tuning import NESTEROV, MomentumTuning, RationalFunction, univariate

Claim = tuple[str, RationalFunction, bool]


class Obligation(NamedTuple):
    """One polynomial inequality on (0, 1].

    The proof is the exact factorisation polynomial = u^u_power (1 - u)^end_power cofactor, with cofactor > 0 on [0, 1].
    The zero polynomial satisfies a weak inequality; its cofactor is 0 and it has no bisection.
    """

    name: str
    polynomial: fmpq_poly
    u_power: int
    end_power: int
    cofactor: fmpq_poly
    decided: bool | None
    bisection: BisectionProof | None

    def record(self) -> dict[str, Any]:
        """Return the exact data of the proof as strings and integers, from which a reader can repeat it.

        Example:
            >>> discharge("u^2 - u^3 >= 0", fmpq_poly([0, 0, 1, -1])).record()["boxes"]
            [['0', '1']]
        """
        boxes = () if self.bisection is None else self.bisection.boxes
        return {
            "name": self.name,
            "polynomial": _text(self.polynomial),
            "u_power": self.u_power,
            "end_power": self.end_power,
            "cofactor": _text(self.cofactor),
            "boxes": [[str(box.lo), str(box.hi)] for box in boxes],
        }


class ConstantsProof(NamedTuple):
    """The verdict on C <= prefactor sqrt(kappa) and rho <= 1 - rate_coefficient / sqrt(kappa).

    `decided` is True if the bounds are proved for all kappa >= 1, False if an inequality fails at a point (which
    refutes these constants, not a bound on ||M^k||), and None if undecided.
    """

    method: str
    prefactor: Fraction
    rate_coefficient: Fraction
    decided: bool | None
    obligations: tuple[Obligation, ...]

    @property
    def boxes(self) -> int:
        """The total number of boxes of all bisections."""
        return sum(len(item.bisection.boxes) for item in self.obligations if item.bisection is not None)


def _text(polynomial: fmpq_poly) -> str:
    return str(polynomial).replace("x", "u")


def gap(tuning: MomentumTuning, u: RationalFunction, z: RationalFunction) -> RationalFunction:
    """Compute 4c - a^2, positive exactly when the block has a pair of complex eigenvalues.

    Args:
        tuning: the method.
        u: 1/sqrt(kappa).
        z: eta lambda.

    Returns:
        The gap as a rational function; for Nesterov 4 (1 - z) (9 z - 4 u^2) / (3 + 2u)^2.

    Source:
        derived.

    Example:
        >>> u, z = RationalFunction.variables()
        >>> expected = 2 * u * u * (1 - u * u / 2) / ((3 + 2 * u) * (3 + 2 * u))
        >>> gap(NESTEROV, u, u * u / 2) == expected
        True
    """
    a, c = tuning.block(tuning.momentum(u), z)
    return 4 * RationalFunction.constant(c) - a * a


def _coefficient(function: RationalFunction, power: int) -> RationalFunction:
    """Return the coefficient of z^power; the denominator must be free of z, which `univariate` checks."""
    univariate(function.denominator)
    u, _ = RationalFunction.variables()
    ring_one = u.denominator
    part = {(e, 0): value for (e, f), value in function.numerator.to_dict().items() if f == power}
    numerator = ring_one.context().from_dict(part)
    return RationalFunction(numerator, function.denominator)


def _claims(tuning: MomentumTuning, prefactor: Fraction, rate: Fraction) -> Iterator[Claim]:
    u, z = RationalFunction.variables()
    beta = tuning.momentum(u)
    low, high = tuning.spectrum(u)
    c_low, c_high = (RationalFunction.constant(tuning.block(beta, end)[1]) for end in (low, high))
    c_middle, middle = RationalFunction.constant(tuning.block(beta, z)[1]), gap(tuning, u, z)
    if c_middle.numerator.degrees()[1] > 1 or middle.numerator.degrees()[1] > 2:
        raise ValueError(f"{tuning.name}: expected c affine and 4c - a^2 quadratic in z")
    yield "the spectrum is ordered: z_high >= z_low", high - low, False
    yield "the gap is concave in z", -_coefficient(middle, 2), False
    yield "c is largest at the low end", c_low - c_high, False
    for name, end in (("low", low), ("high", high)):
        here = gap(tuning, u, end)
        yield f"complex pair at the {name} end", here, True
        excess = prefactor * prefactor * here - 4 * (1 + c_low) * (1 + c_low) * u * u
        yield f"C <= prefactor sqrt(kappa) at the {name} end", excess, False
    linear = 1 - rate * u
    yield "the claimed rate is not negative", linear, False
    yield "rho^2 <= (1 - rate/sqrt(kappa))^2", linear * linear - c_low, False


def _strip(polynomial: fmpq_poly, factor: fmpq_poly) -> tuple[int, fmpq_poly]:
    power = 0
    while polynomial % factor == 0:
        polynomial, power = polynomial // factor, power + 1
    return power, polynomial


def discharge(name: str, polynomial: fmpq_poly, strict: bool = False, max_boxes: int = 4096) -> Obligation:
    """Prove p(u) >= 0 (strict: > 0) for all u in (0, 1], zeros of p at the ends included.

    Factors u and 1 - u are divided out exactly, the product of the factors is compared with p, and bisection proves
    that the cofactor is positive on [0, 1]. A strict claim allows no factor 1 - u. A cofactor
    negative at u = 0 is negative near 0 and refutes the claim; one that vanishes inside leaves a weak claim
    undecided.

    Args:
        name: for reports.
        polynomial: p, with rational coefficients.
        strict: True to prove p > 0, also at u = 1.
        max_boxes: budget of the bisection.

    Returns:
        The obligation with a proof or a counterexample, or undecided.

    Raises:
        ArithmeticError: the product of the factors differs from p, which is a defect of the polynomial library.

    Accuracy:
        Rigorous.

    Cost:
        That of the bisection.

    Source:
        derived.

    Example:
        >>> item = discharge("u^2 - u^3 >= 0", fmpq_poly([0, 0, 1, -1]))
        >>> item.u_power, item.end_power, item.decided
        (2, 1, True)
    """
    if polynomial == 0:
        return Obligation(name, polynomial, 0, 0, polynomial, not strict, None)
    u, end = fmpq_poly([0, 1]), fmpq_poly([1, -1])
    u_power, rest = _strip(polynomial, u)
    end_power, cofactor = _strip(rest, end)
    if u**u_power * end**end_power * cofactor != polynomial:
        raise ArithmeticError(f"{name}: exact division failed for {polynomial}")
    proof = prove_for_all(cofactor, (0, 1), max_boxes)
    decided = proof.decided
    if decided is False and not strict and proof.counterexample is not None:
        point = proof.counterexample.lo
        decided = False if cofactor(fmpq(point.numerator, point.denominator)) < 0 else None
    if strict and end_power:
        decided = False
    return Obligation(name, polynomial, u_power, end_power, cofactor, decided, proof)


def discharge_claims(claims: Iterable[Claim], max_boxes: int = 4096) -> tuple[bool | None, tuple[Obligation, ...]]:
    """Prove rational functions of u nonnegative (or positive, where strict) on (0, 1].

    Args:
        claims: (name, function, strict) each.
        max_boxes: budget of each bisection.

    Returns:
        True if all are proved, False if one fails at a point, else None; and the obligations, where the positivity of a
        denominator comes before the numerator.

    Raises:
        ValueError: a function depends on z.

    Accuracy:
        Rigorous.

    Source:
        derived.

    Example:
        >>> u, _ = RationalFunction.variables()
        >>> decided, items = discharge_claims([("1/(1 + u) >= u/2", 1 / (1 + u) - u / 2, False)])
        >>> decided, [item.name for item in items]
        (True, ['1/(1 + u) >= u/2: denominator', '1/(1 + u) >= u/2'])
    """
    obligations = []
    for name, claim, strict in claims:
        numerator, denominator = univariate(claim.numerator), univariate(claim.denominator)
        if denominator(fmpq(1, 2)) < 0:
            numerator, denominator = -numerator, -denominator
        if denominator.degree() > 0:
            defined = discharge(f"{name}: denominator", denominator, True, max_boxes)
            obligations.append(defined._replace(decided=defined.decided or None))
        obligations.append(discharge(name, numerator, strict, max_boxes))
    verdicts = {item.decided for item in obligations}
    return False if False in verdicts else None if None in verdicts else True, tuple(obligations)


def constants_proof(
    tuning: MomentumTuning, prefactor: Fraction | int, rate_coefficient: Fraction | int, max_boxes: int = 4096
) -> ConstantsProof:
    """Prove C <= prefactor / u and rho <= 1 - rate u for all u = 1/sqrt(kappa) in (0, 1].

    C = 2 (1 + c(z_low)) / sqrt(min over the spectrum of 4c - a^2) and rho^2 = c(z_low). The gap is concave in
    z, so its minimum is at an end and it is positive on the spectrum when it is at both ends; c is affine in
    z. Each step is a polynomial inequality in u after multiplication by a positive denominator. At the low
    end the gap vanishes like u^2 and C like 1/u: the factor u^2 cancels exactly in `discharge`.

    Args:
        tuning: the method.
        prefactor: P in C <= P sqrt(kappa).
        rate_coefficient: r in rho <= 1 - r / sqrt(kappa).
        max_boxes: budget of each bisection.

    Returns:
        The proof with all its obligations.

    Raises:
        ValueError: c is not affine or the gap not quadratic in z.

    Accuracy:
        Rigorous.

    Cost:
        A few milliseconds.

    Source:
        derived.

    Example:
        >>> from proofs_check.rigor.enclosure.tuning import HEAVY_BALL
        >>> constants_proof(HEAVY_BALL, 4, Fraction(1, 2)).decided
        True
    """
    prefactor, rate = Fraction(prefactor), Fraction(rate_coefficient)
    decided, obligations = discharge_claims(_claims(tuning, prefactor, rate), max_boxes)
    return ConstantsProof(tuning.name, prefactor, rate, decided, obligations)


def nesterov_constants_proof(
    prefactor: Fraction | int = 12, rate_coefficient: Fraction | int = Fraction(2, 3)
) -> ConstantsProof:
    """Prove C <= 12 sqrt(kappa) and rho <= 1 - 2/(3 sqrt(kappa)) for Nesterov's method, all kappa >= 1.

    Args:
        prefactor: P in C <= P sqrt(kappa).
        rate_coefficient: r in rho <= 1 - r / sqrt(kappa).

    Returns:
        The proof with all its obligations.

    Accuracy:
        Rigorous.

    Cost:
        A few milliseconds.

    Source:
        derived.

    Example:
        >>> nesterov_constants_proof().decided, nesterov_constants_proof(prefactor=8).decided
        (True, False)
    """
    return constants_proof(NESTEROV, prefactor, rate_coefficient)
