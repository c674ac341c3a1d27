"""The parts of the screened engine, its bounds attacked one by one, and its estimate of memory."""

import itertools
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import oracles
import pytest
import tolerances
from hypothesis import given
from hypothesis import strategies as st
from screened_cases import problem_of, shape, tuned

from nag_ntk import CapacityError, draw, nesterov, seed_key, simulate, sphere
from nag_ntk.engines import choice
from nag_ntk.engines.deviation import spread
from nag_ntk.engines.screened import attempts, order, recursion, survey, thresholds
from nag_ntk.engines.screened.state import (
    Common,
    RiskNeurons,
    ScreenedState,
    SeedConstants,
    advance_unflipped,
    stretch,
    take_columns,
    unpack_patterns,
)
from nag_ntk.schedule import schedules

seeds = st.integers(0, 2**32 - 1)


def test_a_survey_is_the_sum_over_the_drawn_network(monkeypatch):
    """Several spans, the last one not full."""
    monkeypatch.setattr(survey, "span", lambda n: 2)
    data = sphere(40, 5, 2)
    inputs, known = problem_of(data, radii=(0.1, 0.4)), shape(width=5_000)
    limits = np.linspace(0.001, 0.003, 40)
    found = survey.survey(known, inputs, limits, 7)
    weights, signs = (np.asarray(part) for part in draw(seed_key(0, 7), 5_000, 5))
    z = weights @ data.coordinates.T
    at_risk = (np.abs(z) <= limits).any(axis=1)
    np.testing.assert_array_equal(found.counts, (z >= 0).astype(int).T @ (z >= 0))
    np.testing.assert_allclose(found.outputs, signs @ np.maximum(z, 0) / np.sqrt(5_000), atol=tolerances.KERNEL)
    np.testing.assert_allclose(found.max_weight, np.linalg.norm(weights, axis=1).max(), rtol=tolerances.KERNEL)
    np.testing.assert_allclose(found.origin, z[at_risk].T, atol=tolerances.KERNEL)
    np.testing.assert_allclose(found.signs, signs[at_risk] / np.sqrt(5_000))
    np.testing.assert_array_equal(np.asarray(unpack_patterns(found.codes.T, 40)), (z[at_risk] >= 0).T)
    remaining = {tuple(row) for row in np.asarray(unpack_patterns(found.patterns.T, 40)).T.tolist()}
    assert remaining == {tuple(row) for row in (z[~at_risk] >= 0).tolist()}
    assert len(remaining) == len(found.patterns) < 5_000, "40 lines of a plane cut it into few cells"


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
def _asked_later(known, inputs, blocks, risk, safe, then, now):
    """Sorted at one step and asked at another: neurons, patterns, the prefix, the largest |u|^2, blocks looked at."""
    kernel, none = inputs.coordinates @ inputs.coordinates.T, jnp.zeros((), jnp.int32)
    constants = SeedConstants(jnp.array([0.5, 1.0, 2.0]), jnp.zeros(()))
    risk, safe, found, _ = order.sort(kernel, constants.thresholds, risk, safe, then, blocks)
    state = ScreenedState(**dict.fromkeys(ScreenedState._fields))._replace(
        risk=risk, safe=safe, last_sort=found, now=now, prefix=none, step=none, majorant=jnp.zeros(3)
    )
    prefix, _ = recursion.blocks_to_evaluate(known, inputs, kernel, constants, state)
    # the prefix is at this step, the others are at the sorting
    inside = jnp.arange(risk.signs.size) < prefix * (risk.signs.size // blocks)
    movement, momentum = advance_unflipped(
        risk.active, risk.movement, risk.momentum, then, now, now.memory_factor, now.memory_decay
    )
    squares = jnp.sum(movement * (kernel @ movement), axis=0)
    at_step = risk._replace(
        movement=jnp.where(inside, movement, risk.movement), momentum=jnp.where(inside, momentum, risk.momentum)
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
        memory_factor = rng.uniform(0, 3)
        drift = rng.standard_normal(3) * sizes[1]
        now = Common(then.movement * rng.choice([0, 0.5, 1, 2]) + drift, drift, np.array(memory_factor), np.array(0.5))
        # those that are not looked at, for a pattern of the others covers them, stay at rest: nowhere active
        shared, flipped = rng.random((2, many)) < 0.5
        awake = flipped | ~shared
        active, signs = awake & (rng.random((3, many)) < 0.5), rng.choice([-1.0, 1.0], many) / np.sqrt(width)
        memory = awake * (rng.random(many) < 0.5) * sizes[2] * rng.standard_normal((3, many))
        pull = awake * (rng.random(many) < 0.2) * sizes[3] * rng.standard_normal((3, many))
        movement, momentum = active * then.movement[:, None] + memory, active * then.momentum[:, None] + pull
        z = (2.0 * active - 1) * np.abs(rng.standard_normal((3, many))) * rng.choice([1, 1e4])
        risk = RiskNeurons(z + signs * (kernel @ movement), signs, shared, active, movement, momentum, flipped)
        safe = rng.integers(0, 8, (2, 1, 4)).astype(np.uint32)
        known, inputs = shape(width=width), problem_of(data)
        sorted_risk, patterns, prefix, (square, *looked) = jax.tree.map(
            np.asarray, _asked_later(known, inputs, blocks, *jax.tree.map(jnp.asarray, (risk, safe, then, now)))
        )
        memory_momentum = sorted_risk.momentum - sorted_risk.active * then.momentum[:, None]
        later = (
            sorted_risk.movement
            + sorted_risk.active * (now.movement - then.movement)[:, None]
            + memory_factor * memory_momentum
        )
        flips = ((sorted_risk.origin - sorted_risk.signs * (kernel @ later)) >= 0) != sorted_risk.active
        assert not flips[:, prefix * (many // blocks) :].any(), seed
        alike = np.asarray(unpack_patterns(np.moveaxis(patterns, 1, 0).reshape(1, -1), 3)) * now.movement[:, None]
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
    nothing = ScreenedState(**dict.fromkeys(ScreenedState._fields))
    risk = RiskNeurons(*[None] * 7)._replace(signs=np.zeros(2**20))
    state = nothing._replace(risk=risk, safe=np.zeros((4, 2, 512)), last_sort=order.Sorted(*[None] * 8))
    state = state._replace(last_sort=state.last_sort._replace(margin=np.zeros(2**13)))
    for cost in recursion._costs(state, 50):
        assert float(cost * jnp.asarray(2**20, jnp.int32)) == float(cost) * 2**20
    array, which = jax.ShapeDtypeStruct((2, 2**30), bool), jax.ShapeDtypeStruct((3,), np.int32)
    assert "i64[2,3]" in str(jax.make_jaxpr(take_columns)(array, which))
    monkeypatch.setattr(attempts, "integer_dtype", lambda: np.dtype(np.int32))
    with pytest.raises(CapacityError, match="enable_float64"):
        simulate(sphere(2, 2, 0), nesterov(0.1, 0.5), 2**31, engine="screened", steps=1)


def test_auto_takes_the_screened_engine_for_long_runs_of_wide_networks_only():
    data = sphere(8, 8, 0)
    inputs = problem_of(data, tuned(data))
    long, short = (schedules(tuned(data), steps) for steps in (400, 1))
    name = partial(choice.choose_engine, shape(engine="auto", width=10**6), inputs)
    assert name(long, 1).engine == "screened"
    assert name(short, 1).engine == "preactivations"
    assert choice.choose_engine(shape(engine="auto", width=200), inputs, long, 4).engine == "preactivations"
    assert choice.choose_engine(shape(engine="weights", width=10**6), inputs, long, 1).engine == "weights"
    # years of drawing are not begun unasked: the dense engine refuses what does not fit
    assert choice.choose_engine(shape(engine="auto", width=10**12), inputs, long, 1).engine == "preactivations"
