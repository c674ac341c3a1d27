"""Anytime-valid limits against exact fractions and under optional stopping; looks at their levels."""

import math
from fractions import Fraction

import numpy as np
import pytest
from scipy import stats

from proofs_check import statistics as s


def exact_evidence(outcomes, claimed: Fraction, upper: bool) -> Fraction:
    """The mixture of likelihood ratios, its polynomial integrated term by term."""
    x, n = sum(outcomes), len(outcomes)
    low, high = (claimed, Fraction(1)) if upper else (Fraction(0), claimed)
    total = Fraction(0)
    for k in range(n - x + 1):
        power = x + k + 1
        total += (-1) ** k * math.comb(n - x, k) * (high**power - low**power) / power
    return total / (high - low) / (claimed**x * (1 - claimed) ** (n - x))


@pytest.mark.parametrize("claimed", [Fraction(1, 10), Fraction(1, 2), Fraction(999, 1000)])
def test_p_values_are_the_exact_mixtures(claimed):
    rng = np.random.default_rng(0)
    for p in (0.0, 0.05, 0.5, 1.0):
        outcomes = (rng.random(25) < p).astype(int).tolist()
        for upper, p_value in ((False, s.anytime_support_p_value), (True, s.anytime_excess_p_value)):
            evidence = [exact_evidence(outcomes[: n + 1], claimed, upper) for n in range(25)]
            expected = [1 / max(Fraction(1), *evidence[: n + 1]) for n in range(25)]
            np.testing.assert_allclose(p_value(outcomes, float(claimed)), np.array(expected, float), rtol=1e-9)


def test_p_values_at_the_ends_and_of_nothing():
    assert s.anytime_support_p_value([0, 0, 1], 0.0).tolist() == [1, 1, 1]
    assert s.anytime_support_p_value([1, 1, 0], 1.0).tolist() == [1, 1, 0]
    assert s.anytime_excess_p_value([0, 1, 0], 0.0).tolist() == [1, 0, 0]
    assert s.anytime_excess_p_value([0, 1, 0], 1.0).tolist() == [1, 1, 1]
    for function in (s.anytime_support_p_value, s.anytime_excess_p_value):
        assert function([], 0.1).shape == (0,)
        assert function(np.zeros((3, 0)), 0.1).shape == (3, 0)
        np.testing.assert_array_equal(function(np.eye(4), 0.1)[:, 2], function([0, 0, 1, 0], 0.1))
    assert s.anytime_upper([], 0.1).shape == (0,)


def test_a_million_trials_do_not_overflow():
    outcomes = np.zeros(10**6, bool)
    outcomes[::20] = True  # 0.05
    with np.errstate(all="raise", under="ignore"):
        for claimed in (0.051, 1e-9):
            for function in (s.anytime_support_p_value, s.anytime_excess_p_value):
                p = function(outcomes, claimed)
                assert np.all((p >= 0) & (p <= 1) & np.isfinite(p))
                assert np.all(np.diff(p) <= 0)
    # E_n is within a factor 2 n of its largest likelihood ratio
    x, n, c = 50_000, 10**6, 0.051
    ratio = x * math.log(0.05 / c) + (n - x) * math.log(0.95 / (1 - c))
    assert ratio - math.log(2e6) < -math.log(s.anytime_support_p_value(outcomes, c)[-1]) < ratio + 1


@pytest.mark.parametrize("p", [0.0, 0.03, 0.4, 1.0])
@pytest.mark.parametrize("level", [0.2, 1e-4])
def test_limits_are_the_claims_that_the_p_values_reject(p, level):
    outcomes = np.random.default_rng(2).random(60) < p
    upper, lower = s.anytime_upper(outcomes, level), s.anytime_lower(outcomes, level)
    for n in (0, 7, 30, 59):
        for claimed in np.linspace(0.001, 0.999, 41):
            assert (s.anytime_support_p_value(outcomes[: n + 1], claimed)[-1] <= level) == (upper[n] <= claimed)
            assert (s.anytime_excess_p_value(outcomes[: n + 1], claimed)[-1] <= level) == (lower[n] >= claimed)
    np.testing.assert_allclose(lower, 1 - s.anytime_upper(~outcomes, level), atol=1e-12)
    assert np.all(s.anytime_upper(outcomes, level) >= s.binomial_upper(np.cumsum(outcomes), np.arange(1, 61), level))


