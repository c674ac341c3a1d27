"""Measurement of probes on the states of the dense and the batched engines, between two chunks of steps."""

from functools import partial

import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec

from nag_ntk.engines.batched.state import as_dense
from nag_ntk.engines.choice import is_batched, representation_of
from nag_ntk.engines.dense.state import DenseState, partition
from nag_ntk.engines.dense.step import apply_step
from nag_ntk.network import Network, seed_key
from nag_ntk.run import neurons
from nag_ntk.run.inputs import SEEDS, Inputs, Shape, shard_over_mesh
from nag_ntk.run.probe import Probe, Snapshot


def _from_blocks(blocks, width: int):
    """Reshape (B, rows, L) to (m, rows): neurons first, without padding."""
    return blocks.swapaxes(0, 1).reshape(blocks.shape[1], -1)[:, :width].T


@partial(jax.jit, static_argnums=(0, 2))
def probe_now(shape: Shape, inputs: Inputs, probes: tuple[Probe, ...], states, seeds, network: Network | None):
    """Measure probes at the step of the states, which is not yet recorded.

    Args:
        shape: as for the engine, all neurons of a network on one device.
        inputs: as for the engine.
        probes: the probes to measure at this step.
        states: those of the engine, of a group of seeds.
        seeds: the seed numbers, from which W(0) is drawn again.
        network: the given initial network, or None.

    Returns:
        Measurements by the probe's name, (s, k, ...) each.
    """
    representation = representation_of(shape.engine)
    rank = inputs.coordinates.shape[1]
    sqrt_width = jnp.sqrt(jnp.asarray(shape.width, shape.dtype))

    def one_seed(inputs, initial, states, seed):
        operator = representation.operator(inputs.coordinates)
        initial_network = neurons.draw_local(shape, seed_key(inputs.key, seed), rank) if network is None else network
        signs = initial.signs.reshape(-1)[: shape.width]

        def one_method(state: DenseState):
            pending = partial(apply_step, representation, operator, state.residual[:, None], state.coefficients)

            def one_block(arrays):
                origin, sign, *block = arrays
                movement, _ = pending(*block)
                change, _ = representation.response(operator, movement)
                return origin - sign[None, :] * change, -sign[None, :] * representation.movement(
                    inputs.coordinates, movement
                )

            arrays = (initial.preactivation, initial.signs, state.movement, state.momentum, state.pattern)
            preactivations, movement = (_from_blocks(blocks, shape.width) for blocks in jax.lax.map(one_block, arrays))
            outputs = neurons.outputs(shape, preactivations.T, signs)
            snapshot = Snapshot(
                step=state.step, inputs=inputs.coordinates, targets=inputs.targets, signs=jnp.round(signs * sqrt_width),
                initial=jnp.asarray(initial_network.weights), movement=movement, preactivations=preactivations,
                residual=outputs - inputs.targets,
            )  # fmt: skip
            return {probe.name: jnp.asarray(probe.measure(snapshot)) for probe in probes}

        return jax.lax.map(one_method, states)

    def all_seeds(inputs, states, seeds):
        return jax.lax.map(lambda parts: one_seed(inputs, *parts), (*states, seeds))

    split, parts = PartitionSpec(SEEDS), partition(shape)
    if is_batched(shape.engine):
        states, parts = as_dense(*states), partition(shape._replace(recursion=False, deviation=False))
    return shard_over_mesh(shape, all_seeds, (parts, split), split)(inputs, states, seeds)
