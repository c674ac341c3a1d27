"""The random events of the explicit width: binomial limits, initial outputs, Gram matrix, counts of neurons."""

import math
from fractions import Fraction

import numpy as np
import pytest
from flint import arb, ctx
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import stats

from proofs_check.rigor.comparison.binomial import log_tail_above, upper_count
from proofs_check.rigor.comparison.events import (
    Draw,
    Reached,
    _probabilities,
    events_of_counts,
    flip_matrix,
    gram_deviation,
    output_spread,
)
from proofs_check.rigor.comparison.outward import OUTWARD, spectral_norm_above
from proofs_check.rigor.comparison.paths import own_paths
from proofs_check.rigor.comparison.recursion import masked_sums, masked_variances
from proofs_check.rigor.comparison.responses import step_numbers
from proofs_check.rigor.comparison.setting import Tuning, geometry

PHI = 1 / math.sqrt(2 * math.pi)


def exact_tail(count: int, trials: int, p: float) -> arb:
    """P(N >= count) as a regularised incomplete beta function, in 200 bits."""
    with ctx.workprec(200):
        return arb(p).beta_lower(arb(count), arb(trials - count + 1), regularized=True)


@given(st.integers(1, 400), st.floats(1e-6, 1 - 1e-6), st.integers(1, 400))
@example(trials=400, p=0.5, count=400)
@example(trials=1, p=0.5, count=1)
@example(trials=209, p=0.5, count=3)
@example(trials=100, p=1e-6, count=1)
def test_tail_is_above_the_exact_one(trials, p, count):
    count = min(count, trials)
    with ctx.workprec(300):
        terms = (arb(p) ** k * (1 - arb(p)) ** (trials - k) * math.comb(trials, k) for k in range(count, trials + 1))
        exact = sum(terms, arb(0)).log()
        for bounded in (False, True):
            bound = float(log_tail_above(np.array(float(count)), trials, np.array(p), bounded))
            assert arb(bound) + 1e-60 > exact


@pytest.mark.parametrize("trials", [50, 30_000, 10**9, 10**12])
@pytest.mark.parametrize("p", [1e-7, 1e-3, 0.3, 0.97])
def test_limits_hold_and_are_tight(trials, p):
    log = -14.0
    count = int(upper_count(trials, np.array(p), log))
    if count < trials:
        assert exact_tail(count + 1, trials, p) < arb(log).exp()
    deviation = max(count - trials * p, 1.0)
    lower = int(trials * p + deviation * 0.96 - 2)
    if lower > trials * p:
        assert exact_tail(lower + 1, trials, p) > arb(log).exp()


@given(st.integers(1, 10**12), st.floats(0, 1), st.floats(-700, -1e-6), st.booleans())
@example(trials=1, p=1.0, log=-1.0, bounded=False)
@example(trials=7, p=0.0, log=-1.0, bounded=True)
@example(trials=2, p=5e-324, log=-1.0, bounded=False)
def test_the_limit_is_the_least_count_that_the_tail_allows(trials, p, log, bounded):
    count = float(upper_count(trials, np.array(p), log, bounded))
    assert 0 <= count <= trials
    assert float(log_tail_above(np.array(count + 1), trials, np.array(p), bounded)) <= log
    assert float(log_tail_above(np.array(count), trials, np.array(p), bounded)) > log


def test_a_sum_of_bounded_variables_needs_the_larger_limit():
    """Pairs of neurons: N = 2 Bin(m/2, p) has another tail than Bin(m, p), and a larger one."""
    single, bounded = (float(upper_count(1000, np.array(0.1), -10.0, flag)) for flag in (False, True))
    assert single < bounded <= 1.06 * single
    pairs = Draw(2000, antisymmetric=True)
    assert pairs.share_above(np.array(0.1), 1e-5) > Draw(2000).share_above(np.array(0.1), 1e-5)
    assert pairs.share_above(np.array(0.1), 1e-5, True) > pairs.share_above(np.array(0.1), 1e-5)


@pytest.mark.parametrize("trials", [0, 1.5, 2**51])
def test_trials_that_cannot_be_counted_are_refused(trials):
    with pytest.raises(ValueError, match="whole number of trials"):
        upper_count(trials, np.array(0.5), -1.0)