@pytest.mark.parametrize("p", [0.1, 0.5])
def test_stopping_at_the_first_rejection_keeps_the_level_where_peeking_breaks_it(p):
    """2,000 runs of up to 200 trials at level 0.05, both directions; false alarm below 1e-6."""
    runs, trials, level = 2000, 200, 0.05
    outcomes = np.random.default_rng(3).random((trials, runs)) < p
    x, n = np.cumsum(outcomes, axis=0), np.arange(1, trials + 1)[:, None]
    allowed = stats.binom.isf(1e-6, runs, level)
    looks = s.look_level(level, np.arange(1, trials // 20 + 1))[:, None]
    for anytime, fixed in (
        (s.anytime_support_p_value, s.support_p_value),
        (s.anytime_excess_p_value, s.excess_p_value),
    ):
        running = anytime(outcomes, p)
        assert 0 < np.sum(running.min(axis=0) <= level) <= allowed
        peeked = np.asarray(fixed(x, n, p))
        assert np.sum((peeked <= level).any(axis=0)) > 2 * allowed  # the reason for all this
        assert np.sum((peeked[19::20] <= looks).any(axis=0)) <= allowed
        assert np.sum((peeked[19::20] <= level).any(axis=0)) > allowed
        # and a wrong null, deeper inside, is rejected no more often
        deeper = p + 0.05 if anytime is s.anytime_support_p_value else p - 0.05
        more = np.random.default_rng(4).random((trials, 500)) < deeper
        assert np.sum(anytime(more, p)[-1] <= level) <= stats.binom.isf(1e-6, 500, level)


def test_a_running_limit_covers_at_all_times():
    """250 runs at level 0.2; false alarm below 1e-6."""
    p, level = 0.3, 0.2
    outcomes = np.random.default_rng(5).random((120, 250)) < p
    allowed = stats.binom.isf(1e-6, 250, level)
    assert np.sum(s.anytime_upper(outcomes, level).min(axis=0) < p) <= allowed
    assert np.sum(s.anytime_lower(outcomes, level).max(axis=0) > p) <= allowed


def test_power_is_not_thrown_away():
    first = int(np.argmax(s.anytime_support_p_value(np.zeros(200), 0.1) <= 5e-5)) + 1
    fixed = s.least_trials(0.1, 5e-5)
    assert (fixed, first) == (94, 118)
    found = s.anytime_excess_p_value(np.random.default_rng(6).random((2000, 50)) < 0.15, 0.1)
    assert np.mean(found[-1] <= 1e-3) > 0.95


def test_levels_of_all_looks_sum_to_the_level():
    looks = np.arange(1, 10**6)
    assert s.look_level(0.05, looks).sum() == pytest.approx(0.05 * (1 - 1e-6), rel=1e-9)
    assert s.look_level(0.05, 1) == 0.025
    assert s.look_level(0.05, 10**12) > 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: s.anytime_support_p_value([0, 2], 0.1), "outcomes 0 or 1"),
        (lambda: s.anytime_excess_p_value([0.5], 0.1), "outcomes 0 or 1"),
        (lambda: s.anytime_upper([math.nan], 0.1), "outcomes 0 or 1"),
        (lambda: s.anytime_lower(["1"], 0.1), "outcomes 0 or 1"),
        (lambda: s.anytime_lower(1, 0.1), "outcomes 0 or 1"),
        (lambda: s.anytime_support_p_value([0], 1.1), "claimed in"),
        (lambda: s.anytime_upper([0], 0.0), "level strictly between"),
        (lambda: s.look_level(0.05, 0), "looks 1, 2"),
        (lambda: s.look_level(0.05, 1.5), "looks 1, 2"),
        (lambda: s.look_level(1.0, 1), "level strictly between"),
    ],
)
def test_wrong_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
