"""The constants of the linear model for all kappa, and the false ones that must be refuted."""

import math
from fractions import Fraction

import numpy as np
import pytest
from flint import fmpq_poly

from proofs_check.rigor.enclosure import (
    GRADIENT_DESCENT,
    HEAVY_BALL,
    NESTEROV,
    PowerBound,
    RateControl,
    RationalFunction,
    constants_proof,
    gap,
    nesterov_constants_proof,
    power_controls,
    rate_controls,
    rate_proof,
    refute_power_bound,
    refute_rate,
)

TWO_THIRDS = Fraction(2, 3)


def test_gap_of_nesterov_has_the_stated_factors():
    u, z = RationalFunction.variables()
    square = (3 + 2 * u) * (3 + 2 * u)
    assert gap(NESTEROV, u, z) == 4 * (1 - z) * (9 * z - 4 * u * u) / square
    assert gap(NESTEROV, u, u * u / 2) == 2 * u * u * (1 - u * u / 2) / square
    assert gap(NESTEROV, u, RationalFunction.constant(Fraction(1, 2))) == (9 - 8 * u * u) / square


def test_gap_of_heavy_ball_has_the_stated_factors():
    u, _ = RationalFunction.variables()
    beta = HEAVY_BALL.momentum(u)
    assert gap(HEAVY_BALL, u, u * u) == 3 * u * u * (4 - 2 * u - 3 * u * u / 4) / 4
    assert gap(HEAVY_BALL, u, RationalFunction.constant(1)) == beta * (4 - beta)


def prefactor_float(tuning, u):
    """C sqrt(1/kappa) by the formula of the lemma, the gap minimised over a grid of the whole spectrum."""
    low, high = tuning.spectrum(u)
    beta = tuning.momentum(u)
    blocks = [tuning.block(beta, low + (high - low) * t / 200) for t in range(201)]
    assert all(4 * c > a * a for a, c in blocks)
    return u * 2 * (1 + blocks[0][1]) / math.sqrt(min(4 * c - a * a for a, c in blocks))


@pytest.mark.parametrize(("tuning", "rate"), [(NESTEROV, TWO_THIRDS), (HEAVY_BALL, Fraction(1, 2))])
def test_constants_are_decided_as_the_floats_say(tuning, rate):
    supremum = max(prefactor_float(tuning, k / 400) for k in range(1, 401))
    assert constants_proof(tuning, Fraction(supremum * 1.001), rate).decided is True
    assert constants_proof(tuning, Fraction(supremum * 0.999), rate).decided is False
    assert constants_proof(tuning, Fraction(supremum * 1.001), rate * Fraction(1001, 1000)).decided is False


def test_nesterov_constants():
    proof = nesterov_constants_proof()
    assert proof.decided is True
    assert proof.boxes < 50
    for item in proof.obligations:
        assert item.decided is True
        factors = fmpq_poly([0, 1]) ** item.u_power * fmpq_poly([1, -1]) ** item.end_power
        assert factors * item.cofactor == item.polynomial
    low = [item for item in proof.obligations if item.name == "C <= prefactor sqrt(kappa) at the low end"]
    assert [item.u_power for item in low] == [2]


def test_heavy_ball_constants():
    assert constants_proof(HEAVY_BALL, 4, Fraction(1, 2)).decided is True


@pytest.mark.parametrize(
    ("tuning", "prefactor", "rate"),
    [
        (NESTEROV, 8, TWO_THIRDS),
        (NESTEROV, 12, 1),
        (NESTEROV.with_momentum(Fraction(9, 10)), 12, TWO_THIRDS),
        (HEAVY_BALL, 2, Fraction(1, 2)),
        (HEAVY_BALL, 4, TWO_THIRDS),
    ],
)
def test_false_constants_are_not_proved(tuning, prefactor, rate):
    proof = constants_proof(tuning, prefactor, rate)
    assert proof.decided is False
    assert any(item.bisection and item.bisection.counterexample for item in proof.obligations)


def test_constants_stay_undecided_without_boxes():
    assert constants_proof(NESTEROV, 12, TWO_THIRDS, max_boxes=1).decided is None


def test_variables_and_division_of_rational_functions():
    u, z = RationalFunction.variables()
    assert (u * u - z * z) / (u - z) == u + z
    assert 1 / (2 - u) - 1 / (u - 2) == 2 / (2 - u)
    assert u / 2 + Fraction(1, 3) != u / 2
    with pytest.raises(ZeroDivisionError):
        1 / (u - u)


@pytest.mark.parametrize("name", power_controls())
def test_each_control_is_refuted_by_a_certified_witness(name):
    control = power_controls()[name]
    witness = refute_power_bound(control.bound, control.tuning)
    assert witness is not None
    u = Fraction(math.isqrt(witness.kappa.denominator), math.isqrt(witness.kappa.numerator))
    assert witness.kappa * u * u == 1
    low, high = control.tuning.spectrum(u)
    assert low <= witness.z <= high
    a, c = control.tuning.block(control.tuning.momentum(u), witness.z)
    power = np.linalg.matrix_power(np.array([[float(a), -float(c)], [1.0, 0.0]]), witness.k)
    claimed = math.sqrt(control.bound.prefactor_squared(u) * control.bound.rate_squared(u) ** witness.k)
    assert np.linalg.norm(power, 2) == pytest.approx(witness.norm_low, rel=1e-10)
    assert claimed == pytest.approx(witness.bound_high, rel=1e-10)
    assert witness.norm_low > witness.bound_high


