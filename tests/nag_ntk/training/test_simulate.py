"""simulate against a NumPy training loop, against itself in every other arrangement, its identities and limits."""

import os
import re
import subprocess
import sys
from pathlib import Path

import chex
import jax
import jaxtyping
import numpy as np
import oracles
import pytest
import tolerances
from hypothesis import given, settings
from hypothesis import strategies as st
from tiers import family

import nag_ntk
from nag_ntk import (
    CapacityError,
    Dataset,
    InputError,
    Method,
    Network,
    draw,
    gradient_descent,
    heavy_ball,
    nesterov,
    nesterov_increasing,
    seed_key,
    simulate,
    theorem_tuning,
)
from nag_ntk.engines.dense import begin, step

ENGINES, STARTS = ("weights", "preactivations"), ("gradient", "extrapolated")
EVERY = (*ENGINES, "screened")
SOME = family(EVERY, ENGINES.__contains__)
"""The screened engine, slow to compile, is compared with the dense one in the plain run (test_screened.py)."""
WIDTH, STEPS = 12, 15
seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=8)
# one compilation per bucket: n < d, n > d, rank deficient by repeated and reversed rows, and the line
BUCKETS = {"wide": (4, 6), "tall": (6, 3), "deficient": (5, 7), "line": (3, 1)}
STUDY = [gradient_descent(0.1), heavy_ball(0.1, 0.8), nesterov(0.08, 0.8), Method("unequal", 0.1, 0.7, 0.3)]


def rows_of(bucket, rng):
    n, d = BUCKETS[bucket]
    rows = oracles.unit_rows(rng, n, d)
    if bucket == "deficient":
        rows[1], rows[3] = rows[0], -rows[2]
    return rows


def random_methods(rng, n):
    """Stable members of the family; the last one has gamma != beta and momentum that grows."""
    eta, beta, gain = rng.uniform(0.05, 0.8) / n, rng.uniform(0.0, 0.95), rng.uniform(0.0, 0.9)
    return [heavy_ball(eta, beta), nesterov(eta, beta), Method("unequal", eta, beta, gain, rng.uniform(0.0, 4.0))]


def assert_same_run(first, second, atol=tolerances.SAME_RUN):
    """Residuals and distances to rounding, flips exactly."""
    chex.assert_trees_all_close((first.residual, first.distance), (second.residual, second.distance), rtol=0, atol=atol)
    np.testing.assert_array_equal(first.flips, second.flips)


def assert_all_identical(first, second):
    for name in ("residual", "flips", "undecided", "distance", "flip_reach", "initial_gram", "mean_size"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name), err_msg=name)
    assert first.weights_digest == second.weights_digest


@pytest.mark.parametrize(
    ("bucket", "start"),
    family(zip(BUCKETS, STARTS * 2, strict=True), lambda case: case[0] == "deficient"),
)
@few
@given(seed=seeds)
def test_both_engines_are_the_numpy_training_loop(bucket, start, seed):
    """Full weight space and stored iterates against two sequences in the span of the inputs."""
    rng = np.random.default_rng(seed)
    rows = rows_of(bucket, rng)
    targets, (weights, signs) = rng.standard_normal(len(rows)), oracles.network(rng, WIDTH, rows.shape[1])
    methods, data = random_methods(rng, len(rows)), Dataset(rows, targets)
    runs = [
        simulate(
            data, methods, steps=STEPS, engine=engine, start=start, initial=Network(weights, signs), recursion=True
        )
        for engine in ENGINES
    ]
    assert_same_run(*runs)
    for k, method in enumerate(methods):
        expected = oracles.train(rows, targets, weights, signs, method[1:], start, STEPS)
        for run in runs:
            chex.assert_trees_all_close(
                (run.residual[0, k], run.distance[0, k]), (expected.residual, expected.distance),
                rtol=0, atol=tolerances.SAME_RUN,
            )  # fmt: skip
            assert run.flips[0, k].tolist() == expected.flips.tolist()
            check_recursion_terms(run, k, rows, signs, expected, start)


