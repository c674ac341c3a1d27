"""Step 0 of the batched engines: draw the networks and record the quantities of step 0, all seeds at once."""

from functools import partial

import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec

from nag_ntk.engines.batched import deviation
from nag_ntk.engines.batched.state import BatchedNetworks, BatchedState, partition
from nag_ntk.engines.choice import representation_of
from nag_ntk.engines.dense.begin import begin, drawn_networks
from nag_ntk.network import Network
from nag_ntk.run import neurons
from nag_ntk.run.inputs import NEURONS, SEEDS, Inputs, Shape, shard_over_mesh
from nag_ntk.schedule import StepCoefficients


def _states(shape: Shape, inputs: Inputs, initial: BatchedNetworks, residual) -> BatchedState:
    """Make the states of all networks at step 0, given their residuals (n, s)."""
    n, seeds, _, count = initial.preactivation.shape
    methods = len(inputs.initial_momenta)
    momenta = jnp.asarray(inputs.initial_momenta)[None, None]
    residual = jnp.repeat(residual[:, :, None], methods, axis=2)
    rows = representation_of(shape.engine).rows(n, inputs.coordinates.shape[1])
    at_rest = jnp.zeros((rows, seeds, methods, count), residual.dtype)
    preactivation = jnp.repeat(initial.preactivation, methods, axis=2)
    zero = jnp.zeros_like(momenta)
    return BatchedState(
        movement=at_rest, momentum=at_rest, pattern=preactivation >= 0,
        preactivation=preactivation if shape.recursion else None,
        residual=residual if shape.start == "gradient" else jnp.zeros_like(residual),
        coefficients=StepCoefficients(movement_step=zero, decay=zero, momentum_step=-momenta),
        majorant=jnp.zeros_like(residual), majorant_momentum=momenta * jnp.abs(residual), step=jnp.zeros((), jnp.int32),
        deviation=deviation.begin(residual, momenta, jnp.zeros(preactivation.shape, bool)) if shape.deviation else None,
    )  # fmt: skip


@partial(jax.jit, static_argnums=0)
def _begin(shape: Shape, inputs: Inputs, networks: Network):
    """Make the states of all networks of a group, and the record of step 0."""

    def all_seeds(inputs, networks):
        def one_seed(network):
            return begin(shape, inputs, neurons.discard_padding(shape, network))

        initial, residual, record, _ = jax.vmap(one_seed)(networks)
        # one block of neurons; axis 2 is that of the methods
        preactivation = initial.preactivation[:, 0].swapaxes(0, 1)[:, :, None]
        networks = BatchedNetworks(preactivation, initial.signs[None], initial.max_weight[:, None])
        return (networks, _states(shape, inputs, networks, residual.T)), record

    results = partition(shape), PartitionSpec(SEEDS)
    return shard_over_mesh(shape, all_seeds, (PartitionSpec(SEEDS, NEURONS),), results)(inputs, networks)


def initialise(shape: Shape, inputs: Inputs, seeds, network: Network | None):
    """Draw the networks of a group of seeds, or use the given one, and make their states at step 0.

    Returns:
        ((BatchedNetworks, BatchedState), record of step 0, with a leading axis for the seeds).
    """
    return _begin(shape, inputs, drawn_networks(shape, inputs, seeds, network))
