"""The methods by their formulas, and gaps that mutation testing found in the kernels' tests (docs/mutation.md)."""

import inspect
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import nag_ntk
from nag_ntk import InputError, Method, Spectrum, theorem_tuning
from nag_ntk import method as methods
from nag_ntk.linear_model import _norm
from nag_ntk.pattern import OverlapRange, overlap_range, pattern_overlap

SPECTRUM = Spectrum(lambda_0=0.4, lambda_top=2.0)  # lambda_max 2.1, kappa 7


def test_the_methods_are_their_numbers():
    assert nag_ntk.gradient_descent(0.3) == Method("gradient_descent", 0.3, 0.0, 0.0, 0.0)
    assert nag_ntk.heavy_ball(0.3, 0.6) == Method("heavy_ball", 0.3, 0.6, 0.0, 0.0)
    assert nag_ntk.nesterov(0.3, 0.6) == Method("nesterov", 0.3, 0.6, 0.6, 0.0)
    assert nag_ntk.nesterov_increasing(0.3) == Method("nesterov_increasing", 0.3, 1.0, 1.0, 3.0)
    assert nag_ntk.nesterov_increasing(0.3, 2.0) == Method("nesterov_increasing", 0.3, 1.0, 1.0, 2.0)
    assert nag_ntk.heavy_ball(0.3, 0.0).beta == 0
    assert nag_ntk.nesterov_increasing(0.3, 0.5).delay == 0.5
    assert methods.STARTS == ("gradient", "extrapolated")


def test_the_schedule_is_constant_or_a_ramp():
    constant = Method("unequal", 0.25, 0.6, 0.3).schedule(3)
    assert constant.tolist() == [[0.25, 0.6, 0.3]] * 3
    ramp = Method("unequal", 0.25, 0.6, 0.3, 2.0).schedule(3)
    np.testing.assert_allclose(ramp, [[0.25, 0, 0], [0.25, 0.2, 0.1], [0.25, 0.3, 0.15]], rtol=1e-15)
    assert constant.dtype == ramp.dtype == np.float64
    assert nag_ntk.nesterov(0.1, 0.2).schedule(0).shape == (0, 3)


def test_the_tunings_are_those_of_the_theorems():
    root = math.sqrt(7)
    expected = {
        "gradient_descent": (1 / 2.1, 0, 0, 0),
        "heavy_ball": (1 / 2.1, (1 - 1 / (2 * root)) ** 2, 0, 0),
        "nesterov": (1 / 4.2, (3 * root - 2) / (3 * root + 2), (3 * root - 2) / (3 * root + 2), 0),
        "nesterov_increasing": (1 / 4.2, 1, 1, 3),
    }
    for name, numbers in expected.items():
        tuned, longer = theorem_tuning(name, SPECTRUM), theorem_tuning(name, SPECTRUM, 1.5)
        assert tuned.name == longer.name == name
        assert tuned[1:5] == pytest.approx(numbers, rel=1e-14)
        assert longer[1:5] == pytest.approx((1.5 * numbers[0], *numbers[1:]), rel=1e-14)
        assert tuned.table == longer.table == ()
    data = nag_ntk.Dataset(np.eye(2), np.ones(2))
    assert theorem_tuning("nesterov", data) == theorem_tuning("nesterov", data.spectrum)


@pytest.mark.parametrize("eta", [0.0, -0.1, math.inf, math.nan])
@pytest.mark.parametrize(
    "name", ["gradient_descent", "heavy_ball", "nesterov", "nesterov_increasing"]
)  # fmt: skip
def test_a_step_size_must_be_positive_and_finite(name, eta):
    momentum = (0.5,) if name in ("heavy_ball", "nesterov") else ()
    with pytest.raises(InputError, match=rf"^{name}: the step size eta must be positive and finite, got {eta}"):
        methods.METHODS[name](eta, *momentum)


@pytest.mark.parametrize("name", ["heavy_ball", "nesterov"])
def test_a_momentum_must_lie_in_its_range(name):
    for beta in (-1e-9, 1.0, 1.5, math.nan):
        with pytest.raises(InputError, match=rf"^{name}: the momentum beta must lie in \[0, 1\), got {beta}"):
            methods.METHODS[name](0.1, beta)


def test_what_is_no_number_is_refused():
    """Below the type checks of the tests, which users do not have."""
    for eta, beta in ((0.1, "much"), (None, 0.1), ("much", 0.1)):
        with pytest.raises(InputError, match=f"^name: eta and beta must be real numbers, got eta={eta!r}"):
            inspect.unwrap(methods._make_method)("name", eta, beta, 0.0)
    whole = inspect.unwrap(methods._make_method)("name", 1, 0, 0)
    assert [type(value) for value in whole[1:5]] == [float] * 4
    for delay in (0, "3", None):
        with pytest.raises(InputError, match="the delay must be positive and finite"):
            inspect.unwrap(methods.nesterov_increasing)(0.1, delay)


@pytest.mark.parametrize("delay", [0.0, -1.0, math.inf, math.nan])
def test_a_delay_must_be_positive_and_finite(delay):
    with pytest.raises(InputError, match="the delay must be positive and finite"):
        nag_ntk.nesterov_increasing(0.1, delay)