def test_a_sure_event_is_refused():
    with pytest.raises(ValueError, match="below 1"):
        upper_count(10, np.array(0.5), 0.0)


@given(st.integers(1, 6), st.randoms(use_true_random=False))
def test_spectral_norm_bound(n, random):
    for sparse in (True, False):
        matrix = np.array(
            [[random.random() * (not sparse or random.random() < 0.5) for _ in range(n)] for _ in range(n)]
        )
        matrix = matrix + matrix.T + (0 if sparse else 0.01)
        bound, norm = spectral_norm_above(matrix), np.linalg.norm(matrix, 2)
        assert norm <= bound * (1 + 1e-14) + 1e-15
        # parts that do not meet are bounded by their row sums
        assert bound <= (matrix.sum(axis=1).max() if sparse else norm) * (1 + 1e-6) + 1e-7


def test_spectral_norm_of_what_is_no_such_matrix():
    assert spectral_norm_above(np.full((2, 2), np.inf)) == np.inf
    assert spectral_norm_above(np.full((2, 2), np.nan)) == np.inf
    for bad in (np.array([[1.0, 2.0], [3.0, 1.0]]), -np.eye(2)):
        with pytest.raises(ValueError, match="symmetric matrix"):
            spectral_norm_above(bad)


@pytest.fixture(scope="module")
def points():
    rng = np.random.default_rng(3)
    x = rng.standard_normal((4, 3))
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def test_geometry_against_its_definitions(points):
    shape = geometry(points)
    weights = np.random.default_rng(0).standard_normal((400_000, 3))
    z = weights @ points.T
    active = (z >= 0).astype(float)
    assert shape.active == pytest.approx(active.T @ active / len(z), abs=4e-3)
    relu = np.maximum(z, 0)
    assert shape.second_moment == pytest.approx(relu.T @ relu / len(z), abs=1e-2)
    kernel = points @ points.T
    assert shape.kernel == pytest.approx(kernel, abs=1e-14)
    assert shape.sine == pytest.approx(np.sqrt(np.maximum(1 - kernel**2, 0)), abs=1e-7)
    values = np.linalg.eigvalsh(shape.gram)
    assert shape.kappa == pytest.approx((values[-1] + values[0] / 4) / (0.75 * values[0]), rel=1e-12)


def test_antipodal_points_have_no_joint_density():
    shape = geometry([[1, 0], [-1, 0], [0, 1]])
    assert shape.sine[0, 1] == 0.0
    assert np.isfinite(shape.second_moment).all()


@pytest.mark.parametrize("antisymmetric", [False, True])
def test_gram_deviation_and_outputs_hold_for_drawn_networks(points, antisymmetric):
    """At a failure probability of 0.2, at most a fifth of 200 networks is beyond the bounds."""
    shape, draw, rng = geometry(points), Draw(400, antisymmetric), np.random.default_rng(5)
    gram, vectors = gram_deviation(shape, draw, 0.2), rng.standard_normal((6, 4))
    spread = output_spread(shape, draw, 6, 0.2)
    ratios = np.zeros((200, 2))
    for trial in range(200):
        weights, signs = rng.standard_normal((400, 3)), rng.choice([-1.0, 1.0], 400)
        if antisymmetric:
            weights[1::2], signs[1::2] = weights[::2], -signs[::2]
        z = weights @ points.T
        active = (z >= 0).astype(float)
        ratios[trial, 0] = (np.abs(shape.kernel * (active.T @ active) / 400 - shape.gram) / gram).max()
        outputs = signs @ np.maximum(z, 0) / 20
        ratios[trial, 1] = (np.abs(vectors @ outputs) / np.maximum(spread.of(vectors), 1e-12)).max()
    assert (ratios > 1).mean(axis=0).max() <= 0.2
    assert ratios[:, 0].max() > 0.6  # the limits are exact
    assert ratios[:, 1].max() < 1e-9 if antisymmetric else ratios[:, 1].max() > 0.3


