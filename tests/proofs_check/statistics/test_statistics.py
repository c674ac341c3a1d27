"""Exact statistics against sums of integers, brute force, and simulations with a stated false alarm."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from proofs_check import statistics as s

LEVELS = st.floats(1e-9, 0.5)
P_VALUES = st.lists(st.floats(0, 1) | st.sampled_from([0.0, 0.001, 0.01, 0.05 / 3]), max_size=12)


def tail(outcomes, n: int, p: float) -> float:
    """P(X in outcomes), summed in integers: a float is a fraction a / c."""
    a, c = float(p).as_integer_ratio()
    return sum(math.comb(n, k) * a**k * (c - a) ** (n - k) for k in outcomes) / c**n


def at_most(x: int, n: int, p: float) -> float:
    return tail(range(x + 1), n, p)


def at_least(x: int, n: int, p: float) -> float:
    return tail(range(x, n + 1), n, p)


@st.composite
def counts(draw, most: int = 40):
    n = draw(st.integers(0, most))
    return draw(st.integers(0, n)), n


@given(counts(), st.sampled_from([0.0, 1e-6, 0.1, 0.25, 0.5, 0.9, 1.0]))
def test_p_values_are_sums_of_binomial_masses(x_n, p):
    x, n = x_n
    assert s.support_p_value(x, n, p) == pytest.approx(at_most(x, n, p), rel=1e-11, abs=1e-300)
    assert s.excess_p_value(x, n, p) == pytest.approx(at_least(x, n, p), rel=1e-11, abs=1e-300)
    doubled = min(1.0, 2 * min(at_most(x, n, p), at_least(x, n, p)))
    assert s.two_sided_binomial_p(x, n, p) == pytest.approx(doubled, rel=1e-11, abs=1e-300)


@given(counts(), LEVELS)
def test_limits_solve_the_tail_equation(x_n, level):
    x, n = x_n
    upper, lower = float(s.binomial_upper(x, n, level)), float(s.binomial_lower(x, n, level))
    if x == n:
        assert upper == 1
    else:  # the tail falls through the level within 1e-9 of the limit
        assert at_most(x, n, upper * (1 - 1e-9)) > level > at_most(x, n, min(1, upper * (1 + 1e-9)))
    if x == 0:
        assert lower == 0
    else:
        assert at_least(x, n, lower * (1 - 1e-9)) < level < at_least(x, n, min(1, lower * (1 + 1e-9)))
    ends = s.binomial_lower(x, n, level / 2), s.binomial_upper(x, n, level / 2)
    assert s.binomial_interval(x, n, level) == ends


def test_limits_of_a_large_sample_agree_with_exact_fractions():
    for x in (0, 3, 100, 999):
        upper = float(s.binomial_upper(x, 1000, 7.7e-5))
        assert at_most(x, 1000, upper) == pytest.approx(7.7e-5, rel=1e-9)
    assert (s.binomial_lower(0, 0, 0.05), s.binomial_upper(0, 0, 0.05)) == (0, 1)


@given(st.integers(1, 30), LEVELS)
def test_limits_rise_with_violations_and_vectorise(n, level):
    x = np.arange(n + 1)
    for limit in (s.binomial_upper, s.binomial_lower):
        values = limit(x, n, level)
        assert np.all(np.diff(values) > 0)
        assert values.tolist() == [limit(int(k), n, level) for k in x]


@given(st.integers(1, 30), st.floats(0, 1), st.sampled_from([0.01, 0.05, 0.3]))
def test_coverage_by_enumeration_is_at_least_promised(n, p, level):
    x = np.arange(n + 1)
    weights = np.array([tail([k], n, p) for k in range(n + 1)])
    low, high = s.binomial_interval(x, n, level)
    slack = 1 - level - 1e-9  # rounding of limits that meet p
    assert weights[s.binomial_upper(x, n, level) >= p].sum() >= slack
    assert weights[s.binomial_lower(x, n, level) <= p].sum() >= slack
    assert weights[(low <= p) & (p <= high)].sum() >= slack
    assert weights[s.two_sided_binomial_p(x, n, p) <= level].sum() <= level + 1e-9


def brute_holm(p, level):
    """Recursive: reject the smallest at level / (number left), then go on with the others."""
    rejected, left = set(), list(range(len(p)))
    while left:
        i = min(left, key=lambda j: p[j])
        if p[i] > level / len(left):
            break
        rejected.add(i)
        left.remove(i)
    return [i in rejected for i in range(len(p))]


@given(P_VALUES, st.sampled_from([0.01, 0.05, 0.2]))
def test_holm_is_the_step_down_procedure(p, level):
    rejected, levels = s.holm(p, level)
    assert rejected.tolist() == brute_holm(p, level)
    assert np.array_equal(rejected, np.asarray(p) <= levels)  # so that a limit at this level tells the same
    assert all(rejected[i] for i in range(len(p)) if p[i] <= level / len(p))  # never fewer than Bonferroni
    assert all(rejected[i] or not rejected[j] for i in range(len(p)) for j in range(len(p)) if p[i] <= p[j])
    for i, adjusted in enumerate(s.holm_adjusted(p)):
        assert adjusted >= p[i]
        if adjusted < level * (1 - 1e-12):
            assert rejected[i]
        if level * (1 + 1e-12) < adjusted:
            assert not rejected[i]
    assert s.bonferroni(p) == pytest.approx(min(1, len(p) * min(p)) if p else 1)
    if p:
        assert s.bonferroni(p) == pytest.approx(s.holm_adjusted(p).min())


def test_each_row_is_a_family_of_its_own():
    p = np.random.default_rng(0).random((3, 5, 7)) ** 4
    rejected, levels = s.holm(p, 0.2)
    adjusted = s.holm_adjusted(p)
    for index in np.ndindex(3, 5):
        alone = s.holm(p[index], 0.2)
        assert rejected[index].tolist() == alone[0].tolist()
        assert levels[index].tolist() == alone[1].tolist()
        assert adjusted[index].tolist() == s.holm_adjusted(p[index]).tolist()
    assert rejected.any() > rejected.all()
    assert s.holm(np.empty((2, 0)), 0.1)[0].shape == (2, 0)


def first(limit, holds):
    return next((n for n in range(1, limit + 1) if holds(n)), None)


@pytest.mark.parametrize("claimed", [0.0, 0.1, 0.3])
@pytest.mark.parametrize("level", [0.05, 0.0011])
@pytest.mark.parametrize("x_n", [(0, 0), (0, 16), (1, 16), (2, 16), (3, 7), (7, 7)])
def test_trials_to_decide_is_the_first_that_does(x_n, claimed, level):
    x, n = x_n
    decides = first(300, lambda k: s.binomial_upper(-(-k * x // max(n, 1)), k, level) <= claimed)
    assert s.trials_to_decide(x, n, claimed, level, limit=300) == decides
    refutes = first(300, lambda k: n and s.binomial_lower(k * x // n, k, level) > claimed)
    assert s.trials_to_refute(x, n, claimed, level, limit=300) == refutes


def test_trials_are_sought_up_to_the_limit():
    assert [s.trials_to_decide(0, 16, 0.1, 0.05, limit=k) for k in (28, 29)] == [None, 29]
    assert [s.trials_to_refute(4, 16, 0.1, 0.01, limit=k) for k in (35, 36)] == [None, 36]


@given(st.integers(0, 5), st.integers(6, 60), st.floats(0.05, 0.5), st.floats(1e-6, 0.2))
def test_undecided_asks_for_more_than_it_has(x, n, claimed, level):
    needed = s.trials_to_decide(x, n, claimed, level)
    assert needed is None or (needed > n) == (s.support_p_value(x, n, claimed) > level)


@given(st.floats(0.01, 0.99), st.floats(1e-9, 0.9))
def test_least_trials_without_violations(claimed, level):
    n = s.least_trials(claimed, level)
    assert (1 - claimed) ** n <= level * (1 + 1e-9)
    assert n == 1 or (1 - claimed) ** (n - 1) >= level * (1 - 1e-9)
    assert s.support_p_value(0, n, claimed) <= level < s.support_p_value(0, n - 1, claimed)


def test_least_trials_at_the_ends():
    assert [s.least_trials(p, 0.05) for p in (0.0, 1e-7, 1.0)] == [None, None, 1]
    assert s.least_trials(1e-7, 0.05, limit=10**8) == 29_957_322  # log(0.05) / log(1 - 1e-7) = 29957321.2
    assert s.least_trials(1e-6, 0.05, limit=10**8) == 2_995_731  # ... = 2995730.8


def test_mean_agrees_with_scipy_and_says_little_of_one_draw():
    values = np.random.default_rng(3).normal(0.4, 2.0, (50, 3))
    low, high = s.mean_interval(values, 0.01)
    interval = stats.ttest_1samp(values, 0.1).confidence_interval(0.99)
    np.testing.assert_allclose([low, high], [interval.low, interval.high], rtol=1e-12)
    np.testing.assert_allclose(s.mean_p_value(values, 0.1), stats.ttest_1samp(values, 0.1).pvalue, rtol=1e-10)
    assert s.mean_interval([2.0], 0.05) == (-math.inf, math.inf)
    assert s.mean_p_value([2.0], 0.0) == 1
    assert (s.mean_p_value([2.0, 2.0], 2.0), s.mean_p_value([2.0, 2.0], 2.5)) == (1, 0)


def test_randomised_pit_is_uniform_under_the_claim_and_small_off_it():
    """False alarm 1e-6: 400 p-values against the uniform law."""
    rng = np.random.default_rng(11)
    p = np.array([0.02, 0.5, 0.97] * 20)  # few distinct outcomes, where an unrandomised transform is far off
    values = [s.randomised_pit_p_value(rng.binomial(3, p), 3, p, key=k) for k in range(400)]
    assert stats.kstest(values, "uniform").pvalue > 1e-6
    x = rng.binomial(20, 0.3, 500)
    assert s.randomised_pit_p_value(x, 20, 0.3, key=0) == s.randomised_pit_p_value(x, 20, 0.3, key=0)
    overdispersed = rng.binomial(20, rng.beta(3, 7, 500))
    assert s.randomised_pit_p_value(overdispersed, 20, 0.3, key=0) < 1e-6


def test_distance_from_the_uniform_law_agrees_with_scipy():
    values = np.random.default_rng(5).beta(1, 1.5, (30, 4))
    expected = [stats.kstest(column, "uniform", method="exact") for column in values.T]
    np.testing.assert_allclose(s.uniform_distance(values), [fit.statistic for fit in expected], rtol=1e-12)
    np.testing.assert_allclose(s.uniform_p_value(s.uniform_distance(values), 30), [fit.pvalue for fit in expected])
    assert s.uniform_distance([0.0]) == s.uniform_distance([1.0]) == 1
    ends = s.randomised_pit(np.arange(4)[:, None], 3, 0.3, [0.0, 1.0])
    assert np.allclose(ends[1:, 0], ends[:-1, 1])  # the pieces fill [0, 1]
    assert (ends[0, 0], ends[-1, 1]) == pytest.approx((0, 1))


def test_levels_of_all_looks_sum_to_the_level():
    looks = np.arange(1, 10**6)
    assert s.look_level(0.05, looks).sum() == pytest.approx(0.05 * (1 - 1e-6), rel=1e-9)
    assert s.look_level(0.05, 1) == 0.025
    assert s.look_level(0.05, 10**12) > 0


@pytest.mark.parametrize("p", [0.1, 0.5])
@pytest.mark.parametrize("p_value", [s.support_p_value, s.excess_p_value])
def test_levels_of_looks_keep_the_level_where_peeking_breaks_it(p, p_value):
    """2,000 runs of up to 200 trials, looked at after every 20, at level 0.05; false alarm below 1e-6."""
    runs, trials, level = 2000, 200, 0.05
    outcomes = np.random.default_rng(3).random((trials, runs)) < p
    failures, looked_at = np.cumsum(outcomes, axis=0)[19::20], np.arange(20, trials + 1, 20)[:, None]
    allowed = stats.binom.isf(1e-6, runs, level)
    p_values = np.asarray(p_value(failures, looked_at, p))
    levels = s.look_level(level, np.arange(1, len(p_values) + 1))[:, None]
    assert np.sum((p_values <= levels).any(axis=0)) <= allowed
    assert np.sum((p_values <= level).any(axis=0)) > allowed


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: s.binomial_upper(3, 2, 0.05), "violations <= trials"),
        (lambda: s.binomial_lower(-1, 2, 0.05), "violations <= trials"),
        (lambda: s.binomial_lower(0.5, 2, 0.05), "integers"),
        (lambda: s.binomial_upper(1, 2, 0.0), "level strictly between"),
        (lambda: s.trials_to_decide(1, 2, 0.1, 1.0), "level strictly between"),
        (lambda: s.excess_p_value(1, 2, 1.1), "claimed in"),
        (lambda: s.support_p_value(1, 2, math.nan), "claimed in"),
        (lambda: s.holm([0.1, math.nan], 0.05), "p-values in"),
        (lambda: s.holm(0.1, 0.05), "a vector"),
        (lambda: s.uniform_distance([0.5, 1.5]), "values in"),
        (lambda: s.uniform_distance([]), "at least one"),
        (lambda: s.least_trials(1.5, 0.05), "claimed in"),
        (lambda: s.mean_interval([], 0.05), "finite draws"),
        (lambda: s.mean_p_value([1.0, math.inf], 0.0), "1 not finite"),
        (lambda: s.randomised_pit_p_value([], 3, 0.5, key=0), "at least one"),
        (lambda: s.look_level(0.05, 0), "looks 1, 2"),
        (lambda: s.look_level(0.05, 1.5), "looks 1, 2"),
        (lambda: s.look_level(1.0, 1), "level strictly between"),
    ],
)
def test_wrong_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
