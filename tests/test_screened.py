"""The screened engine against the dense one, its bounds attacked one by one, and what it does when they fail."""

import itertools
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import oracles
import pytest
import tolerances
from hypothesis import given, settings
from hypothesis import strategies as st

import nag_ntk
from nag_ntk import CapacityError, Dataset, Network, draw, near_parallel_pairs, nesterov, seed_key, simulate, sphere
from nag_ntk.engines import choice, screened
from nag_ntk.engines.screened import attempts, run, survey, thresholds
from nag_ntk.engines.screened.state import spread, stretch, unpack
from nag_ntk.problem import Problem, Shape

METHODS = ("gradient_descent", "heavy_ball", "nesterov")
seeds = st.integers(0, 2**32 - 1)


def tuned(data, names=METHODS):
    return [nag_ntk.theorem_tuning(name, data) for name in names]


def shape(**changes):
    """A Shape of the compiled part, for tests of what lies below simulate."""
    usual = {
        "engine": "screened",
        "start": "gradient",
        "steps": 1,
        "recursion": False,
        "dtype": "float64",
        "devices": 1,
    }
    return Shape(**{**usual, **changes})


def problem_of(data, methods=(), radii=()):
    coefficients = np.array([m[1:] for m in methods], dtype=float).reshape(-1, 4)
    parts = (data.coordinates, data.targets, coefficients, np.array(radii, float), np.zeros(0))
    return Problem(*map(jnp.asarray, parts), jnp.asarray(0, jnp.uint32))


def assert_agrees(found, dense, recursion=False):
    """Same draws, residual and distance to 1e-12, flips and counts exactly, until rounding decides a sign."""
    assert found.engine == "screened"
    assert found.weights_digest == dense.weights_digest
    until = int(np.argmax((dense.undecided > 0).any(axis=(0, 1)))) if dense.undecided.any() else dense.steps + 1
    assert until > dense.steps // 2, "nothing would be compared"
    for name in ("residual", "distance", "flip_reach"):
        first, second = (getattr(x, name)[:, :, :until] for x in (found, dense))
        np.testing.assert_allclose(first, second, rtol=0, atol=tolerances.SAME_RUN, err_msg=name)
    np.testing.assert_array_equal(found.flips[:, :, :until], dense.flips[:, :, :until])
    for name in ("initial_gram", "mean_size", "mean_square"):
        first, second = getattr(found, name), getattr(dense, name)
        np.testing.assert_allclose(first, second, rtol=tolerances.KERNEL, atol=tolerances.KERNEL)
    np.testing.assert_array_equal(found.near_boundary, dense.near_boundary)
    for first, second in zip(found.overlap_range, dense.overlap_range, strict=True):
        np.testing.assert_allclose(first, second, rtol=0, atol=tolerances.KERNEL)
    for name in vars(dense.recursion) if recursion else ():
        first, second = (getattr(x.recursion, name)[:, :, :until] for x in (found, dense))
        np.testing.assert_allclose(first, second, rtol=0, atol=tolerances.SAME_RUN, err_msg=name)


def both(data, methods, *arguments, **options):
    return [simulate(data, methods, *arguments, engine=engine, **options) for engine in ("screened", "preactivations")]


# n, d, width: one compilation each
SIZES = {2: (2, 3, 4_000), 8: (8, 8, 20_000), 20: (20, 24, 3_000)}


