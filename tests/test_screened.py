"""The screened engine against the dense one, its bounds attacked one by one, and what it does when they fail."""

import itertools
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import oracles
import pytest
import tolerances
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import nag_ntk
from nag_ntk import CapacityError, Dataset, Network, draw, near_parallel_pairs, nesterov, seed_key, simulate, sphere
from nag_ntk.engines import choice, screened
from nag_ntk.engines.screened import attempts, order, recursion, run, survey, thresholds
from nag_ntk.engines.screened.state import Common, Fixed, Risk, State, brought, columns_of, spread, stretch, unpack
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


@pytest.fixture
def few_shapes(monkeypatch):
    """Room for all neurons at risk of these tests from the beginning: one compilation whatever the thresholds."""
    usual = run._rounded
    monkeypatch.setattr(run, "_rounded", lambda blocks: max(16, usual(blocks)))


# n, d, width, start: one compilation each
CASES = [(2, 3, 4_000, "extrapolated"), (8, 8, 20_000, "gradient"), (20, 24, 3_000, "gradient")]


@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(case=st.sampled_from(CASES), angle=st.sampled_from((None, 1.0, 0.1, 0.02)), key=st.integers(0, 99))
def test_it_is_the_dense_engine(few_shapes, case, angle, key):
    """Data on the sphere and in near-parallel pairs: kappa from 2 to beyond 10^3."""
    n, d, width, start = case
    data = sphere(n, d, key) if angle is None else near_parallel_pairs(n // 2, angle, d, key)
    found, dense = both(data, tuned(data), width, 2, 60, start=start, key=key)
    assert_agrees(found, dense)
    assert (dense.flips[..., -1] > 0).all()
    assert found.screening.at_risk.shape == (2,)
    assert ((found.screening.held <= 1) | (found.screening.at_risk == width)[:, None]).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n", "width", "steps"), [(2, 200_000, 200), (8, 200_000, 60), (20, 50_000, 40), (50, 20_000, 40)]
)
@pytest.mark.parametrize("start", ["gradient", "extrapolated"])
def test_it_is_the_dense_engine_at_large_widths(n, width, steps, start):
    """On the sphere and, with kappa of hundreds, in near-parallel pairs."""
    data = sphere(n, n, 1) if start == "gradient" else near_parallel_pairs(n // 2, 0.1, n, 2)
    assert_agrees(*both(data, tuned(data), width, 2, steps, start=start))


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
def test_thresholds_too_tight_are_caught_and_repaired(few_shapes, name, monkeypatch):
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


def test_only_the_seeds_that_exceed_are_run_again(few_shapes, monkeypatch):
    data = sphere(8, 8, 0)
    methods = tuned(data)
    usual = simulate(data, methods, 20_000, 2, 60, engine="screened")
    cut = usual.screening.held.max(axis=1).mean() * thresholds.MARGIN
    monkeypatch.setattr(thresholds, "MARGIN", cut)
    again = simulate(data, methods, 20_000, 2, 60, engine="screened")
    assert sorted(again.screening.repeats.tolist()) == [0, 1]
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


@pytest.mark.parametrize("margin", [1.5, 0.01])
def test_zero_steps_and_the_gram_matrix_after_them(margin, monkeypatch):
    """The last H of the path lies beyond the last step: what may flip on the way there counts as well."""
    monkeypatch.setattr(thresholds, "MARGIN", margin)
    data = sphere(3, 3, 0)
    found, dense = both(data, nesterov(0.5, 0.9), 2_000, 2, 0, gram_path=True)
    assert_agrees(found, dense)
    assert (dense.gram_path.drift[..., 1] > tolerances.DIFFERENT).all()
    np.testing.assert_allclose(found.gram_path.drift, dense.gram_path.drift, rtol=0, atol=tolerances.SAME_RUN)
    assert (found.screening.repeats > 0).all() == (margin < 1)


def test_no_target_one_neuron_and_a_dead_sample():
    data = sphere(3, 3, 0)
    assert_agrees(*both(Dataset(data.inputs, np.zeros(3)), nesterov(0.1, 0.5), 1, 2, 8))
    # a dead sample: no neuron sees the first input
    weights = -np.abs(np.random.default_rng(1).standard_normal((40, 2)))
    dead = partial(both, Dataset(np.eye(2), [1.0, -1.0]), nesterov(0.1, 0.5), steps=10)
    assert_agrees(*dead(initial=Network(weights, np.ones(40))))
    # a sign that rounding decides at step 0 is counted, though nothing has moved
    weights[7, 0] = 1e-20
    found, dense = dead(initial=Network(weights, np.ones(40)))
    assert found.undecided[0, 0, 0] == dense.undecided[0, 0, 0] == 1


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


@partial(jax.jit, static_argnums=(0, 2))
def _asked_later(known, problem, blocks, risk, safe, then, now):
    """Sorted at one step and asked at another: neurons, patterns, the prefix, the largest |u|^2, blocks looked at."""
    kernel, none = problem.coordinates @ problem.coordinates.T, jnp.zeros((), jnp.int32)
    fixed = Fixed(jnp.array([0.5, 1.0, 2.0]), jnp.zeros(()))
    risk, safe, found, _ = order.sort(kernel, fixed.thresholds, risk, safe, then, blocks)
    state = State(**dict.fromkeys(State._fields))._replace(
        risk=risk, safe=safe, sorted=found, now=now, prefix=none, step=none, majorant=jnp.zeros(3)
    )
    prefix, _ = recursion.reached(known, problem, kernel, fixed, state)
    # the prefix is at this step, the others are at the sorting
    inside = jnp.arange(risk.signs.size) < prefix * (risk.signs.size // blocks)
    movement, speed = brought(risk.active, risk.movement, risk.speed, then, now, now.grown, now.left)
    squares = jnp.sum(movement * (kernel @ movement), axis=0)
    at_step = risk._replace(
        movement=jnp.where(inside, movement, risk.movement), speed=jnp.where(inside, speed, risk.speed)
    )
    begin = jnp.max(jnp.where(inside, squares, 0))
    return risk, safe, prefix, order.largest(kernel, state, at_step, prefix, begin)


def test_nothing_flips_and_nothing_is_larger_beyond_what_is_looked_at():
    """Neurons with memory of any size, the step asked about near the sorting or far; every neuron tried."""
    data, blocks, many, saved = sphere(3, 3, 0), 8, 32, 0
    kernel, width = data.coordinates @ data.coordinates.T, 50
    for seed in range(150):
        rng = np.random.default_rng(seed)
        sizes = 10 ** rng.uniform(-3, 1, 4)
        then = Common(rng.standard_normal(3), rng.standard_normal(3) * sizes[0], np.zeros(()), np.ones(()))
        grown = rng.uniform(0, 3)
        drift = rng.standard_normal(3) * sizes[1]
        now = Common(then.movement * rng.choice([0, 0.5, 1, 2]) + drift, drift, np.array(grown), np.array(0.5))
        # those that are not looked at, for a pattern of the others covers them, stay at rest: nowhere active
        shared, flipped = rng.random((2, many)) < 0.5
        awake = flipped | ~shared
        active, signs = awake & (rng.random((3, many)) < 0.5), rng.choice([-1.0, 1.0], many) / np.sqrt(width)
        memory = awake * (rng.random(many) < 0.5) * sizes[2] * rng.standard_normal((3, many))
        pull = awake * (rng.random(many) < 0.2) * sizes[3] * rng.standard_normal((3, many))
        movement, speed = active * then.movement[:, None] + memory, active * then.speed[:, None] + pull
        z = (2.0 * active - 1) * np.abs(rng.standard_normal((3, many))) * rng.choice([1, 1e4])
        risk = Risk(z + signs * (kernel @ movement), signs, shared, active, movement, speed, flipped)
        safe = rng.integers(0, 8, (2, 1, 4)).astype(np.uint32)
        known, problem = shape(width=width), problem_of(data)
        sorted_risk, patterns, prefix, (square, *looked) = jax.tree.map(
            np.asarray, _asked_later(known, problem, blocks, *jax.tree.map(jnp.asarray, (risk, safe, then, now)))
        )
        memory_speed = sorted_risk.speed - sorted_risk.active * then.speed[:, None]
        later = (
            sorted_risk.movement + sorted_risk.active * (now.movement - then.movement)[:, None] + grown * memory_speed
        )
        flips = ((sorted_risk.origin - sorted_risk.signs * (kernel @ later)) >= 0) != sorted_risk.active
        assert not flips[:, prefix * (many // blocks) :].any(), seed
        alike = np.asarray(unpack(np.moveaxis(patterns, 1, 0).reshape(1, -1), 3)) * now.movement[:, None]
        every = np.concatenate([later, alike], axis=1)
        np.testing.assert_allclose(square, (every * (kernel @ every)).sum(axis=0).max(), rtol=1e-9, err_msg=str(seed))
        saved += (blocks - prefix) + (blocks + 2 - sum(looked))
    assert saved > 300, "everything was looked at"


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


def test_patterns_count_as_memory():
    data = sphere(8, 8, 0)
    check = partial(attempts._check_memory, problem_of(data, tuned(data)), shape(width=10**9), 100)
    check(256, 2, 2**30)
    with pytest.raises(CapacityError, match=r"100000000 patterns"):
        check(10**8, 2, 2**30)


def test_counts_beyond_32_bits(monkeypatch):
    """Costs, indices into one flat array, and neurons."""
    nothing = State(**dict.fromkeys(State._fields))
    risk = Risk(*[None] * 7)._replace(signs=np.zeros(2**20))
    state = nothing._replace(risk=risk, safe=np.zeros((4, 2, 512)), sorted=order.Sorted(*[None] * 8))
    state = state._replace(sorted=state.sorted._replace(margin=np.zeros(2**13)))
    for cost in recursion._costs(state, 50):
        assert float(cost * jnp.asarray(2**20, jnp.int32)) == float(cost) * 2**20
    array, which = jax.ShapeDtypeStruct((2, 2**30), bool), jax.ShapeDtypeStruct((3,), np.int32)
    assert "i64[2,3]" in str(jax.make_jaxpr(columns_of)(array, which))
    monkeypatch.setattr(attempts, "whole_dtype", lambda: np.dtype(np.int32))
    with pytest.raises(CapacityError, match="enable_float64"):
        simulate(sphere(2, 2, 0), nesterov(0.1, 0.5), 2**31, engine="screened", steps=1)


def test_auto_takes_the_screened_engine_for_long_runs_of_wide_networks_only():
    data = sphere(8, 8, 0)
    problem = problem_of(data, tuned(data))
    name = partial(choice.choose, shape(engine="auto", width=10**6), problem)
    assert name(400, 1).engine == "screened"
    assert name(1, 1).engine == "preactivations"
    assert choice.choose(shape(engine="auto", width=200), problem, 400, 4).engine == "preactivations"
    assert choice.choose(shape(engine="weights", width=10**6), problem, 400, 1).engine == "weights"
    assert screened.NAME in choice.NAMES
    # years of drawing are not begun unasked: the dense engine refuses what does not fit
    assert choice.choose(shape(engine="auto", width=10**12), problem, 400, 1).engine == "preactivations"