@pytest.mark.parametrize("functions", [1, 30, 5000])
def test_factors_pay_for_every_function_and_mask(points, functions):
    """Hoeffding: each of N sums of signs is beyond its factor with probability 2 exp(-factor^2/2); a quarter each."""
    spread = output_spread(geometry(points), Draw(100), functions, 0.3)
    assert 2 * functions * math.exp(-(spread.factor**2) / 2) <= 0.3 / 4
    assert 2 * functions * 2**4 * math.exp(-(spread.mask_factor**2) / 2) <= 0.3 / 4


@pytest.mark.parametrize("width", [50, 2000, 10**7])
def test_second_moments_stay_within_their_deviation(points, width):
    """Chernoff's bound with the exact E exp(s relu(z)^2) = (1 + (1 - 2s)^(-1/2))/2 is at least as strong as asked."""
    deviation = output_spread(geometry(points), Draw(width), 1, 0.3).deviation
    s = np.geomspace(1e-7, 0.49, 4000)
    exponent = width * (s * deviation - np.log((1 + (1 - 2 * s) ** -0.5) / 2) + s / 2)
    assert math.log(4 * 5 / (0.3 / 2)) <= exponent.max() <= 3 * math.log(4 * 5 / (0.3 / 2))


def test_masks_have_the_variance_of_the_worst_one(points):
    shape = geometry(points)
    filters = np.random.default_rng(1).standard_normal((2, 4, 4))
    bound, sizes = (
        masked_variances(shape.kernel, filters, shape.second_moment),
        masked_sums(shape.kernel, filters[:, :, 0]),
    )
    for t, matrix in enumerate(filters):
        for i in range(4):
            masks = np.array(np.meshgrid(*[[0, 1]] * 4)).reshape(4, -1).T
            rows = (masks * shape.kernel[i]) @ matrix
            worst = np.einsum("mi,ij,mj->m", rows, shape.second_moment, rows).max()
            assert worst <= bound[t, i] * OUTWARD <= 3 * worst
            assert np.abs((masks * shape.kernel[i]) @ matrix[:, 0]).max() == pytest.approx(sizes[t, i])


@pytest.fixture(scope="module")
def path():
    steps = np.arange(12)[:, None]
    return 3 * (1 - np.exp(-steps * np.array([0.5, 0.2, 1.0, 0.3]))) * np.array([1.0, -1.0, 0.5, -2.0])


def ranges(points, path, j, samples, seed=0):
    """Simulate the range of the own path at sample j given z_j = 0, for both sides, and the patterns."""
    weights = np.random.default_rng(seed).standard_normal((samples, points.shape[1]))
    weights -= np.outer(weights @ points[j], points[j])
    active = (weights @ points.T >= 0).astype(float)
    for side in (0.0, 1.0):
        active[:, j] = side
        f = (active * (points @ points.T)[j]) @ path.T
        yield np.maximum(f.max(axis=1), 0) - np.minimum(f.min(axis=1), 0), active.copy()


def test_own_paths_bound_the_mean_range(points, path):
    shape = geometry(points)
    own = own_paths(shape.kernel, shape.sine, path, np.zeros(len(path)))
    for j in range(4):
        others = np.arange(4) != j
        drawn = list(ranges(points, path, j, 50_000))
        mean = sum(r.mean() for r, _ in drawn) / 2
        joint = sum((r[:, None] * active).mean(axis=0) for r, active in drawn) / 2
        assert mean <= own.range[-1, j] * 1.01
        assert (joint[others] <= own.with_active[-1, others, j] * 1.01).all()
        assert own.range[-1, j] <= 2 * mean
    assert (np.diff(own.range, axis=0) >= 0).all()
    assert own.largest[-1] == pytest.approx(np.abs(path).max(axis=0))


