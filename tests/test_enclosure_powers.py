"""Powers of one block: norms, the bound for all powers, the algebra behind it."""

import math
from fractions import Fraction

import numpy as np
import pytest
from flint import arb, fmpq
from hypothesis import given, settings
from hypothesis import strategies as st

from proofs_check.enclosure import block_power_bound, block_power_norm, identities
from proofs_check.enclosure.algebra import form_identities, gap_identities, power_identities
from proofs_check.enclosure.tuning import HEAVY_BALL, NESTEROV


@given(
    a=st.fractions(-2, 2, max_denominator=1000),
    c=st.fractions(-1, 1, max_denominator=1000),
    k=st.integers(0, 40),
)
def test_power_norm_matches_numpy(a, c, k):
    expected = np.linalg.norm(np.linalg.matrix_power(np.array([[float(a), -float(c)], [1.0, 0.0]]), k), 2)
    ball = block_power_norm(a, c, k)
    # Errors of the float64 powers: relative to 3^k at worst, which they reach only when the norm is as large.
    assert float(ball) == pytest.approx(expected, rel=1e-9, abs=1e-11)
    assert float(ball.rad()) <= 1e-25 * max(1.0, float(ball))


def test_power_norm_of_an_exact_case():
    """A rotation by 60 degrees in disguise has period 6; its norm at k = 0 is exactly 1."""
    assert [str(block_power_norm(1, 1, k)) for k in (0, 3, 6)] == ["1.00000000000000"] * 3
    assert block_power_norm(0, 4, 1).overlaps(arb(4))
    with pytest.raises(ValueError, match="k >= 0"):
        block_power_norm(1, 1, -1)


def supremum(a, c, rho, steps=20000):
    """max over k <= steps of |B^k| rho^-k in float64, by repeated multiplication."""
    block, power, best = np.array([[float(a), -float(c)], [1.0, 0.0]]) / float(rho), np.eye(2), 1.0
    for _ in range(steps):
        power = power @ block
        best = max(best, np.linalg.norm(power, 2))
        if not power.any():
            break
    return best


R = Fraction(9, 10)
PAIRS = {
    "complex": (2 * R * Fraction(4, 5), R * R),
    "nearly double, complex": (2 * R, R * R * (1 + Fraction(1, 10**12))),
    "double": (2 * R, R * R),
    "nearly double, real": (2 * R, R * R * (1 - Fraction(1, 10**12))),
    "real": (R + Fraction(1, 2), R / 2),
    "real, opposite": (R - Fraction(1, 2), -R / 2),
    "real, negative": (-R - Fraction(1, 2), R / 2),
    "singular": (R, Fraction(0)),
    "nilpotent": (Fraction(0), Fraction(0)),
}


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("rho", [Fraction(901, 1000), Fraction(19, 20), Fraction(3)])
def test_the_bound_is_the_supremum_of_brute_force(pair, rho):
    a, c = PAIRS[pair]
    expected = supremum(a, c, rho)
    assert float(block_power_bound(a, c, rho)) == pytest.approx(expected, rel=1e-6)
    # with 4 powers only, the rest is bounded by formulas; 3 is the accuracy that the docstring states
    coarse = float(block_power_bound(a, c, rho, max_powers=4))
    assert expected * (1 - 1e-6) <= coarse <= 3 * expected


def test_the_largest_power_may_come_after_a_norm_close_to_one():
    """1.19 at k = 1, then 1.22 and more: to stop at any norm above 1 would miss it."""
    a, c, rho = Fraction(123, 40), Fraction(4, 5), Fraction(279, 100)
    expected = supremum(a, c, rho, 500)
    assert expected > 1.01 * float(block_power_norm(a, c, 1)) / float(rho)
    assert float(block_power_bound(a, c, rho)) == pytest.approx(expected, rel=1e-9)


@settings(max_examples=30)
@given(
    a=st.fractions(-2, 2, max_denominator=50), c=st.fractions(-1, 1, max_denominator=50), margin=st.floats(0.002, 1.0)
)
def test_the_bound_holds_for_random_blocks(a, c, margin):
    radius = max(abs(np.roots([1.0, -float(a), float(c)])), default=0.0)
    rho = Fraction(float(radius) * (1 + margin) + 1e-3)
    expected = supremum(a, c, rho, 3000)
    assert float(block_power_bound(a, c, rho)) == pytest.approx(expected, rel=1e-6)
    assert float(block_power_bound(a, c, rho, max_powers=4)) >= expected * (1 - 1e-6)


@pytest.mark.parametrize("width", [1e-15, 1e-8, 1e-5])
@pytest.mark.parametrize("pair", ["complex", "double", "real"])
def test_balls_cover_every_block_in_them(pair, width):
    a, c = (arb(float(x), width) for x in PAIRS[pair])
    bound = float(block_power_bound(a, c, Fraction(92, 100)))
    corners = [
        supremum(float(a.mid()) + s * width, float(c.mid()) + t * width, 0.92, 2000)
        for s in (-1, 0, 1)
        for t in (-1, 0, 1)
    ]
    assert max(corners) * (1 - 1e-9) <= bound <= 2 * max(corners)


