"""The compiled part of simulate: draw, one step, and the scan over a chunk of steps.

Neurons lie on the last axis. Seeds and methods are walked by lax.map, so a seed's numbers do not depend on how
many share its batch, and one network's state stays in the cache; seeds are sharded over devices.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import PartitionSpec

from nag_ntk.engines import ENGINES
from nag_ntk.gram import pattern_overlap
from nag_ntk.network import Network, draw, seed_key
from nag_ntk.pattern import near_boundary_count
from nag_ntk.precision import HIGHEST, gamma


class Shape(NamedTuple):
    """What the compiler must know: everything here is static."""

    engine: str
    start: str
    width: int
    steps: int
    recursion: bool
    dtype: str
    devices: int


class Problem(NamedTuple):
    """The arrays of a run that all seeds share: coordinates (n, p), targets (n,), coefficients (k, 3)."""

    coordinates: jax.Array | np.ndarray
    targets: jax.Array | np.ndarray
    coefficients: jax.Array | np.ndarray
    radii: jax.Array | np.ndarray
    key: jax.Array | np.ndarray


class Start(NamedTuple):
    """One network at step 0: pre-activations (n, m), scaled signs a / sqrt m (m,), max |w_r|."""

    preactivation: jax.Array
    signs: jax.Array
    size: jax.Array


class State(NamedTuple):
    """One network under one method: movement u and q (rows, m), the majorants of their coefficients (n,),

    the previous pre-activations (n, m) and residual (n,) if the recursion is recorded, and the step count.
    """

    movement: jax.Array
    speed: jax.Array
    reach: jax.Array
    reach_speed: jax.Array
    before: tuple[jax.Array, jax.Array] | None
    step: jax.Array


def _sharded(shape: Shape, function, arguments: int):
    """Shard the leading axis of the last `arguments` arguments, and of every result, over the devices."""
    if shape.devices == 1:
        return function
    mesh = jax.make_mesh((shape.devices,), ("seed",), axis_types=(jax.sharding.AxisType.Auto,))
    split = PartitionSpec("seed")
    return jax.shard_map(
        function, mesh=mesh, in_specs=(PartitionSpec(),) + (split,) * arguments, out_specs=split, check_vma=False
    )


def _bits(array: jax.Array) -> jax.Array:
    """Order-dependent 32-bit checksum of an array's bits."""
    words = jax.lax.bitcast_convert_type(array, jnp.uint32).reshape(-1)
    odd = 2 * jnp.arange(words.shape[0], dtype=jnp.uint32) + 1
    return jnp.sum(words * odd, dtype=jnp.uint32)


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
        preactivation, network.signs / root, jnp.sqrt(jnp.max(jnp.sum(network.weights * network.weights, axis=1)))
    )
    residual = _outputs(start, preactivation) - problem.targets
    operator = engine.operator(problem.coordinates)
    forcing = engine.drive(operator, _masked(preactivation, residual))

    def one(coefficients):
        eta, _, gain = coefficients
        pull = eta * gain if shape.start == "gradient" else jnp.zeros_like(eta)
        before = (preactivation, residual if shape.start == "gradient" else jnp.zeros_like(residual))
        return State(
            movement=jnp.zeros_like(forcing), speed=-pull * forcing,
            reach=jnp.zeros_like(residual), reach_speed=pull * jnp.abs(residual),
            before=before if shape.recursion else None, step=jnp.zeros((), jnp.int32),
        )  # fmt: skip

    kernel = jnp.dot(problem.coordinates, problem.coordinates.T, precision=HIGHEST)
    recorded = {
        "initial_gram": kernel * pattern_overlap(active, active, kernel.dtype),
        "mean_size": jnp.mean(jnp.abs(preactivation), axis=1),
        "mean_square": jnp.mean(jnp.where(active, preactivation, 0) ** 2, axis=1),
        "near_boundary": near_boundary_count(preactivation, problem.radii),
        "checksum": jnp.stack([_bits(network.weights), _bits(network.signs)]),
    }
    return (start, jax.lax.map(one, problem.coefficients)), recorded


