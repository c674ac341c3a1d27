"""The linear model: companion matrices, their powers, and the residual recursion, against NumPy."""

import re
from pathlib import Path

import chex
import numpy as np
import oracles
import pytest
import tolerances
from absl.testing import parameterized
from hypothesis import given, settings
from hypothesis import strategies as st

from nag_ntk import (
    InputError,
    Method,
    companion_matrix,
    companion_power_norms,
    gradient_descent,
    heavy_ball,
    linear_residual,
    nesterov_increasing,
    radius_interval,
    spectral_radius,
)
from nag_ntk import nesterov as nesterov_method

METHODS = [
    gradient_descent(0.4),
    heavy_ball(0.4, 0.7),
    nesterov_method(0.3, 0.8),
    Method("unequal", 0.25, 0.6, 0.3),
    Method("only gamma", 0.25, 0.0, 0.5),
]


def symmetric(seed, n=4):
    """A positive definite matrix with eigenvalues in [0.05, 1.5]."""
    rng = np.random.default_rng(seed)
    frame, _ = np.linalg.qr(rng.standard_normal((n, n)))
    return frame @ np.diag(rng.uniform(0.05, 1.5, n)) @ frame.T


GROWING = nesterov_increasing(0.3, 2.0)


def test_growing_momentum_has_no_companion_matrix():
    with pytest.raises(InputError, match="not constant"):
        companion_matrix(GROWING, symmetric(0))


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)
def test_companion_matrix_entry_by_entry(method):
    h = symmetric(0)
    expected = oracles.companion(method[1:], h)
    np.testing.assert_allclose(companion_matrix(method, h), expected, rtol=0, atol=tolerances.KERNEL)


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32 - 1), index=st.integers(0, len(METHODS) - 1))
def test_power_norms_are_those_of_the_full_matrix(seed, index):
    """The split into 2 x 2 blocks against the spectral norm of the 2n x 2n powers themselves."""
    method, h = METHODS[index], symmetric(seed)
    h = (h + h.T) / 2
    matrix, power, expected = oracles.companion(method[1:], h), np.eye(8), []
    for _ in range(13):
        expected.append(np.linalg.norm(power, 2))
        power = matrix @ power
    found = np.asarray(companion_power_norms(method, np.linalg.eigvalsh(h), 12))
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerances.POWERS * max(expected))


def test_power_norms_begin_at_one_and_grow_before_they_shrink():
    norms = np.asarray(companion_power_norms(nesterov_method(0.5, 0.9), np.array([0.001, 1.0]), 60))
    assert norms.shape == (61,)
    assert norms[0] == 1
    assert norms.max() > 1.5, "the companion matrix is not normal: its powers overshoot"


@pytest.mark.parametrize("start", ["gradient", "extrapolated"])
@pytest.mark.parametrize("method", [*METHODS, GROWING], ids=lambda m: m.name)
def test_linear_residual_against_the_recursion(method, start):
    h, first = symmetric(1), np.array([1.0, -2.0, 0.5, 0.25])
    expected = oracles.linear_run(method[1:], h, first, 30, start)
    found = linear_residual(method, h, first, 30, start)
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerances.SAME_RUN)


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)
def test_linear_residual_is_powers_of_the_companion_matrix(method):
    """From the gradient start xi(-1) = xi(0), V(t) = M^t V(0)."""
    h, first = symmetric(2), np.array([1.0, -2.0, 0.5, 0.25])
    matrix, pair = oracles.companion(method[1:], h), np.concatenate([first, first])
    run = np.asarray(linear_residual(method, h, first, 30))
    for t in range(31):
        np.testing.assert_allclose(run[t], pair[:4], rtol=0, atol=tolerances.SAME_RUN)
        pair = matrix @ pair


GAMMAS = st.sampled_from(["heavy ball", "nesterov"]) | st.floats(0, 3)
RADII = st.just(1.0) | st.floats(0.05, 1)


def moduli(beta, gamma, z):
    return np.abs(np.roots([1, -(1 + beta - (1 + gamma) * z), beta - gamma * z])).max(initial=0.0)


@given(beta=st.just(0.0) | st.floats(0, 0.999), kind=GAMMAS, radius=RADII, z=st.floats(0, 5))
def test_the_interval_is_where_both_roots_are_small(beta, kind, radius, z):
    """By brute force: at a random z, and just inside and outside of both ends, NumPy's roots decide."""
    gamma = {"heavy ball": 0.0, "nesterov": beta}.get(kind, kind)
    low, high = radius_interval(beta, gamma, radius)
    for point in (z, *(end * factor for end in (low, high) for factor in (1 - 1e-4, 1 + 1e-4) if end > 0)):
        found = moduli(beta, gamma, point)
        rate = float(spectral_radius(Method("any", point, beta, gamma), np.ones(1)))
        assert rate == pytest.approx(found, abs=1e-7)
        if abs(found - radius) > 1e-7:  # a double root moves by the square root of the rounding
            assert (low <= point <= high) is bool(found < radius)


