"""The engine for methods outside of the family: weights moved by optimisers of optax, every neuron at every step.

Networks are drawn in the coordinates of the inputs in their span, as for all engines, so that all methods of a run
start from the same networks. An optimiser that depends on coordinates gets the weights in R^d: with Q the basis of the
span, (d, p), and Z a further draw, (m, d),

    W(0) Q^T + Z (I - Q Q^T),

whose rows are N(0, I) in R^d and whose products with the inputs are those of W(0). The movement is stored in place of
the weights, so that small updates are not rounded against large weights, and z_ri(t) = z_ri(0) + u_r(t).x_i.

The record is that of the computed weights, taken as exact; `undecided` counts pre-activations that are smaller than
the rounding error of their two products, gamma_(d+4) (max |w_r(0)| + max |u_r(t)|).
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import PartitionSpec

from nag_ntk.engines import rows
from nag_ntk.engines.dense.begin import begin, drawn_networks
from nag_ntk.engines.engine import RunSteps, TrainedGroup, train_from
from nag_ntk.engines.prepared import EngineChoice, Prepared
from nag_ntk.method import Method
from nag_ntk.network import Network, draw, seed_key
from nag_ntk.optimisers import Optimiser, optimiser, state_numbers
from nag_ntk.pattern import pattern_counts
from nag_ntk.precision import HIGHEST, higham_gamma
from nag_ntk.run import neurons
from nag_ntk.run.inputs import SEEDS, Inputs, Shape, shard_over_mesh
from nag_ntk.run.probe import Probe, Snapshot

NAME = "optax"
_OUTSIDE = 2**32 - 1
"""Folded into the key of a seed for the part of its weights outside of the span; blocks of neurons have low numbers."""


class StartedNetwork(NamedTuple):
    """One network at step 0.

    Attributes:
        preactivation: (n, m), w_r(0).x_i.
        signs: (m,), a_r / sqrt m.
        weights: (m, d), or (m, p) in the coordinates of the span.
        max_weight: (), max |w_r(0)|.
    """

    preactivation: jax.Array
    signs: jax.Array
    weights: jax.Array
    max_weight: jax.Array


class OptimisedState(NamedTuple):
    """One network under one optimiser, before a step is recorded.

    Attributes:
        movement: the movement of the optimiser's parameters, (m, d) each.
        optimiser: the optimiser's own state.
        step: (), int.
    """

    movement: Any
    optimiser: Any
    step: jax.Array


def cost(n: int, dimension: int) -> int:
    """Return the operations of a step per neuron: two products, and a dozen of each coordinate and sample."""
    return 4 * n * dimension + 12 * (n + dimension)


def choice(shape: Shape, methods: Sequence[Method], inputs: Inputs, seed_steps: int) -> EngineChoice:
    """Describe the engine for a run; `seed_steps` is the number of steps of all seeds.

    Raises:
        InputError: if an optimiser cannot train weights of this shape.
    """
    n, dimension = inputs.original.shape
    numbers = sum(state_numbers(method, shape.width, dimension, shape.dtype) for method in methods)
    # the plan counts two arrays of `rows` numbers for each neuron and method
    rows = -(-(numbers + shape.width * dimension) // (2 * shape.width * len(methods)))
    operations = seed_steps * len(methods) * shape.width * cost(n, dimension)
    return EngineChoice(NAME, lambda width: width, rows, np.empty(0), operations=operations)


def together() -> bool:
    """Return True to advance networks side by side, as an accelerator needs; on a CPU one follows the other."""
    return jax.default_backend() != "cpu"


def _for_each(function):
    return jax.vmap(function) if together() else partial(jax.lax.map, function)


def _optimisers(shape: Shape, methods: Sequence[Method], inputs: Inputs) -> list[Optimiser]:
    return [optimiser(method, shape.width, inputs.original.shape[1], shape.dtype) for method in methods]


def started(shape: Shape, inputs: Inputs, seed, network: Network, outside) -> tuple[StartedNetwork, dict[str, Any]]:
    """Arrange one network, given in the coordinates of the span, and record step 0.

    Args:
        shape: as for every engine.
        inputs: with the inputs that the optimisers see.
        seed: number of the seed, for the part of the weights outside of the span.
        network: (m, p) weights and signs.
        outside: (m, d), that part of a given network; None to draw it.
    """
    initial, _, record, _ = begin(shape, inputs, network)
    weights: Any = network.weights
    if inputs.basis is not None:
        spread = jnp.dot(weights, inputs.basis.T, precision=HIGHEST)
        if outside is None:  # a further draw
            key, d = jax.random.fold_in(seed_key(inputs.key, seed), _OUTSIDE), inputs.basis.shape[0]
            outside = jnp.asarray(draw(key, shape.width, d, shape.dtype, shape.init).weights)
            within = jnp.dot(outside, inputs.basis, precision=HIGHEST)
            outside = outside - jnp.dot(within, inputs.basis.T, precision=HIGHEST)
        weights = spread + outside
    max_weight = jnp.sqrt(jnp.max(jnp.sum(weights * weights, axis=1)))
    return StartedNetwork(initial.preactivation[0], initial.signs[0], weights, max_weight), record


def _start(shape: Shape, methods: tuple[Method, ...], inputs: Inputs, seed, network: Network, outside):
    """Make the StartedNetwork, the states of all methods, and the record of step 0."""
    begun, record = started(shape, inputs, seed, network, outside)
    weights, states = begun.weights, []
    for each in _optimisers(shape, methods, inputs):
        parameters = each.parameters(weights)
        at_rest = jax.tree.map(jnp.zeros_like, parameters)
        states.append(OptimisedState(at_rest, each.begin(weights), jnp.zeros((), jnp.int32)))
    return (begun, tuple(states)), record


@partial(jax.jit, static_argnums=(0, 1))
def _start_all(shape: Shape, methods: tuple[Method, ...], inputs: Inputs, networks: Network, seeds, outside):
    def all_seeds(inputs, networks, seeds):
        def one_seed(pair):
            network, seed = pair
            return _start(shape, methods, inputs, seed, neurons.discard_padding(shape, network), outside)

        return jax.lax.map(one_seed, (networks, seeds))

    split = PartitionSpec(SEEDS)
    return shard_over_mesh(shape, all_seeds, (split, split), split)(inputs, networks, seeds)


def _preactivations(inputs: Inputs, network: StartedNetwork, fast) -> jax.Array:
    return network.preactivation + jnp.dot(inputs.original, fast.T, precision=HIGHEST)


def observed(shape: Shape, inputs: Inputs, network: StartedNetwork, fast) -> tuple[dict[str, jax.Array], jax.Array]:
    """Return the record of one network at one step, given its movement (m, d), and its pattern (n, m)."""
    preactivation = _preactivations(inputs, network, fast)
    pattern = preactivation >= 0
    flipped = pattern != (network.preactivation >= 0)
    # a product with ones: XLA on CPU takes one element of a short row at a time
    largest = jnp.sqrt(jnp.max(jnp.dot(fast * fast, jnp.ones(fast.shape[1], fast.dtype), precision=HIGHEST)))
    error_bound = higham_gamma(inputs.original.shape[1] + 4, shape.dtype) * (network.max_weight + largest)
    return {
        "residual": neurons.outputs(shape, preactivation, network.signs) - inputs.targets,
        "flips": rows.total(flipped),
        "undecided": rows.total(jnp.abs(preactivation) <= error_bound),
        "distance": largest,
        "flip_reach": rows.largest(jnp.where(flipped, jnp.abs(network.preactivation), 0)),
    }, pattern


def _one_step(shape: Shape, inputs: Inputs, network: StartedNetwork, made: Optimiser, state: OptimisedState, on):
    """Record one step, and apply it unless `on` is 0, as it is after step T."""
    recorded, pattern = observed(shape, inputs, network, made.fast(state.movement))
    residual = recorded["residual"]
    masked = jnp.where(pattern, residual[:, None], 0) * network.signs[None, :]
    gradient = jnp.tensordot(masked, inputs.original, (0, 0), precision=HIGHEST)
    params = jax.tree.map(jnp.add, made.parameters(network.weights), state.movement)
    updates, moved = made.move(gradient, state.optimiser, params, jnp.sum(residual * residual) / 2)
    movement = jax.tree.map(lambda u, update: u + jnp.where(on > 0, update, 0), state.movement, updates)
    return OptimisedState(movement, moved, state.step + 1), recorded


@partial(jax.jit, static_argnums=(0, 1), donate_argnums=3)
def _advance(shape: Shape, methods: tuple[Method, ...], inputs: Inputs, states, schedules):
    def all_seeds(shared, states):
        inputs, schedules = shared
        made = _optimisers(shape, methods, inputs)

        def one_seed(states):
            network, states = states
            ends, records = [], []
            for each, state, schedule in zip(made, states, schedules, strict=True):
                end, recorded = jax.lax.scan(partial(_one_step, shape, inputs, network, each), state, schedule[:, 0])
                ends.append(end)
                records.append(recorded)
            return (network, tuple(ends)), jax.tree.map(lambda *parts: jnp.stack(parts), *records)

        return _for_each(one_seed)(states)

    split = PartitionSpec(SEEDS)
    return shard_over_mesh(shape, all_seeds, (split,), split)((inputs, schedules), states)


@partial(jax.jit, static_argnums=(0, 1))
def _gram_now(shape: Shape, methods: tuple[Method, ...], inputs: Inputs, states):
    def all_seeds(inputs, states):
        made = _optimisers(shape, methods, inputs)

        def one_seed(states):
            network, states = states
            grams = []
            for each, state in zip(made, states, strict=True):
                active = _preactivations(inputs, network, each.fast(state.movement)) >= 0
                grams.append(inputs.kernel * (pattern_counts(active, active).astype(shape.dtype) / shape.width))
            return jnp.stack(grams)

        return jax.lax.map(one_seed, states)

    split = PartitionSpec(SEEDS)
    return shard_over_mesh(shape, all_seeds, (split,), split)(inputs, states)


@partial(jax.jit, static_argnums=(0, 1, 3))
def _probe_now(shape: Shape, methods: tuple[Method, ...], inputs: Inputs, probes: tuple[Probe, ...], states):
    def all_seeds(inputs, states):
        made = _optimisers(shape, methods, inputs)

        def one_seed(states):
            network, states = states
            measured = []
            for each, state in zip(made, states, strict=True):
                movement = each.fast(state.movement)
                preactivations = _preactivations(inputs, network, movement)
                snapshot = Snapshot(
                    step=state.step, inputs=inputs.original, targets=inputs.targets,
                    signs=jnp.sign(network.signs), initial=network.weights, movement=movement,
                    preactivations=preactivations.T,
                    residual=neurons.outputs(shape, preactivations, network.signs) - inputs.targets,
                )  # fmt: skip
                measured.append({probe.name: jnp.asarray(probe.measure(snapshot)) for probe in probes})
            return jax.tree.map(lambda *parts: jnp.stack(parts), *measured)

        return jax.lax.map(one_seed, states)

    split = PartitionSpec(SEEDS)
    return shard_over_mesh(shape, all_seeds, (split,), split)(inputs, states)


class Optimised:
    """The engine of some methods with optimisers; see `nag_ntk.engines.engine.Engine`."""

    def __init__(self, methods: tuple[Method, ...], outside: np.ndarray | None = None):
        """Take the methods, and of a given network the part of its weights outside of the inputs' span, (m, d)."""
        self.methods, self.outside = methods, outside

    def train(self, prepared: Prepared, seeds: Sequence[int], run_steps: RunSteps) -> TrainedGroup:
        """Draw the networks of a group of seeds, or take the given one, and run all steps."""

        def initialise(shape, inputs, seeds, network):
            networks = drawn_networks(shape, inputs, seeds, network)
            return _start_all(shape, self.methods, inputs, networks, seeds, self.outside)

        return train_from(initialise, prepared, seeds, run_steps)

    def advance(self, shape: Shape, inputs: Inputs, states, schedules):
        """Record and apply one step for each row of the schedules, (k, steps, 3), that is not 0."""
        return _advance(shape, self.methods, inputs, states, schedules)

    def gram_now(self, shape: Shape, inputs: Inputs, states):
        """Compute H(t) at the step of the states, which is not yet recorded, (s, k, n, n)."""
        return _gram_now(shape, self.methods, inputs, states)

    def probe_now(self, shape: Shape, inputs: Inputs, probes: tuple[Probe, ...], states, seeds, network):
        """Measure probes at the step of the states; vectors are in the coordinates of the optimiser."""
        del seeds, network  # the states hold the networks of step 0
        return _probe_now(shape, self.methods, inputs, probes, states)