@settings(max_examples=6)
@given(
    size=st.sampled_from(list(SIZES)), angle=st.sampled_from((None, 1.0, 0.1, 0.02)),
    start=st.sampled_from(("gradient", "extrapolated")), key=st.integers(0, 99),
)  # fmt: skip
def test_it_is_the_dense_engine(size, angle, start, key):
    """Data on the sphere and in near-parallel pairs: kappa from 2 to beyond 10^3."""
    n, d, width = SIZES[size]
    data = sphere(n, d, key) if angle is None else near_parallel_pairs(n // 2, angle, d, key)
    found, dense = both(data, tuned(data), width, 2, 60, start=start, key=key)
    assert_agrees(found, dense)
    assert (dense.flips[..., -1] > 0).all()
    assert found.screening.at_risk.shape == (2,)
    assert ((found.screening.held <= 1) | (found.screening.at_risk == width)[:, None]).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n", "width", "steps"), [(2, 200_000, 300), (8, 200_000, 300), (20, 100_000, 100), (50, 20_000, 150)]
)
@pytest.mark.parametrize("start", ["gradient", "extrapolated"])
def test_it_is_the_dense_engine_at_large_widths(n, width, steps, start):
    for data in (sphere(n, n, 1), near_parallel_pairs(n // 2, 0.1, n, 2), nag_ntk.digits(n)):
        assert_agrees(*both(data, tuned(data), width, 3, steps, start=start))


@pytest.fixture
def short_blocks(monkeypatch):
    """Blocks of 16 neurons and of few patterns: sorted many times even in small networks."""
    monkeypatch.setattr(run, "block_length", lambda n: 16)
    monkeypatch.setattr(run, "PATTERNS", 32)
    yield
    jax.clear_caches()


def test_all_that_is_recorded_agrees_with_many_blocks_and_many_flips(short_blocks):
    data = Dataset(oracles.unit_rows(np.random.default_rng(3), 6, 4), np.random.default_rng(4).standard_normal(6) * 2)
    methods = [*tuned(data), nag_ntk.nesterov_increasing(0.2), nag_ntk.Method("unequal", 0.1, 0.7, 0.3)]
    options = {"recursion": True, "gram_path": True, "radii": (0.0, 0.1, 0.5), "overlap_radii": (0.05,), "chunk": 37}
    found, dense = both(data, methods, 700, 3, 150, **options)
    assert_agrees(found, dense, recursion=True)
    assert dense.flips.max() > 100
    for name in ("drift", "least_eigenvalue"):
        first, second = getattr(found.gram_path, name), getattr(dense.gram_path, name)
        np.testing.assert_allclose(first, second, rtol=0, atol=tolerances.SAME_RUN)


@pytest.mark.parametrize("name", METHODS)
def test_thresholds_too_tight_are_caught_and_repaired(name, monkeypatch):
    """A twentieth of the linear model's prediction: without the check the result is another, with it the same."""
    data = sphere(8, 8, 0)
    methods = tuned(data, (name,))
    dense = simulate(data, methods, 20_000, [5], 60, engine="preactivations")
    monkeypatch.setattr(thresholds, "MARGIN", 0.05)
    found = simulate(data, methods, 20_000, [5], 60, engine="screened")
    assert 1 <= found.screening.repeats[0] < attempts.REPEATS
    assert found.screening.held.max() <= 1
    assert found.screening.at_risk[0] < 20_000
    assert_agrees(found, dense)
    # the same thresholds, accepted unchecked
    inner = attempts.accepted
    monkeypatch.setattr(attempts, "accepted", lambda *_: True)
    wrong = simulate(data, methods, 20_000, [5], 60, engine="screened")
    monkeypatch.setattr(attempts, "accepted", inner)
    assert wrong.screening.repeats[0] == 0
    assert wrong.screening.held.max() > 1
    assert np.abs(wrong.residual - dense.residual).max() > tolerances.DIFFERENT


def test_only_the_seeds_that_exceed_are_run_again(monkeypatch):
    data = sphere(8, 8, 0)
    methods = tuned(data)
    usual = simulate(data, methods, 20_000, 4, 40, engine="screened")
    cut = np.sort(usual.screening.held.max(axis=1))[1:3].mean() * thresholds.MARGIN
    monkeypatch.setattr(thresholds, "MARGIN", cut)
    again = simulate(data, methods, 20_000, 4, 40, engine="screened")
    assert sorted(again.screening.repeats.tolist()) == [0, 0, 1, 1]
    np.testing.assert_allclose(again.residual, usual.residual, rtol=0, atol=tolerances.SAME_RUN)
    np.testing.assert_array_equal(again.flips, usual.flips)


def test_a_step_size_beyond_stability_puts_everything_at_risk_and_agrees():
    data = sphere(4, 4, 0)
    method = nag_ntk.gradient_descent(8 / data.spectrum.lambda_top)
    found, dense = both(data, method, 600, 2, 10)  # beyond, every rounding error is magnified eightfold per step
    assert_agrees(found, dense)
    assert dense.flips.max() > 100
    assert (found.screening.at_risk == 600).all()


def test_a_run_that_leaves_the_floating_range_does_so_in_both_engines():
    data = sphere(3, 3, 0)
    found, dense = both(data, nag_ntk.gradient_descent(1e200), 100, 1, 12)
    np.testing.assert_array_equal(np.isfinite(found.residual), np.isfinite(dense.residual))
    assert not np.isfinite(dense.residual[..., -1, :]).any()


def test_given_networks_of_any_scale(short_blocks):
    """Weights far from the law: the first thresholds come from the network's own residual."""
    rng, data = np.random.default_rng(0), sphere(5, 6, 3)
    for scale in (0.05, 1.0, 30.0):
        weights, signs = oracles.network(rng, 300, 6)
        found, dense = both(data, tuned(data), steps=30, initial=Network(scale * weights, signs))
        assert_agrees(found, dense)


def test_zero_steps_no_target_and_one_neuron():
    data = sphere(3, 3, 0)
    assert_agrees(*both(data, tuned(data), 2_000, 2, 0))
    assert_agrees(*both(Dataset(data.inputs, np.zeros(3)), nesterov(0.1, 0.5), 1, 2, 8))
    # a dead sample: no neuron sees the first input
    weights = -np.abs(np.random.default_rng(1).standard_normal((40, 2)))
    found, dense = both(
        Dataset(np.eye(2), [1.0, -1.0]), nesterov(0.1, 0.5), steps=10, initial=Network(weights, np.ones(40))
    )
    assert_agrees(found, dense)


def test_more_samples_than_two_words_of_pattern_and_float32():
    data = sphere(70, 3, 0)
    assert_agrees(*both(data, nesterov(0.01, 0.5), 500, 1, 12))
    small = sphere(6, 6, 1)
    found, dense = both(small, tuned(small), 5_000, 2, 30, dtype="float32")
    assert found.residual.dtype == np.float32
    assert found.weights_digest == dense.weights_digest
    np.testing.assert_allclose(found.residual, dense.residual, rtol=0, atol=tolerances.SINGLE)


def test_a_survey_is_the_sum_over_the_drawn_network(monkeypatch):
    """Several spans, the last one not full."""
    monkeypatch.setattr(survey, "span", lambda n: 2)
    data = sphere(40, 5, 2)
    problem, known = problem_of(data, radii=(0.1, 0.4)), shape(width=5_000)
    limits = np.linspace(0.001, 0.003, 40)
    found = survey.survey(known, problem, limits, 7)
    weights, signs = (np.asarray(part) for part in draw(seed_key(0, 7), 5_000, 5))
    z = weights @ data.coordinates.T
    at_risk = (np.abs(z) <= limits).any(axis=1)
    np.testing.assert_array_equal(found.counts, (z >= 0).astype(int).T @ (z >= 0))
    np.testing.assert_allclose(found.outputs, signs @ np.maximum(z, 0) / np.sqrt(5_000), atol=tolerances.KERNEL)
    np.testing.assert_allclose(found.size, np.linalg.norm(weights, axis=1).max(), rtol=tolerances.KERNEL)
    np.testing.assert_allclose(found.origin, z[at_risk].T, atol=tolerances.KERNEL)
    np.testing.assert_allclose(found.signs, signs[at_risk] / np.sqrt(5_000))
    np.testing.assert_array_equal(np.asarray(unpack(found.codes.T, 40)), (z[at_risk] >= 0).T)
    left = {tuple(row) for row in np.asarray(unpack(found.patterns.T, 40)).T.tolist()}
    assert left == {tuple(row) for row in (z[~at_risk] >= 0).tolist()}
    assert len(left) == len(found.patterns) < 5_000, "40 lines of a plane cut it into few cells"


@given(seed=seeds)
def test_spread_and_stretch_bound_what_any_pattern_can_do(seed):
    rng = np.random.default_rng(seed)
    rows = oracles.unit_rows(rng, 5, rng.integers(1, 6))
    kernel, change = rows @ rows.T, rng.standard_normal(5) * rng.integers(0, 2, 5)
    patterns = np.array(list(itertools.product((0.0, 1.0), repeat=5)))
    moved = np.abs((patterns * change) @ kernel).max(axis=0)
    np.testing.assert_allclose(spread(kernel, change), moved, atol=tolerances.KERNEL)
    longest = np.linalg.norm((patterns * change) @ rows, axis=1).max()
    assert longest <= stretch(kernel, change) * (1 + tolerances.KERNEL) + tolerances.KERNEL


def test_the_law_of_the_outputs_at_initialisation():
    data = sphere(3, 4, 0)
    outputs = simulate(data, nesterov(0.1, 0.1), 400, 2_000, 0).residual[:, 0, 0] + data.targets
    wanted = thresholds.output_covariance(data.inputs)
    assert np.abs(np.cov(outputs.T) - wanted).max() < tolerances.SIGMAS * 2 * 0.5 / np.sqrt(2_000)


def test_neurons_at_risk_beyond_the_memory_are_refused(monkeypatch):
    data = sphere(8, 8, 0)
    with pytest.raises(CapacityError, match=r"may be used"):
        simulate(data, tuned(data), 10**9, 1, 200, engine="screened", memory_limit=2**24)
    # found out only after the thresholds were widened
    monkeypatch.setattr(thresholds, "MARGIN", 0.001)
    with pytest.raises(CapacityError, match=r"neurons at risk .* may be used"):
        simulate(data, tuned(data), 10**6, 1, 20, engine="screened", memory_limit=2**24)


def test_auto_takes_the_screened_engine_for_long_runs_of_wide_networks_only():
    data = sphere(8, 8, 0)
    problem = problem_of(data, tuned(data))
    name = partial(choice.choose, shape(engine="auto", width=10**6), problem)
    assert name(400, 1).engine == "screened"
    assert name(1, 1).engine == "preactivations"
    assert choice.choose(shape(engine="auto", width=200), problem, 400, 4).engine == "preactivations"
    assert choice.choose(shape(engine="weights", width=10**6), problem, 400, 1).engine == "weights"
    assert screened.NAME in choice.NAMES
