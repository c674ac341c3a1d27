"""Powers of one block: norms, the bound for all powers, the algebra behind it."""

import math
from fractions import Fraction

import numpy as np
import pytest
from flint import arb
from hypothesis import given
from hypothesis import strategies as st

from proofs_check.rigor.enclosure import block_power_norm, identities
from proofs_check.rigor.enclosure.algebra import form_identities, gap_identities, power_identities
from proofs_check.rigor.enclosure.tuning import HEAVY_BALL


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


@pytest.mark.parametrize("item", identities(), ids=lambda item: item.name)
def test_identities_hold(item):
    assert item.holds
    assert not item.left.is_zero()
    assert not item._replace(right=item.right + item.right**0).holds


def test_identities_are_about_the_blocks_of_the_code(monkeypatch):
    monkeypatch.setattr(
        "proofs_check.rigor.enclosure.algebra.HEAVY_BALL",
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
