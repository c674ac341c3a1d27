"""Gaps that mutation testing found in the tests of the statistics (docs/mutation.md), a line or two per mutant."""

import math

import numpy as np
import pytest

from proofs_check import statistics as s


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


def test_running_limits_of_columns_are_those_of_each():
    outcomes = np.random.default_rng(0).random((12, 3)) < [0.1, 0.5, 0.9]
    for limit in (s.anytime_upper, s.anytime_lower):
        together = limit(outcomes, 0.1)
        assert together.shape == (12, 3)
        for column in range(3):
            assert together[:, column].tolist() == limit(outcomes[:, column], 0.1).tolist()


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
        (lambda: s.anytime_support_p_value([1], 1.5), r"expected claimed in \[0, 1\]"),
        (lambda: s.anytime_excess_p_value([1], 1.5), r"expected claimed in \[0, 1\]"),
        (lambda: s.slope_interval([1, math.nan], [1, 2], 0.05), "expected finite x, got"),
        (lambda: s.slope_interval([1, 2], [1, math.nan], 0.05), "expected finite y, got"),
        (lambda: s.replicated_slope_interval([1, 2], [[1, math.nan]], 0.05), "expected finite y, got"),
    ],
)
def test_the_argument_at_fault_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