def test_of_a_ball_for_rho_the_lower_end_counts():
    expected = supremum(1.4, 0.45, 0.91)
    assert float(block_power_bound(Fraction(7, 5), Fraction(9, 20), arb(0.92, 0.01))) == pytest.approx(
        expected, rel=1e-6
    )


@pytest.mark.parametrize("tuning", [HEAVY_BALL, NESTEROV])
def test_the_theorems_rate_itself_is_accepted_for_complex_pairs(tuning):
    """rho^2 = c exactly: the invariant form gives 2 (1 + c) / sqrt(4c - a^2) although the pair lies on the circle."""
    u = Fraction(1, 3)
    a, c = tuning.block(tuning.momentum(u), tuning.spectrum(u)[0])
    rho = (arb(fmpq(c.numerator, c.denominator)).sqrt() * (1 + arb(2) ** -50)).upper()
    closed = 2 * (1 + c) / math.sqrt(4 * c - a * a)
    bound = float(block_power_bound(a, c, rho))
    assert supremum(a, c, math.sqrt(c), 500) * (1 - 1e-9) <= bound <= closed * (1 + 1e-9)
    assert float(block_power_bound(1, 1, 1)) >= supremum(1, 1, 1, 50)


@pytest.mark.parametrize(
    ("a", "c", "rho"),
    [
        (2, 1, 1),
        (Fraction(3, 2), Fraction(1, 2), 1),
        (1, 1, Fraction(99, 100)),
        (arb(1.5, 0.2), arb(0.5), Fraction(101, 100)),
        # a corner of the ball has spectral radius 0.76328, its midpoint 0.75
        (arb(1.5, 1e-4), arb(0.5625, 1e-4), Fraction(763, 1000)),
        (Fraction(7, 5), Fraction(9, 20), arb(0.92, 0.03)),
        (1, 1, 0),
        (1, 1, -2),
        (math.nan, 0, 1),
        (math.inf, 0, 1),
        (0, 0, math.nan),
    ],
)
def test_rates_that_are_too_small_are_refused(a, c, rho):
    with pytest.raises(ValueError, match="rho"):
        block_power_bound(a, c, rho)
    with pytest.raises(ValueError, match="max_powers"):
        block_power_bound(0, 0, 1, max_powers=1)


@pytest.mark.parametrize("item", identities(), ids=lambda item: item.name)
def test_identities_hold(item):
    assert item.holds
    assert not item.left.is_zero()
    assert not item._replace(right=item.right + item.right**0).holds


def test_identities_are_about_the_blocks_of_the_code(monkeypatch):
    monkeypatch.setattr(
        "proofs_check.enclosure.algebra.HEAVY_BALL",
        HEAVY_BALL._replace(block=lambda beta, z: (1 + beta + z, beta + 0 * z)),
    )
    assert [item.holds for item in gap_identities()] == [False, True, True]


def test_closed_forms_agree_with_exact_powers():
    """The induction steps are polynomials; here are the closed forms themselves, in Fractions, k = 0 to 12."""
    v, w = Fraction(7, 10), Fraction(-2, 5)
    for a, c, closed in [
        (v + w, v * w, lambda k: (v**k - w**k) / (v - w)),
        (2 * v, v * v, lambda k: k * v ** (k - 1) if k else Fraction(0)),
    ]:
        power = [[Fraction(1), Fraction(0)], [Fraction(0), Fraction(1)]]
        for k in range(1, 13):
            power = [[a * p - c * q for p, q in zip(*power, strict=True)], power[0]]
            p = [closed(j) for j in (k - 1, k, k + 1)]
            assert power == [[p[2], -c * p[1]], [p[1], -c * p[0]]]
    assert len(form_identities()) == 3
    assert len(power_identities()) == 8


def test_invariant_form_in_floats():
    """q(Bx) = c q(x) and both bounds, on random vectors; independent of the polynomial library."""
    rng = np.random.default_rng(3)
    for _ in range(50):
        c = rng.uniform(0.1, 1)
        a = rng.uniform(-2, 2) * math.sqrt(c) * 0.99
        x = rng.standard_normal(2)

        def q(x, a=a, c=c):
            return x[0] ** 2 - a * x[0] * x[1] + c * x[1] ** 2

        moved = np.array([[a, -c], [1.0, 0.0]]) @ x
        assert q(moved) == pytest.approx(c * q(x), rel=1e-9)
        assert (4 * c - a * a) * (x @ x) <= 4 * (1 + c) * q(x) * (1 + 1e-12)
        assert q(x) <= (1 + c) * (x @ x) * (1 + 1e-12)