def flips_of(points, path, reached, weights, signs, width):
    """The pairs that flip first along their own path with any extra movement, and those that flip after another."""
    kernel, root = points @ points.T, math.sqrt(width)
    z = weights @ points.T
    active = z >= 0
    first = np.empty_like(active)
    for j in range(len(kernel)):
        moves = -signs[:, None] * ((active * kernel[j]) @ path.T)
        toward = np.where(active[:, j, None], -moves, moves).max(axis=1)  # largest movement towards the boundary
        first[:, j] = np.abs(z[:, j]) * root <= np.maximum(toward, 0) + reached.extra[j]
    reach, size = reached.linear + reached.extra, np.abs(z) * root
    later = first.sum(axis=1, keepdims=True) - first > 0
    after = reach[:, None] + np.abs(kernel) * reached.path
    once = (first[:, None, :] & ~np.eye(len(kernel), dtype=bool) & (size[:, :, None] <= after)).any(axis=2)
    far = np.maximum(np.abs(kernel) @ reached.path, reach)
    several = (first | once).sum(axis=1, keepdims=True) - (first | once) > 1
    return first | once | (later & several & (size <= far)), active


def counted(points, flips, active):
    """B of equation (3)."""
    f, a = flips.astype(float), active.astype(float)
    return np.abs(points @ points.T) * (((1 - f) * a).T @ f + f.T @ np.maximum(f, a)) / len(f)


def reached_by(shape, path, extra, coefficient):
    own = own_paths(shape.kernel, shape.sine, path, np.zeros(len(path)))
    linear = masked_sums(shape.kernel, path).max(axis=0)
    return Reached(
        linear, own.range[-1], own.with_active[-1], own.largest[-1], np.full(4, extra), np.full(4, coefficient)
    )  # fmt: skip


@pytest.mark.parametrize("width", [500, 20_000])
@pytest.mark.parametrize("antisymmetric", [False, True])
def test_flip_matrix_is_above_the_counts_of_drawn_networks(points, path, width, antisymmetric):
    shape, rng = geometry(points), np.random.default_rng(7)
    reached, draw = reached_by(shape, path, 0.3, 3.0), Draw(width, antisymmetric)
    pairs = flip_matrix(shape, width, reached, lambda p, signed: draw.share_above(p, 1e-4, signed), np.zeros((4, 4)))
    worst = 0.0
    for _ in range(30):
        weights, signs = rng.standard_normal((width, 3)), rng.choice([-1.0, 1.0], width)
        if antisymmetric:
            weights[1::2], signs[1::2] = weights[::2], -signs[::2]
        flips, active = flips_of(points, path, reached, weights, signs, width)
        worst = max(worst, (counted(points, flips, active) / pairs.matrix).max())
        assert flips.mean(axis=0).max() <= pairs.flips
    assert 0.1 < worst <= 1


@pytest.mark.parametrize(
    ("width", "extra", "coefficient", "tight"),
    [(10**6, 0.0, 0.0, 0.7), (10**6, 30.0, 0.0, 0.8), (10**5, 1.0, 60.0, 0.1)],
    ids=["own paths", "extra movement", "second flips"],
)
def test_expected_counts_are_below_the_matrix_and_near_it(points, path, width, extra, coefficient, tight):
    """With probabilities in place of their limits, against a large sample of neurons close to a boundary.

    The neurons are drawn at the boundary of each sample in turn: z_j uniform within the reach, weighted by its density.
    """
    shape, rng = geometry(points), np.random.default_rng(2)
    reached = reached_by(shape, path, extra, coefficient)
    matrix = flip_matrix(shape, width, reached, lambda p, _: p, np.zeros((4, 4))).matrix
    far = np.maximum(np.abs(shape.kernel) @ reached.path, reached.linear + reached.extra) / math.sqrt(width)
    expected = np.zeros((4, 4))
    for j in range(4):
        weights, signs = rng.standard_normal((200_000, 3)), rng.choice([-1.0, 1.0], 200_000)
        z = rng.uniform(-far[j], far[j], 200_000)
        weights += np.outer(z - weights @ points[j], points[j])
        flips, active = flips_of(points, path, reached, weights, signs, width)
        # a neuron is met once for every sample in whose strip it lies
        strips = (np.abs(weights @ points.T) <= far).sum(axis=1)
        share = 2 * far[j] * PHI * np.exp(-(z**2) / 2) / strips
        f, a = flips.astype(float), active.astype(float)
        expected += ((1 - f) * a * share[:, None]).T @ f + (f * share[:, None]).T @ np.maximum(f, a)
    ratio = np.abs(shape.kernel) * expected / 200_000 / matrix
    assert ratio.max() <= 1.01
    assert ratio.max() >= tight


