"""Step 0 of the dense engines: draw the networks, arrange their neurons in blocks, record the quantities of step 0."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import PartitionSpec

from nag_ntk.engines.choice import is_batched, representation_of
from nag_ntk.engines.dense import deviation
from nag_ntk.engines.dense.state import DenseState, InitialNetwork, PatternStatistics, partition
from nag_ntk.network import Network, checksum, seed_key
from nag_ntk.pattern import near_boundary_count, overlap_range, pattern_overlap
from nag_ntk.run import neurons
from nag_ntk.run.inputs import NEURONS, SEEDS, Inputs, Shape, shard_over_mesh
from nag_ntk.schedule import StepCoefficients


def _network_shares(shape: Shape, shares):
    """Turn shares of this device's neurons into shares of all neurons: the counts are whole numbers."""
    if shape.neuron_devices == 1:
        return shares
    local = neurons.per_device(shape.width, shape.neuron_devices)
    return jax.tree.map(
        lambda share: neurons.device_sum(shape, jnp.round(share * local)) / shape.width, shares
    )  # fmt: skip


def _initial_record(shape: Shape, inputs: Inputs, network: Network, preactivation, gram):
    """Compute the entries of a Trajectory for step 0 of one network."""
    active = preactivation >= 0
    real = neurons.is_neuron(shape)[None, :]
    arrays = (jnp.asarray(array) for array in network)
    rows = (inputs.coordinates.shape[1], 1)
    sums = {
        "mean_size": jnp.sum(jnp.where(real, jnp.abs(preactivation), 0), axis=1) / shape.width,
        "mean_square": jnp.sum(jnp.where(active, preactivation, 0) ** 2, axis=1) / shape.width,
        "near_boundary": near_boundary_count(preactivation, inputs.radii),
        "checksum": jnp.stack([
            checksum(array, neurons.entry_offset(shape, row)) for array, row in zip(arrays, rows, strict=True)
        ]),
    }  # fmt: skip
    overlaps = _network_shares(shape, overlap_range(preactivation, inputs.overlap_radii))
    return {"initial_gram": gram, "overlap_range": overlaps, **neurons.device_sum(shape, sums)}


def begin(shape: Shape, inputs: Inputs, network: Network):
    """Arrange one network in blocks and record step 0.

    Returns:
        The InitialNetwork, its residual (n,), the record, and this device's overlap of its pattern with itself, (n, n).
    """
    sqrt_width = jnp.sqrt(jnp.asarray(shape.width, shape.dtype))
    padding = neurons.padding_preactivation(shape.dtype)
    preactivation = neurons.initial_preactivations(shape, inputs.coordinates, network.weights)
    if shape.neuron_devices > 1:
        preactivation = jnp.where(neurons.is_neuron(shape)[None, :], preactivation, padding)
    signs = jnp.asarray(network.signs) / sqrt_width
    active = preactivation >= 0
    max_square = jnp.max(jnp.sum(network.weights * network.weights, axis=1))
    residual = neurons.device_sum(shape, neurons.outputs(shape, preactivation, signs)) - inputs.targets
    kernel = inputs.kernel
    overlap = pattern_overlap(active, active, kernel.dtype)
    record = _initial_record(shape, inputs, network, preactivation, kernel * _network_shares(shape, overlap))

    initial = InitialNetwork(
        neurons.to_blocks(shape, preactivation, padding),
        neurons.to_blocks(shape, signs[None], 0.0)[:, 0],
        jnp.sqrt(neurons.device_max(shape, max_square)),
    )
    return initial, residual, record, overlap


def _initialise(shape: Shape, inputs: Inputs, network: Network):
    """Return (InitialNetwork, states of all methods) of one network, and the record of step 0."""
    initial, residual, record, overlap = begin(shape, inputs, network)
    kernel = inputs.kernel
    count, n, length = initial.preactivation.shape
    rows = representation_of(shape.engine).rows(n, inputs.coordinates.shape[1])
    at_rest = jnp.zeros((count, rows, length), kernel.dtype)
    local = neurons.per_device(shape.width, shape.neuron_devices)
    counts = jnp.round(overlap * local).astype(jnp.int32)[None] if shape.recursion else None
    none, zero = jnp.zeros((), jnp.int32), jnp.zeros((), kernel.dtype)

    def one_method(initial_momentum):
        return DenseState(
            movement=at_rest, momentum=at_rest, pattern=initial.preactivation >= 0,
            residual=residual if shape.start == "gradient" else jnp.zeros_like(residual),
            coefficients=StepCoefficients(movement_step=zero, decay=zero, momentum_step=-initial_momentum),
            majorant=jnp.zeros_like(residual), majorant_momentum=initial_momentum * jnp.abs(residual),
            statistics=PatternStatistics(jnp.zeros(count, jnp.int32), jnp.zeros(count, kernel.dtype), counts),
            step=none,
            deviation=deviation.begin(residual, initial_momentum, (count, n, length)) if shape.deviation else None,
        )  # fmt: skip

    return (initial, jax.lax.map(one_method, inputs.initial_momenta)), record


_NETWORKS = PartitionSpec(SEEDS, NEURONS)


@partial(jax.jit, static_argnums=(0, 1, 2))
def _draw_networks(shape: Shape, dimension: int, together: bool, key, seeds) -> Network:
    """Draw the networks of a group of seeds, (s, M, p) and (s, M), one after the other or together.

    `shape` comes from `neurons.draw_shape`.
    """
    for_each = jax.vmap if together else lambda function: partial(jax.lax.map, function)

    def one_seed(key, seed):
        return neurons.draw_local(shape, seed_key(key, seed), dimension)

    def all_seeds(key, seeds):
        return for_each(partial(one_seed, key))(seeds)

    return shard_over_mesh(shape, all_seeds, (PartitionSpec(SEEDS),), _NETWORKS)(key, seeds)


@partial(jax.jit, static_argnums=0)
def _initialise_networks(shape: Shape, inputs: Inputs, networks: Network):
    """Apply `_initialise` to every network of a group."""

    def all_seeds(inputs, networks):
        def one_seed(network):
            return _initialise(shape, inputs, neurons.discard_padding(shape, network))

        return jax.lax.map(one_seed, networks)

    results = partition(shape), PartitionSpec(SEEDS)
    return shard_over_mesh(shape, all_seeds, (_NETWORKS,), results)(inputs, networks)


def drawn_networks(shape: Shape, inputs: Inputs, seeds, network: Network | None) -> Network:
    """Draw the networks of a group of seeds, or take the given one, padded to whole blocks of 1,024 neurons.

    A separate compiled program draws the networks. All widths with the same number of blocks share it, whatever they
    record; the random number generator takes as long to compile as everything else together.
    """
    if network is None:
        together = is_batched(shape.engine) and jax.default_backend() != "cpu"
        return _draw_networks(neurons.draw_shape(shape), inputs.coordinates.shape[1], together, inputs.key, seeds)
    padding = neurons.drawn_width(shape.width, shape.neuron_devices) - shape.width
    weights, signs = np.pad(network.weights, ((0, padding), (0, 0))), np.pad(network.signs, (0, padding))
    return Network(weights[None], signs[None])


def initialise(shape: Shape, inputs: Inputs, seeds, network: Network | None):
    """Draw the networks of a group of seeds, or use the given one, and make their states at step 0.

    Returns:
        ((InitialNetwork, DenseState), record of step 0), with a leading axis for the seeds; the states also have one
        for the methods.
    """
    return _initialise_networks(shape, inputs, drawn_networks(shape, inputs, seeds, network))
