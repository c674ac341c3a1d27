"""The compiled part of simulate for the dense engines: draw, one step, and the scan over a chunk of steps.

Neurons lie on the last axis. Seeds and methods are walked by lax.map, so a seed's numbers do not depend on how
many share its batch, and one network's state stays in the cache; seeds are sharded over devices.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from nag_ntk.engines import ENGINES
from nag_ntk.network import Network, checksum, draw, seed_key
from nag_ntk.pattern import near_boundary_count, overlap_range, pattern_overlap
from nag_ntk.precision import HIGHEST, gamma
from nag_ntk.problem import Problem, Shape, first_pull, pace, sharded


class Start(NamedTuple):
    """One network at step 0: pre-activations (n, m), scaled signs a / sqrt m (m,), max |w_r|."""

    preactivation: jax.Array
    signs: jax.Array
    size: jax.Array


class Seen(NamedTuple):
    """What depends on the pattern alone, kept while no neuron flips: most steps of a lazy run flip none."""

    flips: jax.Array
    reach: jax.Array
    gram: jax.Array | None


class State(NamedTuple):
    """One network under one method, before it is observed at `step`.

    Movement u and q (rows, m) and the majorants of their coefficients (n,); the pattern of the step before (n, m)
    and what was seen of it; and, for the recursion, the pre-activations (n, m) and residual (n,) of that step.
    """

    movement: jax.Array
    speed: jax.Array
    majorant: jax.Array
    majorant_speed: jax.Array
    pattern: jax.Array
    seen: Seen
    before: tuple[jax.Array, jax.Array] | None
    step: jax.Array


def _outputs(start: Start, preactivation):
    return jnp.dot(jnp.maximum(preactivation, 0), start.signs, precision=HIGHEST)


def _masked(preactivation, vector):
    return jnp.where(preactivation >= 0, vector[:, None], 0)


def _begin(shape: Shape, problem: Problem, network: Network):
    engine = ENGINES[shape.engine]
    root = jnp.sqrt(jnp.asarray(shape.width, shape.dtype))
    preactivation = jnp.dot(problem.coordinates, network.weights.T, precision=HIGHEST)
    active = preactivation >= 0
    start = Start(
        preactivation,
        jnp.asarray(network.signs) / root,
        jnp.sqrt(jnp.max(jnp.sum(network.weights * network.weights, axis=1))),
    )
    residual = _outputs(start, preactivation) - problem.targets
    operator = engine.operator(problem.coordinates)
    forcing = engine.drive(operator, _masked(preactivation, residual))

    kernel = jnp.dot(problem.coordinates, problem.coordinates.T, precision=HIGHEST)
    gram = kernel * pattern_overlap(active, active, kernel.dtype)

    def one(coefficients):
        pull = first_pull(shape.start, coefficients)
        before = (preactivation, residual if shape.start == "gradient" else jnp.zeros_like(residual))
        return State(
            movement=jnp.zeros_like(forcing), speed=-pull * forcing,
            majorant=jnp.zeros_like(residual), majorant_speed=pull * jnp.abs(residual), pattern=active,
            seen=Seen(jnp.zeros((), jnp.int32), jnp.zeros_like(pull), gram if shape.recursion else None),
            before=before if shape.recursion else None, step=jnp.zeros((), jnp.int32),
        )  # fmt: skip

    recorded = {
        "initial_gram": gram,
        "mean_size": jnp.mean(jnp.abs(preactivation), axis=1),
        "mean_square": jnp.mean(jnp.where(active, preactivation, 0) ** 2, axis=1),
        "near_boundary": near_boundary_count(preactivation, problem.radii),
        "overlap_range": overlap_range(preactivation, problem.overlap_radii),
        "checksum": jnp.stack([checksum(jnp.asarray(part)) for part in network]),
    }
    return (start, jax.lax.map(one, problem.coefficients)), recorded


@partial(jax.jit, static_argnums=0)
def _draw_and_begin(shape: Shape, problem: Problem, seeds):
    def one(problem, seed):
        network = draw(seed_key(problem.key, seed), shape.width, problem.coordinates.shape[1], shape.dtype)
        return _begin(shape, problem, network)

    return sharded(shape, lambda problem, seeds: jax.lax.map(partial(one, problem), seeds), 1)(problem, seeds)


@partial(jax.jit, static_argnums=0)
def _given_and_begin(shape: Shape, problem: Problem, network: Network):
    return jax.tree.map(lambda x: x[None], _begin(shape, problem, network))


def begin(shape: Shape, problem: Problem, seeds, network: Network | None):
    """States at step 0 for a group of seeds (or for one given network), and what is recorded once."""
    if network is None:
        return _draw_and_begin(shape, problem, seeds)
    return _given_and_begin(shape, problem, network)


def _total(counts: jax.Array) -> jax.Array:
    return jnp.sum(counts, dtype=jnp.int32)


def _observe(shape: Shape, problem: Problem, kernel, start: Start, state: State, preactivation, squared):
    """The residual, the pattern, what was seen of it, and what is recorded at one step."""
    dtype = problem.coordinates.dtype
    n, rank = problem.coordinates.shape
    root = jnp.sqrt(jnp.asarray(shape.width, dtype))
    residual = _outputs(start, preactivation) - problem.targets
    now = preactivation >= 0
    # evaluation gamma_(n+p+8), and 3 roundings per step accumulated in the stored movement
    unit = gamma(1, dtype)
    growth = (n + rank + 8 + 3 * (state.step + 1)).astype(dtype) * unit
    doubt = (rank + 2) * unit * start.size + growth * jnp.sum(state.majorant) / root
    # samples first, so that the long axis stays vectorised
    changed = _total(jnp.sum(now != state.pattern, axis=0, dtype=jnp.int32)) > 0
    undecided = _total(jnp.sum(jnp.abs(preactivation) <= doubt, axis=0, dtype=jnp.int32))

    def look_again(_):
        flipped = now != (start.preactivation >= 0)
        reach = jnp.max(jnp.max(jnp.where(flipped, jnp.abs(start.preactivation), 0), axis=0))
        gram = kernel * pattern_overlap(now, now, dtype) if shape.recursion else None
        return Seen(_total(jnp.sum(flipped, axis=0, dtype=jnp.int32)), reach, gram)

    seen = jax.lax.cond(changed, look_again, lambda _: state.seen, None)
    recorded = {
        "residual": residual,
        "flips": seen.flips,
        "undecided": undecided,
        "distance": jnp.sqrt(jnp.max(squared)) / root,
        "flip_reach": seen.reach,
    }
    if state.before is not None:
        previous, earlier = state.before

        def with_flips(_):
            cross = kernel * pattern_overlap(now, state.pattern, dtype)
            forward = jnp.maximum(preactivation, 0) - jnp.where(state.pattern, preactivation, 0)
            backward = jnp.maximum(previous, 0) - jnp.where(now, previous, 0)
            terms = (jnp.dot(term, start.signs, precision=HIGHEST) for term in (forward, backward))
            return cross, *terms

        def without(_):
            return seen.gram, jnp.zeros_like(residual), jnp.zeros_like(residual)

        cross, forward, backward = jax.lax.cond(changed, with_flips, without, None)
        recorded["recursion"] = {
            "gram_residual": jnp.dot(seen.gram, residual, precision=HIGHEST),
            "cross_gram_residual": jnp.dot(cross, earlier, precision=HIGHEST),
            "forward": forward,
            "backward": backward,
        }
    return residual, now, seen, recorded


def _scan(shape: Shape, problem: Problem, start: Start, coefficients, state: State):
    engine = ENGINES[shape.engine]
    operator = engine.operator(problem.coordinates)
    kernel = jnp.dot(problem.coordinates, problem.coordinates.T, precision=HIGHEST)

    def one_step(state: State, _):
        push, decay, lift = pace(coefficients, state.step)
        change, squared = engine.response(operator, state.movement)
        preactivation = start.preactivation - start.signs[None, :] * change
        residual, pattern, seen, recorded = _observe(shape, problem, kernel, start, state, preactivation, squared)
        forcing = engine.drive(operator, _masked(preactivation, residual))
        following = State(
            movement=state.movement + state.speed + push * forcing,
            speed=decay * state.speed + lift * forcing,
            majorant=state.majorant + state.majorant_speed + push * jnp.abs(residual),
            majorant_speed=decay * state.majorant_speed + jnp.abs(lift) * jnp.abs(residual),
            pattern=pattern,
            seen=seen,
            before=None if state.before is None else (preactivation, residual),
            step=state.step + 1,
        )
        return following, recorded

    return jax.lax.scan(one_step, state, None, length=shape.steps)


@partial(jax.jit, static_argnums=0, donate_argnums=2)
def advance(shape: Shape, problem: Problem, begun):
    """Observe and step `shape.steps` times; ((starts, states), records with axes seed, method, step, ...)."""

    def one_seed(problem, begun):
        start, states = begun
        states, recorded = jax.lax.map(
            lambda pair: _scan(shape, problem, start, pair[0], pair[1]), (problem.coefficients, states)
        )
        return (start, states), recorded

    return sharded(shape, lambda problem, begun: jax.lax.map(partial(one_seed, problem), begun), 1)(problem, begun)


@partial(jax.jit, static_argnums=0)
def gram_now(shape: Shape, problem: Problem, begun):
    """H at the step that the states are about to be observed at, (s, k, n, n)."""
    engine = ENGINES[shape.engine]

    def one_seed(problem, begun):
        start, states = begun
        operator = engine.operator(problem.coordinates)
        kernel = jnp.dot(problem.coordinates, problem.coordinates.T, precision=HIGHEST)

        def one(state: State):
            change, _ = engine.response(operator, state.movement)
            active = start.preactivation - start.signs[None, :] * change >= 0
            return kernel * pattern_overlap(active, active, kernel.dtype)

        return jax.lax.map(one, states)

    return sharded(shape, lambda problem, begun: jax.lax.map(partial(one_seed, problem), begun), 1)(problem, begun)
