"""The record of the theorems against the numbers that ball arithmetic and the certificates keep of their own."""

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from flint import arb

import nag_ntk
from nag_ntk.theorem import THEOREMS
from proofs_check.certified import claims
from proofs_check.lemmas.acceleration import linear_steps
from proofs_check.rigor.enclosure import GRADIENT_DESCENT, HEAVY_BALL, NESTEROV, constants_proof, rate_proof
from proofs_check.running import widths

TUNINGS = {"gradient_descent": GRADIENT_DESCENT, "heavy_ball": HEAVY_BALL, "nesterov": NESTEROV}
ROOTS = (Fraction(1), Fraction(3, 2), Fraction(7), Fraction(1000))


@pytest.mark.parametrize("name", THEOREMS)
def test_the_tuning_is_that_of_the_enclosure(name):
    """z = eta lambda at both ends of the spectrum, beta, and the block [[a, -c], [1, 0]], as exact fractions."""
    theorem, tuning = THEOREMS[name], TUNINGS[name]
    for root in ROOTS:
        u, beta = 1 / root, theorem.momentum(root)
        gamma = theorem.gradient_momentum * beta
        assert tuning.spectrum(u) == (theorem.step / root**2, theorem.step)
        for z in tuning.spectrum(u):
            block = (1 + beta - (1 + gamma) * z, beta - gamma * z)
            if name == "gradient_descent":
                assert (tuning.factor(z), 0) == block
            else:
                assert beta == tuning.momentum(u)
                assert tuning.block(beta, z) == block


@pytest.mark.parametrize("name", ["heavy_ball", "nesterov"])
def test_the_constants_are_those_that_are_proved(name):
    theorem = THEOREMS[name]
    assert constants_proof(TUNINGS[name], theorem.prefactor, theorem.linear_rate).decided
    assert not constants_proof(TUNINGS[name], theorem.prefactor, theorem.linear_rate + Fraction(1, 100)).decided
    assert not constants_proof(TUNINGS[name], Fraction(2), theorem.linear_rate).decided


def test_the_rate_of_gradient_descent_is_the_one_that_is_proved():
    gap = THEOREMS["gradient_descent"].linear_rate
    assert rate_proof(GRADIENT_DESCENT, lambda u: 1 - gap * u * u).decided
    assert rate_proof(GRADIENT_DESCENT, lambda u: 1 - gap * Fraction(11, 10) * u * u).decided is False


@pytest.mark.parametrize("name", THEOREMS)
def test_the_theorem_leaves_room_and_states_no_less_than_the_paper(name):
    theorem = THEOREMS[name]
    assert 0 < theorem.rate < theorem.linear_rate
    assert theorem.prefactor <= theorem.paper_prefactor
    assert theorem.order == (Fraction(1) if theorem.momentum(Fraction(2)) == 0 else Fraction(1, 2))


@pytest.mark.parametrize("name", THEOREMS)
def test_certificates_claim_no_less_than_the_theorem(name):
    """Floats at most the theorem's numbers, and within a few units in the last place."""
    for kappa in (1.0, 7.5, 1e6):
        found, theorem = claims.stated_bounds(name, arb(kappa)), THEOREMS[name]
        assert list(found) == list(theorem.forms)
        for part, prefactor in theorem.forms.items():
            (factor, rate), (most, fastest) = found[part], theorem.bound(kappa, prefactor)
            assert factor == pytest.approx(most, rel=1e-15)
            assert rate == pytest.approx(fastest, rel=1e-15)
            square = Fraction(factor) ** 2
            assert square <= prefactor**2 * (Fraction(kappa) if theorem.order < 1 else 1)


@pytest.mark.parametrize("name", THEOREMS)
def test_bounds_and_widths_are_made_of_the_record(name):
    theorem = THEOREMS[name]
    assert theorem.bound(9.0) == (
        float(theorem.prefactor) * (1 if theorem.order == 1 else 3),
        1 - float(theorem.rate) / (9 if theorem.order == 1 else 3),
    )
    assert theorem.bound(9.0, Fraction(5))[0] == theorem.bound(9.0)[0] * 5 / float(theorem.prefactor)
    power = 0 if theorem.order == 1 else 1
    asked = widths.explicit_width(name, 9.0, 3.0, 2.0, 0.5)
    assert math.isclose(asked, (theorem.radius * theorem.distance) ** 2 * 81**power * 27 * 4 / 0.5**4)


def test_a_changed_record_changes_what_reads_it(monkeypatch):
    before = linear_steps("nesterov", np.array([100.0]))
    monkeypatch.setitem(THEOREMS, "nesterov", replace(THEOREMS["nesterov"], step=Fraction(1, 4)))
    spectrum = nag_ntk.Spectrum(lambda_0=0.5, lambda_top=0.5)
    assert nag_ntk.theorem_tuning("nesterov", spectrum).eta == pytest.approx(0.4)
    assert linear_steps("nesterov", np.array([100.0])) > before


def test_the_norm_of_the_theorems():
    data = nag_ntk.Dataset([[1.0, 0.0], [0.6, 0.8]], [1.0, -1.0])
    methods = [nag_ntk.gradient_descent(0.1), nag_ntk.nesterov(0.1, 0.5)]
    run = nag_ntk.simulate(data, methods, width=32, seeds=2, steps=5)
    both = np.sum(run.residual**2, axis=-1)
    np.testing.assert_allclose(run.state_norm[:, 0], np.sqrt(both[:, 0]), rtol=1e-14)
    np.testing.assert_allclose(run.state_norm[:, 1, 0], np.sqrt(2 * both[:, 1, 0]), rtol=1e-14)
    np.testing.assert_allclose(run.state_norm[:, 1, 1:], np.sqrt(both[:, 1, 1:] + both[:, 1, :-1]), rtol=1e-14)
    assert (run.residual_rounding > 0).all()
    assert (run.residual_rounding < 1e-13).all()