def test_second_flips_join_the_rows_and_columns_of_their_samples(points, path):
    shape = geometry(points)
    without, small, large = (
        flip_matrix(shape, 10**6, reached_by(shape, path, 1.0, coefficient), lambda p, _: p, np.zeros((4, 4)))
        for coefficient in (0.0, 50.0, 200.0)
    )
    reached = reached_by(shape, path, 1.0, 10.0)
    rng, root = np.random.default_rng(4), 1000.0
    reach, bound = reached.linear + reached.extra, _probabilities(shape, 10**6, reached)[3]
    for i in range(4):  # P(E_i), with one neuron in the strip of i for each sample
        z = rng.uniform(-1, 1, 400_000) * (reach.max() + 10) / root
        weights = rng.standard_normal((400_000, 3))
        weights += np.outer(z - weights @ points[i], points[i])
        size = np.abs(weights @ points.T) * root
        after = reach[i] + np.abs(shape.kernel[i]) * 10
        second = np.delete((size <= reach) & (size[:, i, None] <= after), i, axis=1).any(axis=1)
        probability = second.mean() * 2 * (reach.max() + 10) / root * PHI
        assert 0.2 * bound[i] < probability <= 1.05 * bound[i]
    added = np.diag(large.matrix - without.matrix)
    rest = large.matrix - without.matrix - shape.kernel_size * (added[:, None] + added[None, :])
    assert rest[~np.eye(4, dtype=bool)] == pytest.approx(np.zeros(12), abs=1e-9)
    assert (small.matrix < large.matrix).all()


def test_exact_arithmetic_of_the_tuning():
    one = Fraction(1)
    step, lift, decay, push = step_numbers(Tuning(0.3, 0.7, 0.7, one / 2, one / 2, one, one, True))
    eta, beta = Fraction(0.3), Fraction(0.7)
    assert Fraction(step) >= eta * (1 + beta)
    assert Fraction(push) >= eta * beta
    assert Fraction(decay) == beta
    assert Fraction(lift) >= eta * beta * beta


@pytest.mark.parametrize("width", [300, 10**5])
def test_gram_matrices_of_nearly_opposite_points_may_lie_further_above_than_below(width):
    """Both patterns are active with probability 0.004: the binomial is skew, and both of its tails are kept small."""
    points = [[1.0, 0.0], [-1.0, 0.025]]
    shape, failure = geometry(points), 0.1
    share = gram_deviation(shape, Draw(width), failure)[0, 1] / shape.kernel_size[0, 1]
    most = math.floor(width * (shape.active[0, 1] + share))
    assert exact_tail(most + 1, width, shape.active[0, 1]) <= failure / 6
    least = math.ceil(width * (shape.active[0, 1] - share))
    assert least <= 0 or exact_tail(width - least + 1, width, 1 - shape.active[0, 1]) <= failure / 6


@pytest.mark.parametrize(("scale", "linear"), [(1.0, None), (0.001, 10.0)], ids=["paths", "extra movement"])
def test_patterns_that_differ_from_those_on_the_boundary_are_paid_for(points, path, scale, linear):
    """What differs between w, as close to the boundary of j as can flip, and its projection on it, on average.

    In the range of an own path, and in this range with the extra movement where i is active.
    """
    shape, rng, width, path = geometry(points), np.random.default_rng(6), 400, scale * path
    reached = reached_by(shape, path, 2.0, 0.0)
    reached = reached if linear is None else reached._replace(linear=np.full(4, linear))
    one, active, *_ = _probabilities(shape, width, reached)
    root = math.sqrt(width)
    paid = one * root / PHI - reached.own - 2 * reached.extra
    paid_active = active * root / PHI - reached.own_active - reached.extra
    kernel, reach = points @ points.T, (reached.linear + reached.extra) / root
    for j in range(4):
        weights, z = rng.standard_normal((50_000, 3)), rng.uniform(-reach[j], reach[j], 50_000)
        weights -= np.outer(weights @ points[j], points[j])
        sizes, masked = [], []
        for moved in (weights, weights + np.outer(z, points[j])):
            a = (moved @ points.T >= 0).astype(float)
            a[:, j] = z >= 0
            f = (a * kernel[j]) @ path.T
            sizes.append(np.maximum(f.max(axis=1), 0) - np.minimum(f.min(axis=1), 0))
            masked.append((sizes[-1] + 2 * reached.extra[j])[:, None] * a)
        others = np.arange(4) != j
        assert 0 < np.abs(sizes[1] - sizes[0]).mean() <= paid[j]
        assert (np.abs(masked[1] - masked[0]).mean(axis=0) <= paid_active[:, j])[others].all()


