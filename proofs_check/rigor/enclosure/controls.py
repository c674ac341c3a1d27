"""False power bounds, by name, which `refute_power_bound` must refute."""

from collections.abc import Callable
from fractions import Fraction
from typing import NamedTuple

from proofs_check.rigor.enclosure.powers import PowerBound
from proofs_check.rigor.enclosure.tuning import HEAVY_BALL, NESTEROV, MomentumTuning


class Control(NamedTuple):
    """A false claim together with the method that it is about."""

    tuning: MomentumTuning
    bound: PowerBound


def _roots(prefactor: Fraction | int) -> Callable[[Fraction], Fraction]:
    """Return the square of prefactor sqrt(kappa), as a function of u."""
    return lambda u: Fraction(prefactor) ** 2 / (u * u)


def _heavy_ball_too_small(u: Fraction) -> Fraction:
    """Compute the square of sqrt(2) (1 + beta) / sqrt(min h)."""
    beta = HEAVY_BALL.momentum(u)
    gaps = []
    for z in HEAVY_BALL.spectrum(u):
        a, c = HEAVY_BALL.block(beta, z)
        gaps.append(4 * c - a * a)
    return 2 * (1 + beta) ** 2 / min(gaps)


def power_controls() -> dict[str, Control]:
    """Return the false claims about the two momentum methods.

    Returns:
        By name: Nesterov with 8 sqrt(kappa) rho^k; with 12 sqrt(kappa) (1 - 1/sqrt(kappa))^k; with momentum 9/10 for
        every kappa and 12 sqrt(kappa) (1 - 2/(3 sqrt(kappa)))^k; heavy ball with C = sqrt(2) (1 + beta)/sqrt(min h);
        with 1.9 sqrt(kappa) rho^k; with 4 sqrt(kappa) (1 - 1/sqrt(kappa))^k.

    Example:
        >>> from proofs_check.rigor.enclosure.powers import refute_power_bound
        >>> [name for name, x in power_controls().items() if refute_power_bound(x.bound, x.tuning) is None]
        []
    """
    fixed = NESTEROV.with_momentum(Fraction(9, 10))
    return {
        "nesterov-eight": Control(NESTEROV, PowerBound("8 sqrt(kappa) rho^k", _roots(8), NESTEROV.rate_squared)),
        "nesterov-fast": Control(
            NESTEROV, PowerBound("12 sqrt(kappa) (1 - 1/sqrt(kappa))^k", _roots(12), lambda u: (1 - u) ** 2)
        ),
        "nesterov-fixed-beta": Control(
            fixed,
            PowerBound("12 sqrt(kappa) (1 - 2/(3 sqrt(kappa)))^k", _roots(12), lambda u: (1 - 2 * u / 3) ** 2),
        ),
        "heavy-ball-root-two": Control(
            HEAVY_BALL,
            PowerBound("sqrt(2) (1 + beta)/sqrt(min h) rho^k", _heavy_ball_too_small, HEAVY_BALL.rate_squared),
        ),
        "heavy-ball-small": Control(
            HEAVY_BALL, PowerBound("1.9 sqrt(kappa) rho^k", _roots(Fraction(19, 10)), HEAVY_BALL.rate_squared)
        ),
        "heavy-ball-fast": Control(
            HEAVY_BALL, PowerBound("4 sqrt(kappa) (1 - 1/sqrt(kappa))^k", _roots(4), lambda u: (1 - u) ** 2)
        ),
    }