def check_recursion_terms(run, k, rows, signs, expected, start):
    """H(t) xi(t), H(t, t-1) xi(t-1) and both remainders, from the patterns of the oracle."""
    terms, root = run.recursion, np.sqrt(len(signs))
    for t in (0, 1, STEPS // 2, STEPS):
        before = max(t - 1, 0)
        then, now = expected.patterns[before], expected.patterns[t]
        earlier = expected.residual[before] * (0.0 if t == 0 and start == "extrapolated" else 1.0)
        z_then, z_now = expected.preactivations[before], expected.preactivations[t]
        wanted = {
            "gram_residual": oracles.cross_gram(now, now, rows) @ expected.residual[t],
            "cross_gram_residual": oracles.cross_gram(now, then, rows) @ earlier,
            "forward": signs @ (np.maximum(z_now, 0) - then * z_now) / root,
            "backward": signs @ (np.maximum(z_then, 0) - now * z_then) / root,
        }
        for name, value in wanted.items():
            found = getattr(terms, name)[0, k, t]
            np.testing.assert_allclose(found, value, rtol=0, atol=tolerances.SAME_RUN, err_msg=f"{name} {t}")


@pytest.mark.parametrize("engine", SOME)
def test_textbook_forms_of_nesterov_and_heavy_ball(engine):
    rng = np.random.default_rng(1)
    rows, targets = rows_of("wide", rng), rng.standard_normal(4)
    network, data = Network(*oracles.network(rng, WIDTH, 6)), Dataset(rows, targets)
    methods = [nesterov(0.2, 0.8), heavy_ball(0.2, 0.8)]
    run = simulate(data, methods, steps=STEPS, engine=engine, start="extrapolated", initial=network)
    for k, form in enumerate((oracles.nesterov_two_lines, oracles.polyak_velocity)):
        expected = form(rows, targets, *network, 0.2, 0.8, STEPS)
        np.testing.assert_allclose(run.residual[0, k], expected.residual, rtol=0, atol=tolerances.SAME_RUN)
        np.testing.assert_allclose(run.distance[0, k], expected.distance, rtol=0, atol=tolerances.SAME_RUN)
        assert run.flips[0, k].tolist() == expected.flips.tolist()


@pytest.mark.parametrize("engine", EVERY)
def test_a_neuron_exactly_at_zero_is_active(engine):
    """Exact ties at step 0: such neurons are trained, count in H(0), and flip when they turn negative."""
    rows, targets = np.eye(2), np.array([0.5, -0.5])
    weights, signs = np.array([[0.0, 0.0], [0.0, -1.0], [1.0, 0.0], [1.0, 2.0]]), np.array([1.0, -1.0, -1.0, 1.0])
    data, method = Dataset(rows, targets), nesterov(0.25, 0.5)
    run = simulate(data, method, steps=6, engine=engine, initial=Network(weights, signs))
    expected = oracles.train(rows, targets, weights, signs, method[1:], "gradient", 6)
    np.testing.assert_allclose(run.residual[0, 0], expected.residual, rtol=0, atol=tolerances.SAME_RUN)
    assert run.flips[0, 0].tolist() == expected.flips.tolist()
    assert run.flips[0, 0, 1] > 0
    np.testing.assert_array_equal(run.initial_gram[0], [[1.0, 0.0], [0.0, 0.75]])
    assert run.undecided[0, 0, 0] == 4


@few
@given(seed=seeds, start=st.sampled_from(STARTS))
def test_symmetries_of_samples_neurons_and_inputs(seed, start):
    rng = np.random.default_rng(seed)
    n, d = BUCKETS["tall"]
    rows, targets = rows_of("tall", rng), rng.standard_normal(n)
    (weights, signs), methods = oracles.network(rng, WIDTH, d), random_methods(rng, n)

    def run(rows, targets, weights, signs):
        data = Dataset(rows, targets, normalise=True)
        return simulate(data, methods, steps=STEPS, engine="weights", start=start, initial=Network(weights, signs))

    base = run(rows, targets, weights, signs)
    samples, neurons = rng.permutation(n), rng.permutation(WIDTH)
    permuted = run(rows[samples], targets[samples], weights, signs)
    np.testing.assert_allclose(permuted.residual, base.residual[..., samples], rtol=0, atol=tolerances.SAME_RUN)
    np.testing.assert_array_equal(permuted.flips, base.flips)
    assert_same_run(run(rows, targets, weights[neurons], signs[neurons]), base)
    turn, _ = np.linalg.qr(rng.standard_normal((d, d)))
    assert_same_run(run(rows @ turn, targets, weights @ turn, signs), base)
    assert_same_run(run(rows * rng.uniform(0.1, 9.0, (n, 1)), targets, weights, signs), base)
    # f is even in the sign of everything it is fitted to
    assert_same_run(run(rows, targets, weights, signs), base, atol=0)
    opposite = run(rows, -targets, weights, -signs)
    np.testing.assert_allclose(opposite.residual, -base.residual, rtol=0, atol=tolerances.SAME_RUN)


@few
@given(seed=seeds, start=st.sampled_from(STARTS))
def test_no_momentum_is_gradient_descent(seed, start):
    rng = np.random.default_rng(seed)
    rows = rows_of("deficient", rng)
    data, eta = Dataset(rows, rng.standard_normal(len(rows))), rng.uniform(0.01, 0.2)
    methods = [gradient_descent(eta), heavy_ball(eta, 0.0), nesterov(eta, 0.0)]
    run = simulate(data, methods, WIDTH, [seed], STEPS, start=start)
    for k in (1, 2):
        np.testing.assert_array_equal(run.residual[:, k], run.residual[:, 0])
        np.testing.assert_array_equal(run.distance[:, k], run.distance[:, 0])


@pytest.mark.parametrize("engine", SOME)
def test_increasing_momentum_is_the_textbook_method_with_k_minus_1_over_k_plus_r_minus_1(engine):
    rng = np.random.default_rng(11)
    rows, targets = oracles.unit_rows(rng, 4, 6), rng.standard_normal(4)
    weights, signs = oracles.network(rng, WIDTH, 6)
    given_network = Network(weights, signs)
    for r in (3.0, 5.5):
        expected = oracles.nesterov_two_lines(
            rows, targets, weights, signs, 0.2, lambda k, r=r: (k - 1) / (k + r - 1), STEPS
        )
        method = nesterov_increasing(0.2, r)
        run = simulate(Dataset(rows, targets), method, steps=STEPS, engine=engine, initial=given_network)
        np.testing.assert_allclose(run.residual[0, 0], expected.residual, rtol=0, atol=tolerances.SAME_RUN)
        assert run.flips[0, 0].tolist() == expected.flips.tolist()


@pytest.fixture(scope="module")
def study():
    """Four methods, eight seeds, many flips; with the terms of the recursion."""
    data = Dataset(oracles.unit_rows(np.random.default_rng(3), 6, 4), np.random.default_rng(4).standard_normal(6) * 2)
    runs = {s: simulate(data, STUDY, 64, 8, 40, start=s, recursion=True, radii=(0.0, 0.1, 0.5)) for s in STARTS}
    assert all((run.flips[:, :, -1] > 0).any(axis=0).all() for run in runs.values())
    return data, runs


def defect(run, *, cross="right", gain=None):
    """xi(t+1) minus the right side of the recursion, (s, k, t, n), in units of its rounding bound."""
    eta, beta, gamma = (np.array([getattr(m, f) for m in run.methods])[:, None, None] for f in ("eta", "beta", "gamma"))
    gamma = gamma if gain is None else gain + 0 * gamma
    xi, terms = run.residual, run.recursion
    before = np.concatenate([xi[:, :, :1], xi[:, :, :-1]], axis=2)
    old = terms.cross_gram_residual
    if cross == "of the step before":
        old = np.concatenate([old[:, :, :1], terms.gram_residual[:, :, :-1]], axis=2)
    right = (
        xi[:, :, :-1] + beta * (xi - before)[:, :, :-1] - eta * (1 + gamma) * terms.gram_residual[:, :, :-1]
        + eta * gamma * old[:, :, :-1] + terms.forward[:, :, 1:] + beta * terms.backward[:, :, :-1]
    )  # fmt: skip
    return np.abs(xi[:, :, 1:] - right) / run.recursion_rounding()


@pytest.mark.parametrize("start", STARTS)
def test_the_residual_recursion_holds_within_its_rounding_bound(study, start):
    run = study[1][start]
    assert defect(run).max() <= 1
    assert run.recursion_rounding().max() < 1e-10, "a bound that allowed everything would show nothing"


@pytest.mark.parametrize("start", STARTS)
def test_wrong_recursions_fail_by_far(study, start):
    run = study[1][start]
    for k in (2, 3):  # the methods with gamma > 0
        assert defect(run, cross="of the step before")[:, k].max() > tolerances.WRONG_BY
        assert defect(run, gain=0.0)[:, k].max() > tolerances.WRONG_BY
    assert defect(run, cross="of the step before")[:, :2].max() <= 1


@pytest.mark.parametrize("start", STARTS)
def test_flips_distance_and_reach_obey_their_bounds(study, start):
    data, run = study[0], study[1][start]
    assert not run.flips[..., 0].any()
    assert not run.distance[..., 0].any()
    assert not run.flip_reach[..., 0].any()
    # a flipped pair started within the distance travelled, inputs being of unit norm
    assert (run.flip_reach <= run.distance * (1 + tolerances.SAME_RUN)).all()
    assert ((run.flip_reach > 0) == (run.flips > 0)).all()
    np.testing.assert_allclose(run.flip_fraction, run.flips / (64 * 6))
    np.testing.assert_allclose(run.residual_norm, np.sqrt((run.residual**2).sum(-1)))
    top, norms = np.linalg.norm(data.kernel, 2), run.residual_norm
    for k, method in enumerate(run.methods):
        past = np.cumsum(norms[:, k, :-1], axis=1)
        bound = (1 + 2 * method.gamma) * past + method.gamma * norms[:, k, :1]
        bound = method.eta / (1 - method.beta) * np.sqrt(top / 64) * bound
        assert (run.distance[:, k, 1:] <= bound * (1 + tolerances.SAME_RUN)).all()
    # the majorant of the coefficients bounds every neuron's movement: |u_r| <= sum_i |c_ri|
    assert (run.distance <= run.coefficient_bound.sum(-1) / 8 * (1 + tolerances.SAME_RUN)).all()


def test_what_is_recorded_at_step_zero_comes_from_the_draw(study):
    data, runs = study
    run = runs["gradient"]
    chex.assert_shape(run.near_boundary, (8, 3, 6))
    for s in (0, 7):
        weights, signs = (np.asarray(part) for part in draw(seed_key(0, s), 64, run.rank))
        z = weights @ data.coordinates.T
        active = z >= 0
        np.testing.assert_allclose(
            run.initial_gram[s], oracles.cross_gram(active, active, data.inputs), atol=tolerances.KERNEL
        )
        np.testing.assert_allclose(run.mean_size[s], np.abs(z).mean(0), rtol=tolerances.KERNEL)
        np.testing.assert_allclose(run.mean_square[s], (np.maximum(z, 0) ** 2).mean(0), rtol=tolerances.KERNEL)
        counts = [(np.abs(z) <= radius).sum(0) for radius in (0.0, 0.1, 0.5)]
        np.testing.assert_array_equal(run.near_boundary[s], counts)
        first = signs @ np.maximum(z, 0) / 8 - data.targets
        for k in range(4):
            np.testing.assert_allclose(run.residual[s, k, 0], first, rtol=0, atol=tolerances.SAME_RUN)
        assert np.linalg.eigvalsh(run.initial_gram[s])[0] >= -tolerances.PSD


def test_initial_moments_have_their_expectations():
    """E relu(w.x)^2 = 1/2 and E |w.x| = sqrt(2/pi), over 64 seeds of 256 neurons."""
    data = Dataset(oracles.unit_rows(np.random.default_rng(0), 3, 5), np.zeros(3))
    run = simulate(data, gradient_descent(0.1), 256, 64, 0)
    error = tolerances.SIGMAS / np.sqrt(64 * 256)
    assert np.abs(run.mean_square.mean(0) - 0.5).max() < np.sqrt(1.25) * error
    assert np.abs(run.mean_size.mean(0) - np.sqrt(2 / np.pi)).max() < error
    limit, gram = np.asarray(data.gram_limit), run.initial_gram.mean(0)
    assert np.abs(gram - limit).max() < 0.5 * error


@pytest.mark.parametrize("engine", family(ENGINES, "preactivations".__eq__))
def test_seeds_alone_and_in_a_batch_of_64(engine):
    data = Dataset(oracles.unit_rows(np.random.default_rng(6), 5, 8), np.ones(5))
    batch = simulate(data, STUDY[:3], 40, 64, 20, engine=engine)
    alone = [simulate(data, STUDY[:3], 40, [seed], 20, engine=engine) for seed in range(4)]
    for seed, run in enumerate(alone):
        np.testing.assert_allclose(run.residual[0], batch.residual[seed], rtol=0, atol=tolerances.SAME_RUN)
        np.testing.assert_allclose(run.distance[0], batch.distance[seed], rtol=0, atol=tolerances.SAME_RUN)
        np.testing.assert_array_equal(run.flips[0], batch.flips[seed])
        np.testing.assert_array_equal(run.initial_gram[0], batch.initial_gram[seed])
    assert len({run.weights_digest for run in alone}) == 4
    other = simulate(data, STUDY[:3], 40, [0], 20, engine=engine, key=1)
    assert np.abs(other.residual - alone[0].residual).max() > tolerances.DIFFERENT


def test_a_second_call_of_the_same_shape_compiles_nothing():
    rng, programs = np.random.default_rng(0), (begin._draw_networks, begin._initialise_networks, step.advance)
    before = [program._cache_size() for program in programs]

    def compiled():
        return [program._cache_size() - count for program, count in zip(programs, before, strict=True)]

    def run(index, width):
        data = Dataset(oracles.unit_rows(rng, 3, 7), rng.standard_normal(3))
        methods = [nesterov(0.1 + 0.1 * index, 0.5), Method("any", 0.1, 0.2 * index, 0.1)]
        simulate(data, methods, width, [index, 10 + index], 11, key=index, start="gradient")

    for index in range(3):
        run(index, 17)
        assert compiled() == [1, 1, 1]
    run(3, 19)  # another width of one block of 1,024 neurons: the draw is the same program
    assert compiled() == [1, 2, 2]


def test_with_and_without_jit():
    """From a given network: the draw has its own comparison, and 1,024 neurons drawn without jit take long."""
    rng = np.random.default_rng(2)
    data = Dataset(oracles.unit_rows(rng, 3, 4), np.array([1.0, -1.0, 2.0]))
    arguments = {"steps": 3, "recursion": True, "radii": (0.5,), "initial": Network(*oracles.network(rng, 8, 4))}
    compiled = simulate(data, STUDY[2], **arguments)
    with jax.disable_jit():
        plain = simulate(data, STUDY[2], **arguments)
    assert_same_run(compiled, plain)
    chex.assert_trees_all_close(vars(compiled.recursion), vars(plain.recursion), rtol=0, atol=tolerances.SAME_RUN)
    assert compiled.weights_digest == plain.weights_digest


@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_chunks_change_nothing(chunk):
    data = Dataset(oracles.unit_rows(np.random.default_rng(2), 3, 4), np.array([1.0, -1.0, 2.0]))
    calls = []
    arguments = {"width": 16, "seeds": 3, "steps": 20, "recursion": True}
    whole = simulate(data, STUDY[1:3], **arguments)
    parts = simulate(data, STUDY[1:3], **arguments, chunk=chunk, progress=lambda *pair: calls.append(pair))
    assert_all_identical(whole, parts)
    chex.assert_trees_all_equal(vars(whole.recursion), vars(parts.recursion))
    assert calls[-1] == (63, 63)
    assert [done for done, _ in calls] == sorted({done for done, _ in calls})
    assert len(calls) == -(-21 // min(chunk, 21))


def test_the_smallest_runs():
    data = Dataset([[1.0, 0.0]], [0.5])
    still = simulate(data, STUDY[2], 5, 2, 0)
    assert (still.steps, still.residual.shape) == (0, (2, 1, 1, 1))
    one = simulate(data, STUDY, 1, 2, 3, recursion=True)
    assert (one.residual.shape, one.width, one.rank) == ((2, 4, 4, 1), 1, 1)
    weights, signs = (np.asarray(part) for part in draw(seed_key(0, 1), 1, 1))
    row = data.coordinates
    for k, method in enumerate(STUDY):
        expected = oracles.train(row, data.targets, weights, signs, method[1:], "gradient", 3)
        np.testing.assert_allclose(one.residual[1, k], expected.residual, rtol=0, atol=tolerances.SAME_RUN)


@pytest.mark.slow
def test_auto_takes_the_cheaper_engine():
    few_samples = Dataset(oracles.unit_rows(np.random.default_rng(0), 3, 9), np.zeros(3))
    low_rank = Dataset(oracles.unit_rows(np.random.default_rng(0), 12, 2), np.zeros(12))
    assert simulate(few_samples, STUDY[0], 4, 1, 1).engine == "preactivations"
    assert simulate(low_rank, STUDY[0], 4, 1, 1).engine == "weights"


def test_package_reports_its_seeds_and_methods():
    run = simulate(Dataset([[1.0]], [1.0]), STUDY[:2], 4, [5, 2], 2)
    assert (run.seeds, run.methods, run.width, run.start) == ((5, 2), tuple(STUDY[:2]), 4, "gradient")
    assert run.radii.shape == (0,)
    assert run.recursion is None
    assert nag_ntk.__version__


@pytest.mark.parametrize("float64", family([True, False], lambda switched: switched))
def test_float32_is_kept_and_agrees_with_float64(float64):
    """Gradient descent with eta |H| <= 1 does not amplify errors: they add up, one recursion bound per step."""
    rng = np.random.default_rng(8)
    rows = oracles.unit_rows(rng, 4, 6).astype(np.float32)
    network = Network(*(part.astype(np.float32) for part in oracles.network(rng, 64, 6)))
    data, method = Dataset(rows, np.ones(4)), gradient_descent(0.25)
    exact = simulate(data, method, steps=10, initial=network)
    with jax.enable_x64(float64):
        run = simulate(data, method, steps=10, initial=network, dtype="float32")
        drawn = simulate(data, STUDY[2], 16, 2, 5, dtype="float32", recursion=True)
    for value in (run.residual, run.distance, run.initial_gram, drawn.residual, drawn.recursion.forward):
        assert value.dtype == np.float32
    assert run.dtype == drawn.dtype == "float32"
    allowed = np.sqrt(4) * run.recursion_rounding()[0, 0].sum()
    assert allowed < 1e-2, "or the comparison would show little"
    np.testing.assert_allclose(run.residual, exact.residual, rtol=0, atol=allowed)
    np.testing.assert_allclose(run.distance, exact.distance, rtol=0, atol=allowed)


def test_float64_must_be_switched_on():
    data = Dataset([[1.0]], [1.0])
    for dtype in (None, "float64"):
        with jax.enable_x64(False), pytest.raises(InputError) as caught:
            simulate(data, STUDY[0], 4, dtype=dtype)
        assert "configure()" in str(caught.value)
        assert 'dtype="float32"' in str(caught.value)


def test_what_cannot_fit_is_refused_before_anything_is_drawn(monkeypatch):
    monkeypatch.setattr(step, "initialise", lambda *_: pytest.fail("drawn"))
    data = Dataset([[1.0, 0.0], [0.6, 0.8]], [1.0, -1.0])
    with pytest.raises(CapacityError, match=r"needs about .* but .* may be used: no width would fit: lower seeds"):
        simulate(data, STUDY, 100, 2, memory_limit=2e4)
    with pytest.raises(CapacityError):
        simulate(data, STUDY, 10**12, 1, engine="preactivations")


@pytest.mark.parametrize("engine", SOME)
def test_the_width_that_is_named_fits_and_one_a_little_wider_does_not(engine):
    data, method, limit = nag_ntk.sphere(8, 8, 0), nag_ntk.nesterov(0.1, 0.5), 2.0**24

    def told(width):
        try:
            simulate(data, method, width, 1, 20, engine=engine, memory_limit=limit)
        except CapacityError as error:
            return int(re.search(r"a width of ([\d,]+) would fit", str(error))[1].replace(",", ""))
        return None

    named = told(10**8)
    assert named is not None
    assert told(named) is None
    wider = told(round(1.01 * named) + (4 * named if engine == "screened" else 0))  # columns come in rounded numbers
    assert wider is not None
    assert wider <= 1.01 * named


@pytest.mark.slow
def test_a_low_memory_limit_splits_the_seeds_and_changes_nothing():
    data, calls = Dataset([[1.0, 0.0], [0.6, 0.8]], [1.0, -1.0]), []
    whole = simulate(data, STUDY[2], 500, 8, 6)
    state = 8 * 500 * (2 + 1 + 2 * 2)
    limit = 8.0 * 500 * (4 + 12 + 8) + 6 * state + 30_000  # room for about three of eight seeds at a time
    parts = simulate(data, STUDY[2], 500, 8, 6, memory_limit=limit, progress=lambda *pair: calls.append(pair))
    assert len(calls) > 1
    assert calls[-1] == (56, 56)
    assert_all_identical(whole, parts)


TWO_DEVICES = """
import sys
import jax
jax.config.update("jax_num_cpu_devices", 2)
import numpy as np
import nag_ntk
nag_ntk.enable_float64()
assert len(jax.devices()) == 2
data = nag_ntk.Dataset(np.load(sys.argv[1]), [1.0, -1.0, 2.0])
run = nag_ntk.simulate(data, nag_ntk.nesterov(0.1, 0.8), 30, 5, 12)
np.savez(sys.argv[2], residual=run.residual, distance=run.distance, flips=run.flips, digest=run.weights_digest)
"""


def test_two_devices_give_the_run_of_one(tmp_path):
    """An odd number of seeds: the padded one must not show."""
    rows = oracles.unit_rows(np.random.default_rng(2), 3, 4)
    np.save(tmp_path / "rows.npy", rows)
    root = str(Path(nag_ntk.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": root, "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-c", TWO_DEVICES, str(tmp_path / "rows.npy"), str(tmp_path / "run.npz")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    one = simulate(Dataset(rows, [1.0, -1.0, 2.0]), nesterov(0.1, 0.8), 30, 5, 12)
    with np.load(tmp_path / "run.npz") as two:
        np.testing.assert_allclose(two["residual"], one.residual, rtol=0, atol=tolerances.SAME_RUN)
        np.testing.assert_allclose(two["distance"], one.distance, rtol=0, atol=tolerances.SAME_RUN)
        np.testing.assert_array_equal(two["flips"], one.flips)
        assert str(two["digest"]) == one.weights_digest


NAN, INF = float("nan"), float("inf")
LINE = Dataset([[1.0]], [1.0])
BAD_METHODS = {
    "eta 0": (lambda: gradient_descent(0.0), ["step size eta", "0.0"]),
    "eta negative": (lambda: heavy_ball(-0.1, 0.5), ["heavy_ball", "step size eta", "-0.1"]),
    "eta nan": (lambda: nesterov(NAN, 0.5), ["nesterov", "eta", "nan"]),
    "eta infinite": (lambda: gradient_descent(INF), ["eta", "inf"]),
    "eta text": (lambda: gradient_descent("big"), ["eta", "'big'"]),
    "eta complex": (lambda: gradient_descent(1j), ["eta", "1j"]),
    "beta 1": (lambda: heavy_ball(0.1, 1.0), ["momentum beta", "[0, 1)", "1.0"]),
    "beta negative": (lambda: nesterov(0.1, -0.1), ["momentum beta", "-0.1"]),
    "beta nan": (lambda: nesterov(0.1, NAN), ["momentum beta", "nan"]),
    "beta none": (lambda: nesterov(0.1, None), ["beta", "None"]),
    "unknown": (lambda: theorem_tuning("adam", LINE), ["'adam'", "heavy_ball"]),
    "scale 0": (lambda: theorem_tuning("nesterov", LINE, 0.0), ["eta", "0.0"]),
}


def given_network(weights, signs):
    return {"width": None, "initial": Network(weights, signs)}


BAD_RUNS = {
    "engine": ({"engine": "screened?"}, ["engine", "auto", "'screened?'"]),
    "start": ({"start": "cold"}, ["start", "extrapolated", "'cold'"]),
    "init": ({"init": "symmetric"}, ["init", "independent, antisymmetric", "'symmetric'"]),
    "init and width": ({"init": "antisymmetric", "width": 5}, ["antisymmetric", "width", "even", "got 5"]),
    "init and initial": (
        {**given_network(np.ones((2, 1)), np.ones(2)), "init": "antisymmetric"},
        ["init", "initial", "leave one"],
    ),
    "dtype": ({"dtype": "float16"}, ["dtype", "'float16'"]),
    "no width": ({"width": None}, ["width"]),
    "width 0": ({"width": 0}, ["width", "got 0"]),
    "width true": ({"width": True}, ["width", "True"]),
    "width 1.5": ({"width": 1.5}, ["width", "1.5"]),
    "steps -1": ({"steps": -1}, ["steps", "-1"]),
    "steps 2.0": ({"steps": 2.0}, ["steps", "2.0"]),
    "no seeds": ({"seeds": 0}, ["seeds", "got 0"]),
    "empty seeds": ({"seeds": []}, ["seeds", "at least one"]),
    "double seeds": ({"seeds": [1, 1]}, ["seeds", "distinct"]),
    "negative seed": ({"seeds": [0, -1]}, ["seed", "-1"]),
    "huge seed": ({"seeds": [2**32]}, ["seeds", "2^32"]),
    "negative key": ({"key": -1}, ["key", "-1"]),
    "chunk 0": ({"chunk": 0}, ["chunk", "got 0"]),
    "chunk true": ({"chunk": True}, ["chunk", "True"]),
    "radius": ({"radii": [-0.1]}, ["radii", "-0.1"]),
    "radius nan": ({"radii": [NAN]}, ["radii", "nan"]),
    "no methods": ({"methods": []}, ["methods", "non-empty"]),
    "method by name": ({"methods": ["nesterov"]}, ["methods", "Method"]),
    "raw eta": ({"methods": Method("mine", -1.0, 0.5, 0.0)}, ["mine", "eta"]),
    "raw beta": ({"methods": Method("mine", 1.0, 1.5, 0.0)}, ["mine", "beta"]),
    "raw gamma": ({"methods": Method("mine", 1.0, 0.5, NAN)}, ["mine", "nan"]),
    "other dimension": (given_network(np.ones((2, 3)), np.ones(2)), ["d=3", "d=1"]),
    "signs": (given_network(np.ones((2, 1)), np.array([1.0, 0.5])), ["signs", "neuron 1", "0.5"]),
    "weights nan": (given_network(np.array([[1.0], [NAN]]), np.ones(2)), ["finite", "neuron 1"]),
    "shapes": (given_network(np.ones((2, 1)), np.ones(3)), ["(2, 1)", "(3,)"]),
    "no neurons": (given_network(np.ones((0, 1)), np.ones(0)), ["weights", "(0, 1)"]),
    "text weights": (given_network([["a"]], [1.0]), ["real weights"]),
}


@pytest.fixture
def unchecked():
    """Annotations unchecked, as for a user: what arrives is then what the checks of the package must answer."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


def assert_one_sentence(call, fragments):
    with pytest.raises(InputError) as caught:
        call()
    message = str(caught.value)
    assert "\n" not in message
    assert not re.search(r"\.\s+[A-Z]", message)
    for fragment in fragments:
        assert fragment in message


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("case", BAD_METHODS)
def test_bad_methods_are_named_in_one_sentence(case):
    assert_one_sentence(*BAD_METHODS[case])


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("case", BAD_RUNS)
def test_bad_arguments_are_named_in_one_sentence(case):
    options, fragments = BAD_RUNS[case]
    arguments = {"methods": STUDY[0], "width": 4, "seeds": 1, "steps": 1, **options}
    assert_one_sentence(lambda: simulate(LINE, **arguments), fragments)
