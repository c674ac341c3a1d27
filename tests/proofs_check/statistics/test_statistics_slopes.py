"""Slopes against scipy, coverage in simulations of the stated models, and p-values that agree with the intervals."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from proofs_check import statistics as s

X = np.log([16.0, 32, 64, 100, 300, 512])
CURVES = st.lists(st.floats(-5, 5), min_size=3, max_size=8).flatmap(
    lambda y: st.tuples(st.just(np.array(y)), st.just(np.arange(len(y)) ** 1.5))
)


@given(CURVES, st.sampled_from([0.2, 0.01, 1e-5]))
def test_one_curve_agrees_with_scipy(curve, level):
    y, x = curve
    assume(np.ptp(y) > 1e-3)  # scipy gives NaN for a constant
    fit = stats.linregress(x, y)
    half = stats.t.isf(level / 2, y.size - 2) * fit.stderr
    assert s.least_squares_slope(x, y) == pytest.approx(fit.slope, abs=1e-12)
    assert s.slope_interval(x, y, level) == pytest.approx((fit.slope - half, fit.slope + half), rel=1e-6, abs=1e-6)
    far = fit.slope + 1.0
    assert s.slope_p_value(x, y, far) == pytest.approx(
        2 * stats.t.sf(1.0 / fit.stderr, y.size - 2) if fit.stderr else 0.0, rel=1e-6, abs=1e-12
    )


@given(
    st.integers(2, 6), st.integers(0, 2**32), st.sampled_from([0.3, 0.01, 1e-4]), st.floats(0, 0.5), st.floats(-3, 3)
)
def test_p_values_agree_with_the_intervals(seeds, key, level, tolerance, claimed):
    rng = np.random.default_rng(key)
    y = 0.5 * X + rng.normal(0, 0.1, (seeds, X.size)) + rng.normal(0, rng.choice([0.0, 0.2]), X.size)
    for interval, p_value in (
        (s.slope_interval(X, y[0], level), s.slope_p_value(X, y[0], claimed, tolerance)),
        (s.replicated_slope_interval(X, y, level), s.replicated_slope_p_value(X, y, claimed, tolerance)),
    ):
        missed = interval[0] > claimed + tolerance or interval[1] < claimed - tolerance
        near = min(abs(interval[0] - claimed - tolerance), abs(interval[1] - claimed + tolerance)) < 1e-9
        assert near or (p_value <= level) == missed


def test_shift_and_scale_move_the_interval_along():
    y = np.random.default_rng(1).normal(0, 1, (3, X.size)) + X
    for function, values in ((s.slope_interval, y[0]), (s.replicated_slope_interval, y)):
        low, high = function(X, values, 0.05)
        assert function(X + 7, values - 3, 0.05) == pytest.approx((low, high), rel=1e-9)
        assert function(X / 1e30, 1e20 * values, 0.05) == pytest.approx((1e50 * low, 1e50 * high), rel=1e-9)
        assert function(-X, values, 0.05) == pytest.approx((-high, -low), rel=1e-9)
        order = [3, 1, 0, 5, 4, 2]
        assert function(X[order], values[..., order], 0.05) == pytest.approx((low, high), rel=1e-9)


def test_few_points_say_nothing_and_a_perfect_line_all():
    assert s.slope_interval([0, 1], [0, 5], 0.05) == (-math.inf, math.inf)
    assert s.slope_p_value([0, 1], [0, 5], 100.0) == 1
    assert s.replicated_slope_interval([0, 1], np.ones((4, 2)), 0.05) == (-math.inf, math.inf)
    assert s.replicated_slope_interval(X, [X], 0.05) == (-math.inf, math.inf)
    assert s.replicated_slope_p_value(X, [X], 9.0) == 1
    for slope in (1 / 3, -2.7):  # only rounding errors are left, and they do not refute what is true
        y = slope * X + 0.1
        low, high = s.slope_interval(X, y, 0.05)
        assert low <= slope <= high < low + 1e-11
        assert s.slope_p_value(X, y, slope) > 1e-3
        assert s.slope_p_value(X, y, slope + 0.1) < 1e-20
        low, high = s.replicated_slope_interval(X, np.stack([y, y, y]), 1e-3)
        assert low <= slope <= high < low + 1e-9
        assert s.replicated_slope_p_value(X, np.stack([y, y]), slope + 1, 0.5) < 1e-6
    assert s.slope_p_value(X, np.zeros(6), 1.0) == 0
    assert s.replicated_slope_p_value(X, np.zeros((3, 6)), 1.0) == 0
    assert s.replicated_slope_p_value(X, np.zeros((3, 6)), 0.0) == 1


def test_rounding_errors_refute_nothing():
    """At level 0.9 the interval is as narrow as can be: without the allowance it misses."""
    for slope in np.random.default_rng(7).normal(0, 1, 200):
        for x in (np.arange(5.0), X, X + 1e4):
            y = slope * x + 100.0
            low, high = s.slope_interval(x, y, 0.9)
            assert low <= slope <= high
            low, high = s.replicated_slope_interval(x, np.stack([y, y + 1.0]), 0.9)
            assert low <= slope <= high


def test_a_replicated_interval_adds_both_parts_at_half_the_level():
    y = 0.5 * X + np.random.default_rng(6).normal(0, 0.2, (4, 6))
    slopes = [stats.linregress(X, row).slope for row in y]
    mean = stats.linregress(X, y.mean(axis=0))
    for level in (0.2, 1e-4):
        half = stats.t.isf(level / 4, 3) * np.std(slopes, ddof=1) / 2 + stats.t.isf(level / 4, 4) * mean.stderr
        expected = (mean.slope - half, mean.slope + half)
        assert s.replicated_slope_interval(X, y, level) == pytest.approx(expected, rel=1e-9)


def misses(draw, level: float, runs: int, interval=s.replicated_slope_interval, slope: float = 0.5) -> int:
    count = 0
    for _ in range(runs):
        low, high = interval(X, slope * X + draw(), level)
        count += not low <= slope <= high
    return count


def seeds_only(x, y, level):
    return s.mean_interval(s.least_squares_slope(x, y), level)


def fit_only(x, y, level):
    return s.slope_interval(x, y.mean(axis=0), level)


def wider(x, y, level):
    """The union hull of both intervals: its half width is the larger one, as the centre is the same."""
    (a, b), (c, d) = seeds_only(x, y, level), fit_only(x, y, level)
    return min(a, c), max(b, d)


RNG = np.random.default_rng(8)
STEEP = np.linspace(0.1, 1.0, X.size)
BENT = (X - X.mean()) ** 2 - np.mean((X - X.mean()) ** 2)
BENT = BENT - s.least_squares_slope(X, BENT) * (X - X.mean())  # a curve of slope 0
MODELS = {
    "normal": lambda: RNG.normal(0, 0.2, (5, 6)),
    "heteroscedastic": lambda: RNG.normal(0, 1, (5, 6)) * STEEP,
    "slopes differ from seed to seed": lambda: RNG.normal(0, 0.3, (5, 1)) * X + RNG.normal(0, 0.05, (5, 6)),
    "misfit common to the seeds": lambda: RNG.normal(0, 0.3, 6) + RNG.normal(0, 0.02, (5, 6)),
    "both": lambda: RNG.normal(0, 0.2, 6) + RNG.normal(0, 0.15, (5, 1)) * X,
    "curved": lambda: 0.3 * BENT + RNG.normal(0, 0.3, (5, 6)),
}


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("level", [0.2, 0.02])
def test_a_replicated_slope_is_covered(model, level):
    """800 runs; false alarm below 1e-6."""
    assert misses(MODELS[model], level, 800) <= stats.binom.isf(1e-6, 800, level)


def test_each_scatter_alone_would_not_do():
    allowed = stats.binom.isf(1e-6, 800, 0.1)
    assert misses(MODELS["misfit common to the seeds"], 0.1, 800, seeds_only) > allowed
    assert misses(MODELS["slopes differ from seed to seed"], 0.1, 800, fit_only) > allowed


def test_the_wider_interval_alone_would_not_do():
    """Many seeds and positions, both parts equal: their sum exceeds the larger one's share."""
    x = np.arange(40.0)
    spread = np.sqrt(np.sum((x - x.mean()) ** 2))
    rng = np.random.default_rng(9)
    wide = added = 0
    for _ in range(1500):
        y = rng.normal(0, 1, 40) + rng.normal(0, 1, (30, 1)) * np.sqrt(30) / spread * x
        wide += not wider(x, y, 0.05)[0] <= 0 <= wider(x, y, 0.05)[1]
        low, high = s.replicated_slope_interval(x, y, 0.05)
        added += not low <= 0 <= high
    assert wide > stats.binom.isf(1e-6, 1500, 0.05) > added


