"""Gaps that mutation testing found in the tests of the statistics (docs/mutation.md), a line or two per mutant."""

import math

import numpy as np
import pytest

from proofs_check import statistics as s
from proofs_check.statistics.binomial import _first


def test_adjusted_p_values_end_at_one():
    assert s.holm_adjusted([0.9, 0.8, 0.95]).tolist() == [1, 1, 1]
    assert s.bonferroni([0.9, 0.8]) == 1


def test_ties_take_their_levels_in_order():
    """A sort that is not stable shuffles equal p-values once there are more than a handful."""
    p = np.tile([0.3, 0.0], 100)
    _, levels = s.holm(p, 0.1)
    assert np.array_equal(levels[1::2], 0.1 / np.arange(200, 100, -1))
    assert np.array_equal(levels[::2], np.full(100, 0.1 / 100))  # none of them passes


def test_a_p_value_at_its_level_is_rejected():
    rejected, levels = s.holm([0.25, 0.5], 0.5)
    assert rejected.tolist() == [True, True]
    assert levels.tolist() == [0.25, 0.5]


def test_one_draw_says_nothing_whatever_its_shape():
    low, high = s.mean_interval([[1.0, 2.0]], 0.05)
    assert low.tolist() == [-math.inf] * 2
    assert high.tolist() == [math.inf] * 2
    assert s.mean_p_value([[1.0, 2.0]], 0.0).tolist() == [1, 1]
    assert s.mean_interval([2.0], 0.05) == (-math.inf, math.inf)
    assert s.mean_interval([[[1.0], [2.0]]], 0.05)[1].shape == (2, 1)


def test_one_trial_is_enough_to_extrapolate():
    assert s.trials_to_refute(1, 1, 0.5, 0.01, limit=7) == 7  # 2^-7 < 0.01 < 2^-6
    assert s.trials_to_refute(1, 1, 0.5, 0.01, limit=6) is None


def test_goodness_of_fit_takes_its_shape_from_all_arguments():
    many = s.randomised_pit_p_value(3, 10, np.full(50, 0.3), key=0)
    assert many == s.randomised_pit_p_value(np.full(50, 3), np.full(50, 10), 0.3, key=0)
    assert many == s.randomised_pit_p_value(3, np.full(50, 10), 0.3, key=0)
    assert many == s.randomised_pit_p_value(np.full(50, 3), 10, 0.3, key=0)
    assert many < 1e-3  # fifty times the same outcome
    assert 0 < s.randomised_pit_p_value([3], 10, 0.3, key=0) <= 1
    assert s.randomised_pit_p_value([[3]], 10, 0.3, key=0) == s.randomised_pit_p_value([3], 10, 0.3, key=0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: s.mean_interval([1.0, math.nan], 0.05), "finite draws along axis 0, got"),
        (lambda: s.randomised_pit([1], 2, 1.5, 0.5), r"expected p in \[0, 1\]"),
        (lambda: s.randomised_pit([1], 2, 0.5, 1.5), r"expected uniform in \[0, 1\]"),
        (lambda: s.uniform_distance([0.5, 1.5]), r"expected values in \[0, 1\]"),
        (lambda: s.holm([1.5], 0.1), r"expected p-values in \[0, 1\]"),
        (lambda: s.support_p_value(1, 2, 1.5), r"expected claimed in \[0, 1\]"),
        (lambda: s.excess_p_value(1, 2, 1.5), r"expected claimed in \[0, 1\]"),
        (lambda: s.trials_to_decide(1, 2, 1.5, 0.05), r"expected claimed in \[0, 1\]"),
        (lambda: s.slope_interval([1, math.nan], [1, 2], 0.05), "expected finite x, got"),
        (lambda: s.slope_interval([1, 2], [1, math.nan], 0.05), "expected finite y, got"),
        (lambda: s.replicated_slope_interval([1, 2], [[1, math.nan]], 0.05), "expected finite y, got"),
    ],
)
def test_the_argument_at_fault_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_the_first_is_found_in_every_block():
    for start in (0, 7):
        for wanted in (start, start + 1, start + 255, start + 256, start + 257, start + 767, start + 768, 3000):
            assert _first(lambda x, wanted=wanted: x >= wanted, start, 5000) == wanted
    assert _first(lambda x: x > 900, 0, 900) == 899  # nowhere: the last
    blocks = []
    _first(lambda x: blocks.append(len(x)) or x < 0, 0, 2000)
    assert blocks == [256, 512, 1024, 208]