def test_two_inactive_pairs_near_their_boundaries_have_the_density_of_two_normals(points, path):
    shape, width = geometry(points), 10**10
    reached = reached_by(shape, path, 0.5, 0.0)
    quadrant = _probabilities(shape, width, reached)[2] * width
    reach, kernel = reached.linear + reached.extra, points @ points.T
    for i, j in ((0, 1), (2, 0), (3, 1)):
        density = stats.multivariate_normal(cov=[[1, kernel[i, j]], [kernel[i, j], 1]]).pdf([0, 0])
        assert quadrant[i, j] == pytest.approx(reach[i] * reach[j] * density, rel=1e-6)


def test_flips_after_two_others_are_counted():
    """Nearly orthogonal points: one flip moves the other samples little, two flips move all samples far."""
    points = np.array([[1.0, 0.05, 0.0], [0.0, 1.0, 0.05], [0.05, 0.0, 1.0]])
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    shape, width, one = geometry(points), 150, np.ones(3)
    reached = Reached(one, one, np.outer(one, one) / 2, one, 0 * one, 20 * one)
    size = np.abs(np.random.default_rng(8).standard_normal((1_000_000, 3)) @ points.T) * math.sqrt(width)
    kernel = np.abs(points @ points.T)
    first, far, after = size <= 1, kernel @ reached.path, 1 + 20 * kernel
    flips = first
    for _ in range(3):
        count, only = flips.sum(axis=1, keepdims=True), flips.argmax(axis=1)  # the one that flipped, where it is one
        flips = flips | ((count == 1) & (size <= after[:, only].T)) | ((count > 1) & (size <= far))
    later = (flips & ~first).mean(axis=0)
    assert (later <= _probabilities(shape, width, reached)[3]).all()
    sine = np.where(np.eye(3), np.inf, shape.sine)
    one_before = 4 * (after / sine).sum(axis=1) / (2 * math.pi * width)
    assert (later > 1.03 * one_before).all()  # one flip before them does not explain them


def test_only_properties_of_the_sign_are_counted_with_the_limits_of_pairs_that_differ(points, path):
    """Whether a pair flips first depends on the sign of its neuron; strips around the boundaries do not."""
    reached, asked = reached_by(geometry(points), path, 0.3, 3.0), []

    def share_above(p, signed):
        asked.append((np.asarray(p).copy(), signed))
        return p

    flip_matrix(geometry(points), 2000, reached, share_above, np.zeros((4, 4)))
    one, active, quadrant, second = _probabilities(geometry(points), 2000, reached)
    for expected, signed in ((one, True), (active, True), (quadrant, False), (second, False)):
        assert [flag for p, flag in asked if p.shape == expected.shape and (p == expected).all()] == [signed]


@pytest.mark.parametrize("n", [1, 2, 5])
def test_every_count_of_the_matrix_is_paid_for(n):
    """As many probabilities as `flip_matrix` asks to be exceeded rarely, those that are 0 by symmetry not counted."""
    shape = geometry(np.eye(n) + 0.1)
    reached, asked = Reached(np.ones(n), *(np.full(s, 0.5) for s in ((n,), (n, n), (n,), (n,), (n,)))), []
    flip_matrix(shape, 1000, reached, lambda p, _: asked.append(p) or p, np.zeros((n, n)))
    single, active, later, quadrant = map(np.count_nonzero, asked)
    assert events_of_counts(n) >= single + active + later + quadrant // 2