def test_one_curve_is_covered_and_the_p_value_uniform_at_the_claim():
    """False alarm below 1e-6."""
    rng = np.random.default_rng(10)
    curves = 0.5 * X + rng.normal(0, 0.2, (2000, 6))
    p = np.array([s.slope_p_value(X, y, 0.5) for y in curves])
    assert stats.kstest(p, "uniform").pvalue > 1e-6
    edge = np.array([s.slope_p_value(X, y, 0.4, 0.1) for y in curves])  # the truth at the tolerance's edge
    assert 0 < np.sum(edge <= 0.05) <= stats.binom.isf(1e-6, 2000, 0.05)
    assert np.mean([s.slope_p_value(X, y, 1.0, 0.1) <= 0.05 for y in curves]) > 0.8


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: s.slope_interval([1, 1, 1], [0, 1, 2], 0.05), "different positions"),
        (lambda: s.slope_interval([1, 1 + 1e-13, 1], [0, 1, 2], 0.05), "different positions"),
        (lambda: s.slope_interval([-1e308, 0, 1e308], [0, 1, 2], 0.05), "different positions"),
        (lambda: s.slope_interval([1, 2, math.nan], [0, 1, 2], 0.05), "finite x"),
        (lambda: s.slope_interval([1, 2, 3], [0, math.inf, 2], 0.05), "finite y, got shape .* 1 not finite"),
        (lambda: s.slope_interval([1, 2, 3], [0, 1e200, 2], 0.05), "below 1e150"),
        (lambda: s.slope_interval([1, 2, 3], [0, 1], 0.05), "positions"),
        (lambda: s.slope_interval([1], [0], 0.05), "positions"),
        (lambda: s.slope_interval([], [], 0.05), "positions"),
        (lambda: s.slope_interval([1, 2, 3], [[0, 1, 2]], 0.05), r"\(p,\) values"),
        (lambda: s.slope_interval([1, 2, 3], [0, 1, 2], 0.0), "level strictly between"),
        (lambda: s.replicated_slope_interval([1, 2, 3], [0, 1, 2], 0.05), r"\(s, p\) values"),
        (lambda: s.replicated_slope_interval([1, 2, 3], np.empty((0, 3)), 0.05), r"\(s, p\) values"),
        (lambda: s.replicated_slope_p_value([1, 2, 3], [[0, 1, math.nan]], 1.0), "finite y"),
        (lambda: s.slope_p_value([1, 2, 3], [0, 1, 2], math.nan), "finite claim"),
        (lambda: s.slope_p_value([1, 2, 3], [0, 1, 2], 1.0, -0.1), "tolerance >= 0"),
        (lambda: s.replicated_slope_p_value([1, 2, 3], [[0, 1, 2]] * 2, 1.0, math.inf), "tolerance >= 0"),
    ],
)
def test_wrong_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