@partial(jax.jit, static_argnums=0)
def _draw_and_begin(shape: Shape, problem: Problem, seeds):
    def one(problem, seed):
        network = draw(seed_key(problem.key, seed), shape.width, problem.coordinates.shape[1], shape.dtype)
        return _begin(shape, problem, network)

    return _sharded(shape, lambda problem, seeds: jax.lax.map(partial(one, problem), seeds), 1)(problem, seeds)


@partial(jax.jit, static_argnums=0)
def _given_and_begin(shape: Shape, problem: Problem, network: Network):
    return jax.tree.map(lambda x: x[None], _begin(shape, problem, network))


def begin(shape: Shape, problem: Problem, seeds, network: Network | None):
    """States at step 0 for a group of seeds (or for one given network), and what is recorded once."""
    if network is None:
        return _draw_and_begin(shape, problem, seeds)
    return _given_and_begin(shape, problem, network)


def _observe(shape: Shape, problem: Problem, kernel, start: Start, state: State, preactivation, squared):
    """What is recorded at one step, and the residual."""
    width, dtype = shape.width, problem.coordinates.dtype
    n, rank = problem.coordinates.shape
    residual = _outputs(start, preactivation) - problem.targets
    size = jnp.abs(start.preactivation)
    flipped = (preactivation >= 0) != (start.preactivation >= 0)
    # evaluation gamma_(n+p+8), and 3 roundings per step accumulated in the stored movement
    unit = gamma(1, dtype)
    growth = (n + rank + 8 + 3 * (state.step + 1)).astype(dtype) * unit
    doubt = (rank + 2) * unit * start.size + growth * jnp.sum(state.reach) / np.sqrt(width).astype(dtype)
    recorded = {
        "residual": residual,
        # summing over samples first keeps the long axis vectorised
        "flips": jnp.sum(jnp.sum(flipped, axis=0, dtype=jnp.int32), dtype=jnp.int32),
        "undecided": jnp.sum(jnp.sum(jnp.abs(preactivation) <= doubt, axis=0, dtype=jnp.int32), dtype=jnp.int32),
        "distance": jnp.sqrt(jnp.max(squared) / width),
        "flip_reach": jnp.max(jnp.max(jnp.where(flipped, size, 0), axis=0)),
    }
    if state.before is not None:
        previous, earlier = state.before
        now, then = preactivation >= 0, previous >= 0
        recorded["recursion"] = {
            "gram_residual": jnp.dot(kernel * pattern_overlap(now, now, dtype), residual, precision=HIGHEST),
            "cross_gram_residual": jnp.dot(
                kernel * pattern_overlap(now, then, dtype), earlier, precision=HIGHEST
            ),
            "forward": jnp.dot(
                jnp.maximum(preactivation, 0) - jnp.where(then, preactivation, 0), start.signs, precision=HIGHEST
            ),
            "backward": jnp.dot(
                jnp.maximum(previous, 0) - jnp.where(now, previous, 0), start.signs, precision=HIGHEST
            ),
        }
    return residual, recorded


def _scan(shape: Shape, problem: Problem, start: Start, coefficients, state: State):
    engine = ENGINES[shape.engine]
    operator = engine.operator(problem.coordinates)
    kernel = jnp.dot(problem.coordinates, problem.coordinates.T, precision=HIGHEST)
    eta, beta, gain = coefficients
    push, lift = eta * (1 + gain), eta * (beta * (1 + gain) - gain)

    def one_step(state: State, _):
        change, squared = engine.response(operator, state.movement)
        preactivation = start.preactivation - start.signs * change
        residual, recorded = _observe(shape, problem, kernel, start, state, preactivation, squared)
        forcing = engine.drive(operator, _masked(preactivation, residual))
        following = State(
            movement=state.movement + state.speed + push * forcing,
            speed=beta * state.speed + lift * forcing,
            reach=state.reach + state.reach_speed + push * jnp.abs(residual),
            reach_speed=beta * state.reach_speed + jnp.abs(lift) * jnp.abs(residual),
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

    return _sharded(shape, lambda problem, begun: jax.lax.map(partial(one_seed, problem), begun), 1)(problem, begun)