def test_controls_make_the_stated_claims():
    """At kappa = 4: 8 sqrt(4) = 16, 12 sqrt(4) = 24, 1.9 sqrt(4) = 3.8; rho^2 = beta (1 - 1/8), beta = 2/4; or 9/16."""
    u = Fraction(1, 2)
    claims = {name: (c.bound.prefactor_squared(u), c.bound.rate_squared(u)) for name, c in power_controls().items()}
    too_small = claims.pop("heavy-ball-root-two")
    assert claims == {
        "nesterov-eight": (256, Fraction(7, 16)),
        "nesterov-fast": (576, Fraction(1, 4)),
        "nesterov-fixed-beta": (576, Fraction(4, 9)),
        "heavy-ball-small": (Fraction(361, 25), Fraction(9, 16)),
        "heavy-ball-fast": (64, Fraction(1, 4)),
    }
    assert power_controls()["nesterov-fixed-beta"].tuning.momentum(u) == Fraction(9, 10)
    beta, z = 9 / 16, 1 / 4
    h = min(-(beta - (1 - math.sqrt(x)) ** 2) * (beta - (1 + math.sqrt(x)) ** 2) for x in (z, 1.0))
    assert float(too_small[0]) == pytest.approx(2 * (1 + beta) ** 2 / h, rel=1e-14)


@pytest.mark.parametrize(("tuning", "prefactor"), [(NESTEROV, 12), (HEAVY_BALL, 4)])
def test_true_bounds_are_not_refuted(tuning, prefactor):
    claim = PowerBound("lemma", lambda u: prefactor**2 / (u * u), tuning.rate_squared)
    assert refute_power_bound(claim, tuning) is None


def test_rates_of_zero_are_left_out():
    claim = PowerBound("rate 0", lambda u: Fraction(1), lambda u: Fraction(0))
    assert refute_power_bound(claim, NESTEROV) is None


def matrix_rate_float(kappa, step, k):
    """|(I - eta H)^k| for a dense H with spectrum in [1, kappa], eta = step / kappa."""
    basis = np.linalg.qr(np.random.default_rng(0).standard_normal((4, 4)))[0]
    matrix = basis @ np.diag(np.linspace(1, kappa, 4)) @ basis.T
    return np.linalg.norm(np.linalg.matrix_power(np.eye(4) - step / kappa * matrix, k), 2)


def test_the_rate_of_gradient_descent():
    proof = rate_proof(GRADIENT_DESCENT, lambda u: 1 - u * u)
    assert proof.decided is True
    assert len(proof.obligations) == 5
    assert rate_proof(GRADIENT_DESCENT, lambda u: Fraction(1001, 1000) * (1 - u * u)).decided is True
    for kappa, k in [(1.0, 1), (3.0, 2), (50.0, 40)]:
        assert matrix_rate_float(kappa, 1, k) == pytest.approx((1 - 1 / kappa) ** k, rel=1e-12, abs=1e-15)


def test_rates_faster_than_that_of_gradient_descent_are_not_proved():
    assert rate_proof(GRADIENT_DESCENT, lambda u: Fraction(999, 1000) * (1 - u * u)).decided is False
    for control in rate_controls().values():
        assert rate_proof(control.tuning, control.rate).decided is False


def test_both_signs_of_the_factor_are_compared():
    """At eta = 2/lambda_max the high end gives 1 - z = -1 for every kappa, the low end at kappa = 1."""
    proof = rate_proof(GRADIENT_DESCENT.with_step(Fraction(2)), lambda u: 1 - u * u)
    failed = {item.name for item in proof.obligations if item.decided is False}
    assert failed == {"-factor <= rate at the low end", "-factor <= rate at the high end"}


@pytest.mark.parametrize("name", rate_controls())
def test_each_rate_control_is_refuted_exactly(name):
    control = rate_controls()[name]
    witness = refute_rate(control)
    assert witness is not None
    u = Fraction(math.isqrt(witness.kappa.denominator), math.isqrt(witness.kappa.numerator))
    low, high = control.tuning.spectrum(u)
    assert low <= witness.z <= high
    assert abs(1 - witness.z) > control.rate(u) >= 0
    assert Fraction(witness.norm_low) <= abs(1 - witness.z)
    assert Fraction(witness.bound_high) >= control.rate(u)
    step = 2.5 if name == "long-step" else 1.0
    assert low == Fraction(step) * u * u
    assert matrix_rate_float(float(witness.kappa), step, 1) > witness.bound_high


def test_the_true_rate_is_not_refuted():
    assert refute_rate(RateControl(GRADIENT_DESCENT, "true", lambda u: 1 - u * u)) is None


def test_a_factor_that_is_not_affine_is_refused():
    with pytest.raises(ValueError, match="affine"):
        rate_proof(GRADIENT_DESCENT._replace(factor=lambda z: 1 - z * z), lambda u: 1 - u)


@pytest.mark.parametrize("tuning", [NESTEROV, HEAVY_BALL])
def test_the_tunings_have_complex_pairs_only(tuning):
    """Strictly, at both ends and inside, kappa = 1 included. Less momentum makes them double or real."""
    names = {item.name: item for item in constants_proof(tuning, 100, 0).obligations}
    for end in ("low", "high"):
        item = names[f"complex pair at the {end} end"]
        assert item.decided is True
        assert item.end_power == 0
    for u in (Fraction(1), Fraction(1, 3), Fraction(1, 10**6)):
        low, high = tuning.spectrum(u)
        for t in range(9):
            a, c = tuning.block(tuning.momentum(u), low + Fraction(t, 8) * (high - low))
            assert 4 * c > a * a
    double = tuning._replace(momentum=lambda u: (1 - u) * (1 - u) if tuning is HEAVY_BALL else 0 * u)
    claims = {item.name: item.decided for item in constants_proof(double, 100, 0).obligations}
    assert claims["complex pair at the low end"] is False