def test_thousands_of_trials_refute_a_claim_that_is_nearly_right():
    needed = s.trials_to_refute(51, 100, 0.5, 1e-3)
    counts = np.arange(1, 20_000)
    refuted = s.excess_p_value(counts, -(-counts * 100 // 51), 0.5) <= 1e-3
    assert needed == -(-int(counts[np.argmax(refuted)]) * 100 // 51) > 20_000


def test_many_violations_support_a_claim_that_is_nearly_right():
    needed = s.trials_to_decide(45, 100, 0.5, 0.01)
    trials = np.arange(1, 2_000)
    supported = s.support_p_value(-(-trials * 45 // 100), trials, 0.5) <= 0.01
    assert needed == trials[np.argmax(supported)] > 256
    assert s.trials_to_decide(1, 4, 0.5, 0.05, limit=100) == s.trials_to_decide(1, 4, 0.5, 0.05, limit=10**6)


@pytest.mark.parametrize(
    ("x", "y", "slope"),
    [([0.0, 1.0, 2.0], [0.0, 1.0, 2.0], 1.0), ([8.0, 12.0, 16.0, 20.0], [3.0, 3.0, 3.0, 3.0], 0.0)],
    ids=["line", "constant"],
)
def test_the_allowance_of_a_perfect_line_is_all_that_is_left(x, y, slope):
    """These lines have no rounding errors: the interval shows the allowance alone."""
    points, size, scale = len(x), max(x), max(x) - min(x)
    dx = [(v - sum(x) / points) / scale for v in x]
    square = sum(d * d for d in dx)
    units = (2 * points + 8) * (1 + size / scale) * 2.0**-52
    allowance = units * (sum(abs(v) * abs(d) for v, d in zip(y, dx, strict=True)) / square + slope * scale) / scale
    low, high = s.slope_interval(x, y, 0.05)
    assert (high - slope, slope - low) == pytest.approx((allowance, allowance), rel=1e-9, abs=2.0**-52 * slope)
    assert s.slope_p_value(x, y, slope + 0.5 * allowance) == 1
    assert s.slope_p_value(x, y, slope - 2 * allowance - 2.0**-52) == 0
    seeds = [y, y, y]
    low, high = s.replicated_slope_interval(x, seeds, 0.05)
    assert (high - slope, slope - low) == pytest.approx((2 * allowance, 2 * allowance), rel=1e-9, abs=2.0**-52 * slope)
    assert s.replicated_slope_p_value(x, seeds, slope + 1.5 * allowance) == 1
    assert s.replicated_slope_p_value(x, seeds, slope - 3 * allowance - 2.0**-52) == 0


def test_the_limits_of_what_is_fitted():
    assert s.least_squares_slope([1.0, 1.0 + 3e-10], [0.0, 3e-10]) == pytest.approx(1, rel=1e-6)
    for x in ([1.0, 1.0 + 0.5e-10], [-2e150, 0.0], [0.0, 0.0]):
        with pytest.raises(ValueError, match="different positions of size at most 1e150"):
            s.least_squares_slope(x, [0.0, 1.0])
    assert s.least_squares_slope([0.0, 1e150], [0.0, 1e150]) == pytest.approx(1)
    with pytest.raises(ValueError, match="values below 1e150"):
        s.least_squares_slope([0.0, 1.0], [0.0, 2e150])
    assert s.least_squares_slope([0.0, 1.0], np.zeros((0, 2))).shape == (0,)


def test_a_replicated_p_value_has_both_ends():
    y = np.array([[0.0, 1.0, 2.0, 3.1], [0.0, 1.0, 2.1, 3.0], [0.1, 1.0, 2.0, 3.0]])
    x = np.arange(4.0)
    assert s.replicated_slope_p_value(x, y, 1e60) == pytest.approx(math.exp(-230), rel=1e-12, abs=0)
    small = s.replicated_slope_p_value(x, 1e-60 * y, 2e-60)
    assert small == pytest.approx(s.replicated_slope_p_value(x, y, 2.0), rel=1e-9, abs=0)
    b = float(np.mean(s.least_squares_slope(x, y)))
    assert s.replicated_slope_p_value(x, y, b + 1e-6) == 1
    for claimed in (b + 0.1, b + 1.0, b - 30.0):
        p = s.replicated_slope_p_value(x, y, claimed)
        low, high = s.replicated_slope_interval(x, y, p)
        assert min(abs(low - claimed), abs(high - claimed)) < 1e-9 * abs(claimed - b)
    flat = np.stack([x, x, x])  # no scatter at all
    assert s.replicated_slope_p_value(x, flat, 2.0) == 0
    assert s.replicated_slope_p_value(x, flat, 1.5, 0.5) == 1
    assert 0 < s.replicated_slope_p_value(x, flat + 0.1 * (x == 3), 3.0) < 1  # one part alone
    assert s.replicated_slope_p_value([0.0, 1.0], [[0, 1], [0, 3]], 9.0) == 1
    assert s.replicated_slope_interval([0.0, 1.0], [[0, 1], [0, 3]], 0.1) == (-math.inf, math.inf)


def test_p_values_of_a_slope_take_numbers_of_any_kind():
    assert s.slope_p_value([0, 1, 2], [0, 1, 2], 1, 0) == 1
    for claimed, tolerance in ((math.inf, 0.0), (0.0, math.inf), (0.0, math.nan), (0.0, -1e-9)):
        with pytest.raises(ValueError, match="finite claim and tolerance >= 0"):
            s.slope_p_value([0, 1, 2], [0, 1, 2], claimed, tolerance)
