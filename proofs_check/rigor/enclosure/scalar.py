"""Certified rate of gradient descent in the linear model, for all kappa at once.

(I - eta H)^k is diagonal in the eigenvectors of H, with entries (1 - z)^k, z = eta lambda_j; so a rate of the numbers
|1 - z| is a rate of the powers, with prefactor 1.
"""

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any, NamedTuple

from flint import arb, fmpq

from proofs_check.rigor.enclosure.momentum import Claim, Obligation, discharge_claims
from proofs_check.rigor.enclosure.pencil import float_above, float_below
from proofs_check.rigor.enclosure.powers import INVERSE_ROOTS, POSITIONS, PowerWitness
from proofs_check.rigor.enclosure.tuning import RationalFunction


class ScalarTuning(NamedTuple):
    """A method without memory, as functions of u = 1/sqrt(kappa).

    Attributes:
        name: name of the method in reports.
        spectrum: u -> (z_low, z_high), the range of z = eta lambda over the spectrum.
        factor: z -> the factor of an eigencomponent of the residual in one step; affine.

    The functions use only + - * / and integers, so they accept both Fraction and RationalFunction.
    """

    name: str
    spectrum: Callable[[Any], tuple[Any, Any]]
    factor: Callable[[Any], Any]

    def with_step(self, scale: Fraction) -> "ScalarTuning":
        """Return the same method with its step size multiplied by a constant."""
        top, bottom = scale.numerator, scale.denominator

        def spectrum(u: Any) -> tuple[Any, Any]:
            low, high = self.spectrum(u)
            return top * low / bottom, top * high / bottom

        return self._replace(name=f"{self.name}, step size times {scale}", spectrum=spectrum)


GRADIENT_DESCENT = ScalarTuning(
    name="gradient descent",
    spectrum=lambda u: (u * u, 1 + 0 * u),
    factor=lambda z: 1 - z,
)
"""Gradient descent with eta = 1/lambda_max."""


class RateProof(NamedTuple):
    """The verdict on |factor(z)| <= rate over the spectrum, for all kappa >= 1; see `ConstantsProof`."""

    method: str
    decided: bool | None
    obligations: tuple[Obligation, ...]


class RateControl(NamedTuple):
    """A false rate together with the method that it is about."""

    tuning: ScalarTuning
    name: str
    rate: Callable[[Any], Any]


def _claims(tuning: ScalarTuning, rate: Callable[[Any], Any]) -> Iterator[Claim]:
    u, z = RationalFunction.variables()
    if tuning.factor(z).numerator.degrees()[1] > 1 or tuning.factor(z).denominator.degrees()[1] > 0:
        raise ValueError(f"{tuning.name}: expected a factor affine in z")
    low, high = tuning.spectrum(u)
    claimed = RationalFunction.constant(rate(u))
    yield "the spectrum is ordered: z_high >= z_low", high - low, False
    for name, end in (("low", low), ("high", high)):
        yield f"factor <= rate at the {name} end", claimed - tuning.factor(end), False
        yield f"-factor <= rate at the {name} end", claimed + tuning.factor(end), False


def rate_proof(tuning: ScalarTuning, rate: Callable[[Any], Any], max_boxes: int = 4096) -> RateProof:
    """Prove |factor(z)| <= rate(u) for every z of the spectrum and all u = 1/sqrt(kappa) in (0, 1].

    The factor is affine in z, so both signs need only be checked at the ends of the spectrum. Then |factor^k| <= rate^k
    for every k.

    Args:
        tuning: the method.
        rate: u -> claimed rate, a rational function.
        max_boxes: budget of each bisection.

    Returns:
        The proof with all its obligations.

    Raises:
        ValueError: the factor is not affine in z.

    Accuracy:
        Rigorous.

    Cost:
        A millisecond.

    Source:
        derived.

    Example:
        >>> rate_proof(GRADIENT_DESCENT, lambda u: 1 - u * u).decided
        True
        >>> rate_proof(GRADIENT_DESCENT, lambda u: 1 - 2 * u * u).decided
        False
    """
    decided, obligations = discharge_claims(_claims(tuning, rate), max_boxes)
    return RateProof(tuning.name, decided, obligations)


def refute_rate(control: RateControl, inverse_roots: tuple[Fraction, ...] = INVERSE_ROOTS) -> PowerWitness | None:
    """Find kappa and an eigenvalue with |factor(z)| > rate >= 0, exactly, and report it in outward-rounded floats.

    Because the prefactor is 1, k = 1 refutes the claim if any k does. Points with a negative claimed rate are left out,
    because the claim fails there for a trivial reason.

    Args:
        control: the claim.
        inverse_roots: values of u = 1/sqrt(kappa) in (0, 1].

    Returns:
        The first witness, or None, which does not prove the claim.

    Accuracy:
        Exact rationals; the floats are rounded outwards from balls.

    Cost:
        A millisecond.

    Source:
        derived.

    Example:
        >>> witness = refute_rate(RateControl(GRADIENT_DESCENT, "half", lambda u: Fraction(1, 2)))
        >>> witness.kappa, witness.z, witness.norm_low, witness.bound_high
        (Fraction(9, 4), Fraction(4, 9), 0.55..., 0.5)
    """
    for u in inverse_roots:
        claimed = Fraction(control.rate(u))
        low, high = control.tuning.spectrum(u)
        for z in (low + t * (high - low) for t in POSITIONS):
            size = abs(Fraction(control.tuning.factor(z)))
            if size > claimed >= 0:
                norm, bound = (arb(fmpq(x.numerator, x.denominator)) for x in (size, claimed))
                edges = float_below(norm), float_above(bound)
                if edges[0] > edges[1]:
                    return PowerWitness(control.name, control.tuning.name, 1 / (u * u), z, 1, *edges, 53)
    return None


def rate_controls() -> dict[str, RateControl]:
    """Return the false claims about gradient descent that `refute_rate` must refute, by name.

    Example:
        >>> [name for name, control in rate_controls().items() if refute_rate(control) is None]
        []
    """
    return {
        "double-rate": RateControl(GRADIENT_DESCENT, "(1 - 2/kappa)^k", lambda u: 1 - 2 * u * u),
        "root-rate": RateControl(GRADIENT_DESCENT, "(1 - 1/sqrt(kappa))^k", lambda u: 1 - u),
        "long-step": RateControl(
            GRADIENT_DESCENT.with_step(Fraction(5, 2)), "(1 - 1/kappa)^k at eta = 2.5/lambda_max", lambda u: 1 - u * u
        ),
    }