def test_an_unknown_method_has_no_tuning(monkeypatch):
    with pytest.raises(InputError, match="unknown method 'adam'; known: gradient_descent, heavy_ball"):
        theorem_tuning("adam", SPECTRUM)
    monkeypatch.setitem(methods.METHODS, "newer", nag_ntk.nesterov)
    with pytest.raises(InputError, match="no tuning for newer"):
        theorem_tuning("newer", SPECTRUM)


def test_the_spectrum_of_a_singular_limit_is_refused():
    assert Spectrum(1e-3, 1.0).kappa == pytest.approx((1 + 2.5e-4) / 7.5e-4, rel=1e-14)
    for lambda_0 in (0.0, -1e-17):
        with pytest.raises(InputError, match="kappa does not exist"):
            _ = Spectrum(lambda_0, 1.0).kappa


def test_overlaps_are_counted_beyond_the_integers_of_float32():
    width = 2**24 + 1
    everything = jnp.ones((1, width), bool)
    assert float(pattern_overlap(everything, everything, jnp.float64)[0, 0]) == 1.0


def test_no_radius_gives_no_range():
    for dtype in (np.float64, np.float32):
        empty = overlap_range(np.ones((2, 5), dtype), np.zeros(0, dtype))
        assert isinstance(empty, OverlapRange)
        assert [part.shape for part in empty] == [(0, 2, 2)] * 3
        assert {part.dtype for part in empty} == {np.dtype(dtype)}
    one = overlap_range(np.ones((2, 5), np.float32), np.ones(1, np.float32))
    assert {part.dtype for part in one} == {np.dtype(np.float32)}


def test_counts_are_integers():
    counts = nag_ntk.near_boundary_count(np.array([[0.5, -2.0, 1.0], [0.1, 0.0, 3.0]]), np.array([0.5, 1.0]))
    assert counts.dtype == np.int32
    assert counts.tolist() == [[1, 2], [2, 2]]
    assert nag_ntk.flip_fraction(np.ones((2, 3), bool), np.zeros((2, 3), bool)).dtype == np.float64


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_the_norm_of_two_by_two_blocks(scale):
    rng = np.random.default_rng(0)
    blocks = scale * rng.normal(size=(20, 2, 2))
    for block in blocks:
        assert float(_norm(jnp.asarray(block[None]))) == pytest.approx(np.linalg.norm(block, 2), rel=1e-13)
    assert float(_norm(jnp.asarray(blocks))) == pytest.approx(max(np.linalg.norm(b, 2) for b in blocks), rel=1e-13)
    # rounding must not take the root of a negative number: conformal matrices have no gap
    angles = rng.uniform(0, 7, 200)
    turns = np.array([[[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]] for a in angles])
    assert all(float(_norm(jnp.asarray(t[None]))) == pytest.approx(1.0, rel=1e-7) for t in turns[:20])
    assert np.isfinite(np.asarray(jax.vmap(lambda t: _norm(t[None]))(jnp.asarray(turns)))).all()


def test_the_linear_model_in_float32():
    method = nag_ntk.nesterov(0.3, 0.8)
    h, first = np.diag([0.5, 0.1]).astype(np.float32), np.ones(2, np.float32)
    assert nag_ntk.companion_matrix(method, h).dtype == np.float32
    assert nag_ntk.companion_power_norms(method, np.diag(h).copy(), 3).dtype == np.float32
    assert nag_ntk.linear_residual(method, h, first, 3).dtype == np.float32


def test_overlap_ranges_of_one_network_by_counting():
    rng = np.random.default_rng(1)
    z = rng.normal(size=(3, 40))
    z[0, 0], z[1, 1], z[2, 2] = 0.3, -0.3, 0.0  # at the radius, and at the boundary
    found = overlap_range(z, np.array([0.0, 0.3]))
    for k, radius in enumerate((0.0, 0.3)):
        for i, j in np.ndindex(3, 3):
            counts = [0, 0, 0]
            for a, b in zip(z[i], z[j], strict=True):
                counts[0] += a >= 0 and b >= 0 and abs(a) > radius and abs(b) > radius
                counts[1] += (a >= 0 or abs(a) <= radius) and (b >= 0 or abs(b) <= radius)
                counts[2] += a >= 0 and abs(b) <= radius
            assert [float(part[k, i, j]) * 40 for part in found] == pytest.approx(counts, rel=1e-14)
    first, second = rng.random((2, 3, 40)) < 0.5
    shares = np.asarray(pattern_overlap(jnp.asarray(first), jnp.asarray(second), jnp.float32))
    assert shares.dtype == np.float32
    np.testing.assert_allclose(shares, first.astype(float) @ second.T / 40, rtol=1e-6)
    weights, inputs = rng.normal(size=(4, 3)), rng.normal(size=(2, 3))
    expected = [[sum(w * x for w, x in zip(row, column, strict=True)) for column in inputs] for row in weights]
    np.testing.assert_allclose(nag_ntk.preactivations(weights, inputs), expected, rtol=1e-13)
    assert np.array_equal(nag_ntk.activation_pattern(weights, inputs), np.array(expected) >= 0)
