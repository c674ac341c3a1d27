"""Step 0 of the dense engines: draw (or take a given network), lay the neurons out, record what is recorded once."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import PartitionSpec

from nag_ntk import neurons
from nag_ntk.engines import REPRESENTATIONS
from nag_ntk.network import Network, checksum, seed_key
from nag_ntk.pattern import near_boundary_count, overlap_range, pattern_overlap
from nag_ntk.precision import HIGHEST
from nag_ntk.problem import NEURONS, SEEDS, Problem, Shape, over_mesh
from nag_ntk.schedule import Pace
from nag_ntk.state import Seen, Start, State, partition


def _shares(shape: Shape, part):
    """Shares of the device's neurons, as shares of all: the counts are whole numbers."""
    if shape.across == 1:
        return part
    here = neurons.per_device(shape.width, shape.across)
    return jax.tree.map(lambda share: neurons.total(shape, jnp.round(share * here)) / shape.width, part)


def _recorded(shape: Shape, problem: Problem, network: Network, preactivation, gram):
    active = preactivation >= 0
    there = neurons.present(shape)[None, :]
    parts = (jnp.asarray(part) for part in network)
    rows = (problem.coordinates.shape[1], 1)
    sums = {
        "mean_size": jnp.sum(jnp.where(there, jnp.abs(preactivation), 0), axis=1) / shape.width,
        "mean_square": jnp.sum(jnp.where(active, preactivation, 0) ** 2, axis=1) / shape.width,
        "near_boundary": near_boundary_count(preactivation, problem.radii),
        "checksum": jnp.stack([
            checksum(part, neurons.first_entry(shape, row)) for part, row in zip(parts, rows, strict=True)
        ]),
    }  # fmt: skip
    overlaps = _shares(shape, overlap_range(preactivation, problem.overlap_radii))
    return {"initial_gram": gram, "overlap_range": overlaps, **neurons.total(shape, sums)}


def _begin(shape: Shape, problem: Problem, network: Network):
    root = jnp.sqrt(jnp.asarray(shape.width, shape.dtype))
    preactivation = jnp.dot(problem.coordinates, network.weights.T, precision=HIGHEST)
    if shape.across > 1:
        preactivation = jnp.where(neurons.present(shape)[None, :], preactivation, neurons.absent(shape.dtype))
    signs = jnp.asarray(network.signs) / root
    active = preactivation >= 0
    longest = jnp.max(jnp.sum(network.weights * network.weights, axis=1))
    outputs = jnp.dot(jnp.maximum(preactivation, 0), signs, precision=HIGHEST)
    residual = neurons.total(shape, outputs) - problem.targets
    kernel = problem.kernel
    overlap = pattern_overlap(active, active, kernel.dtype)
    recorded = _recorded(shape, problem, network, preactivation, kernel * _shares(shape, overlap))

    start = Start(
        neurons.in_blocks(shape, preactivation, neurons.absent(shape.dtype)),
        neurons.in_blocks(shape, signs[None], 0.0)[:, 0],
        jnp.sqrt(neurons.most(shape, longest)),
    )
    count, n, length = start.preactivation.shape
    still = jnp.zeros(
        (count, REPRESENTATIONS[shape.engine].rows(n, problem.coordinates.shape[1]), length), kernel.dtype
    )
    here = neurons.per_device(shape.width, shape.across)
    counts = jnp.round(overlap * here).astype(jnp.int32)[None] if shape.recursion else None
    none, zero = jnp.zeros((), jnp.int32), jnp.zeros((), kernel.dtype)

    def one(pull):
        return State(
            movement=still, speed=still, pattern=start.preactivation >= 0,
            residual=residual if shape.start == "gradient" else jnp.zeros_like(residual),
            pace=Pace(push=zero, decay=zero, lift=-pull),
            majorant=jnp.zeros_like(residual), majorant_speed=pull * jnp.abs(residual),
            seen=Seen(jnp.zeros(count, jnp.int32), jnp.zeros(count, kernel.dtype), counts), step=none,
        )  # fmt: skip

    return (start, jax.lax.map(one, problem.pulls)), recorded


def _results(shape: Shape):
    return partition(shape.recursion), PartitionSpec(SEEDS)


_NETWORKS = PartitionSpec(SEEDS, NEURONS)


@partial(jax.jit, static_argnums=(0, 1))
def _drawn(shape: Shape, dimension: int, key, seeds) -> Network:
    """Networks of a group of seeds, (s, M, p) and (s, M); `shape` says no more than a draw depends on."""

    def one(key, seed):
        return neurons.drawn(shape, seed_key(key, seed), dimension)

    def all_seeds(key, seeds):
        return jax.lax.map(partial(one, key), seeds)

    return over_mesh(shape, all_seeds, (PartitionSpec(SEEDS),), _NETWORKS)(key, seeds)


@partial(jax.jit, static_argnums=0)
def _begun(shape: Shape, problem: Problem, networks: Network):
    def all_seeds(problem, networks):
        def one(network):
            return _begin(shape, problem, neurons.existing(shape, network))

        return jax.lax.map(one, networks)

    return over_mesh(shape, all_seeds, (_NETWORKS,), _results(shape))(problem, networks)


def begin(shape: Shape, problem: Problem, seeds, network: Network | None):
    """States at step 0 for a group of seeds (or for one given network), and what is recorded once.

    Networks are drawn by a program of its own: it is the same for all widths of as many blocks of 1,024 neurons,
    whatever is recorded, and the generator of random numbers takes as long to compile as all the rest.
    """
    if network is None:
        networks = _drawn(neurons.drawing(shape), problem.coordinates.shape[1], problem.key, seeds)
    else:
        missing = neurons.held(shape.width, shape.across) - shape.width
        weights, signs = np.pad(network.weights, ((0, missing), (0, 0))), np.pad(network.signs, (0, missing))
        networks = Network(weights[None], signs[None])
    return _begun(shape, problem, networks)
