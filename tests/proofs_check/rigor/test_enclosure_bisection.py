"""Rounding of balls outwards, bisection, and the inequalities that it discharges."""

import math
from fractions import Fraction

import pytest
from flint import arb, fmpq, fmpq_poly
from hypothesis import given
from hypothesis import strategies as st

from proofs_check.rigor.enclosure import discharge, prove_for_all
from proofs_check.rigor.enclosure.bisection import ball_between
from proofs_check.rigor.enclosure.pencil import float_above, float_below


@given(p=st.integers(-(10**30), 10**30), q=st.integers(1, 10**30))
def test_floats_are_rounded_outwards(p, q):
    exact, ball = Fraction(p, q), arb(fmpq(p, q))
    low, high = float_below(ball), float_above(ball)
    assert Fraction(low) <= exact <= Fraction(high)
    assert high - low <= 2 * math.ulp(max(abs(low), abs(high)))


def assert_covers(proof, lo=0, hi=1):
    ends = [lo] + [box.hi for box in proof.boxes]
    assert [box.lo for box in proof.boxes] == ends[:-1]
    assert ends[-1] == hi
    assert all(box.margin > 0 for box in proof.boxes)


def test_bisection_covers_without_a_gap():
    polynomial = fmpq_poly([fmpq(1, 1000), -1, 1]) + fmpq(1, 4)
    proof = prove_for_all(polynomial, (0, 1))
    assert proof.decided is True
    assert len(proof.boxes) > 8
    assert_covers(proof)
    for box in proof.boxes:
        for point in (box.lo, (box.lo + box.hi) / 2, box.hi):
            value = polynomial(fmpq(point.numerator, point.denominator))
            assert Fraction(int(value.p), int(value.q)) >= Fraction(box.margin)


def test_bisection_on_functions_and_other_intervals():
    proof = prove_for_all([lambda x: x.exp() - 1 - x / 2, lambda x: 3 - x], (Fraction(1, 100), 2))
    assert proof.decided is True
    assert_covers(proof, Fraction(1, 100), 2)
    with pytest.raises(ValueError, match="lo < hi"):
        prove_for_all(fmpq_poly([1]), (1, 1))


def test_bisection_does_not_prove_what_is_false():
    refuted = prove_for_all(fmpq_poly([fmpq(6, 25), -1, 1]))
    assert refuted.decided is False
    assert refuted.counterexample.lo == refuted.counterexample.hi
    assert refuted.counterexample.margin <= 0
    undecided = prove_for_all(lambda x: (3 * x - 1) ** 2, max_boxes=50)
    assert undecided.decided is None
    assert undecided.counterexample.lo <= Fraction(1, 3) <= undecided.counterexample.hi
    assert prove_for_all(lambda x: 1 / (x - x), max_boxes=5).decided is None


def test_ball_between_contains_its_ends():
    ball = ball_between(Fraction(1, 7), Fraction(2, 7))
    assert ball.contains(fmpq(1, 7))
    assert ball.contains(fmpq(2, 7))
    assert not ball.contains(fmpq(1, 8))


@pytest.mark.parametrize(
    ("polynomial", "strict", "powers", "decided"),
    [
        (fmpq_poly([0, 0, 3]), True, (2, 0), True),
        (fmpq_poly([0, 1, -1]), False, (1, 1), True),
        (fmpq_poly([0, 1, -1]), True, (1, 1), False),
        (fmpq_poly([0, -1, 4]), False, (1, 0), False),
        (fmpq_poly([1, -4, 4]), False, (0, 0), None),
        (fmpq_poly([0]), False, (0, 0), True),
        (fmpq_poly([0]), True, (0, 0), False),
        (fmpq_poly([1, -2]), False, (0, 0), False),
    ],
)
def test_discharge(polynomial, strict, powers, decided):
    item = discharge("claim", polynomial, strict)
    assert (item.u_power, item.end_power) == powers
    assert item.decided is decided


def test_a_wrong_factorisation_is_noticed(monkeypatch):
    monkeypatch.setattr("proofs_check.rigor.enclosure.momentum._strip", lambda polynomial, factor: (1, polynomial))
    with pytest.raises(ArithmeticError, match="claim"):
        discharge("claim", fmpq_poly([0, 1]))