@pytest.mark.parametrize("beta", [0.0, 0.4, 0.9, 0.99])
def test_the_boundary_of_stability_in_closed_form(beta):
    assert radius_interval(beta, 0.0) == pytest.approx((0, 2 * (1 + beta)))
    assert radius_interval(beta, beta) == pytest.approx((0, 2 * (1 + beta) / (1 + 2 * beta)))


@pytest.mark.parametrize("make", [heavy_ball, nesterov_method])
def test_a_run_of_the_linear_model_falls_inside_the_boundary_and_grows_outside(make):
    h, beta = symmetric(4), 0.7
    limit = radius_interval(beta, make(0.1, beta).gamma)[1] / np.linalg.eigvalsh(h)[-1]
    first = np.ones(4)
    for factor, falls in ((0.95, True), (1.05, False)):
        ends = np.linalg.norm(np.asarray(linear_residual(make(factor * limit, beta), h, first, 400))[[0, -1]], axis=1)
        grown = ends[1] / ends[0]
        assert grown < 1e-3 if falls else grown > 1e3


@pytest.mark.parametrize("kappa", [4.0, 30.0])
def test_level_lines_end_at_the_optimal_tunings(kappa):
    """A rate just above the optimum of a quadratic is attained there, a rate just below nowhere."""
    root, long = np.sqrt(kappa), np.sqrt(3 * kappa + 1)
    for nesterov, rate, beta, step in (
        (0, (root - 1) / (root + 1), ((root - 1) / (root + 1)) ** 2, (2 * root / (root + 1)) ** 2),
        (1, 1 - 2 / long, (long - 2) / (long + 2), 4 * kappa / (3 * kappa + 1)),
    ):
        low, high = radius_interval(beta, nesterov * beta, rate + 1e-6)
        assert kappa * low <= step <= high
        fine = np.linspace(0, 0.999, 4000)
        ends = np.array([radius_interval(b, nesterov * b, rate - 1e-4) for b in fine])
        assert not (kappa * ends[:, 0] <= ends[:, 1]).any()


def test_numbers_out_of_range_have_no_interval():
    assert all(np.isnan(radius_interval(0.9, 0.0, 0.9)))  # heavy ball is never faster than sqrt(beta)
    for wrong in ((1.0, 0.0), (-0.1, 0.0), (0.5, -0.1), (0.5, 0.5, 0.0), (0.5, 0.5, 1.1), (0.5, np.nan)):
        with pytest.raises(InputError, match="are needed"):
            radius_interval(*wrong)
    with pytest.raises(InputError, match="not constant"):
        spectral_radius(GROWING, np.ones(1))


@pytest.mark.slow
def test_the_page_on_tuning_prints_what_it_says(capsys):
    text = (Path(__file__).parents[2] / "docs" / "tuning.md").read_text(encoding="utf-8")
    shown = {kind: re.findall(rf"^```{kind}\n(.*?)^```$", text, flags=re.S | re.M)[0] for kind in ("python", "text")}
    exec(shown["python"], {})
    assert capsys.readouterr().out == shown["text"]


def test_no_steps_gives_the_first_residual():
    assert linear_residual(METHODS[0], np.eye(2), np.array([1.0, 2.0]), 0).tolist() == [[1.0, 2.0]]


class Variants(chex.TestCase, parameterized.TestCase):
    """The same numbers with and without jit, on the device and from the host."""

    @chex.variants(with_jit=True, without_jit=True, with_device=True, without_device=True)
    def test_power_norms(self):
        values = np.array([0.1, 0.5, 1.2])
        method = METHODS[2]
        found = self.variant(lambda v: companion_power_norms(method, v, 5))(values)
        matrix = oracles.companion(method[1:], np.diag(values))
        expected = [np.linalg.norm(np.linalg.matrix_power(matrix, k), 2) for k in range(6)]
        chex.assert_trees_all_close(np.asarray(found), np.array(expected), rtol=0, atol=tolerances.POWERS)

    @chex.variants(with_jit=True, without_jit=True)
    def test_linear_residual(self):
        h, first = symmetric(3), np.ones(4)
        found = self.variant(lambda h, first: linear_residual(METHODS[3], h, first, 8))(h, first)
        expected = oracles.linear_run(METHODS[3][1:], h, first, 8, "gradient")
        chex.assert_trees_all_close(np.asarray(found), expected, rtol=0, atol=tolerances.SAME_RUN)
