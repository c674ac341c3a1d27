"""Inputs of the compiled programs of all engines, their static configuration, and sharding over a mesh of devices."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec

from nag_ntk.arrays import Array
from nag_ntk.precision import HIGHEST, higham_gamma


class Shape(NamedTuple):
    """Static configuration of the compiled programs; each new value needs a compilation.

    Attributes:
        engine: name of the engine.
        start: "gradient" or "extrapolated".
        width: m.
        steps: steps of a chunk.
        recursion: also record the terms of the residual recursion.
        dtype: "float64" or "float32".
        devices: number of devices that the seeds are spread over.
        neuron_devices: number of devices that the neurons of each network are spread over.
        block_length: neurons processed at a time; 0 for all of them.
        deviation: also record the deviation from the linear model.
        init: "independent" or "antisymmetric"; the latter only for networks that are drawn.
    """

    engine: str
    start: str
    width: int
    steps: int
    recursion: bool
    dtype: str
    devices: int
    neuron_devices: int = 1
    block_length: int = 0
    deviation: bool = False
    init: str = "independent"


class Inputs(NamedTuple):
    """Arrays of a run that all seeds share.

    Attributes:
        coordinates: (n, p), the inputs in an orthonormal basis of their span.
        targets: (n,).
        initial_momenta: (k,), `schedule.initial_momentum` of each method.
        radii: R values at which |S_i(R)| is counted.
        overlap_radii: R values for which the overlaps of patterns are bounded.
        key: (), uint32, the study's base key.
        original: (n, d), the inputs themselves, or again their coordinates; for methods outside of the family only.
        basis: (d, p), the basis of the span, where `original` are not the coordinates.
    """

    coordinates: Array
    targets: Array
    initial_momenta: Array
    radii: Array
    overlap_radii: Array
    key: Array
    original: Any = None
    basis: Any = None

    @property
    def kernel(self) -> jax.Array:
        """K = X X^T, (n, n)."""
        return jnp.dot(self.coordinates, self.coordinates.T, precision=HIGHEST)


SEEDS, NEURONS = "seed", "neuron"
"""Axes of the mesh of devices."""


def shard_over_mesh(shape: Shape, function, arguments, results):
    """Run `function` on every device's part of its arguments.

    Args:
        shape: the numbers of devices.
        function: a function whose first argument every device gets as a whole.
        arguments: PartitionSpecs of the other arguments.
        results: PartitionSpecs of its results.

    Returns:
        The sharded function; `function` itself on a single device.
    """
    count = shape.devices * shape.neuron_devices
    if count == 1:
        return function
    auto = (jax.sharding.AxisType.Auto,) * 2
    available = jax.devices() if jax.process_count() > 1 else jax.local_devices()
    mesh = jax.make_mesh(
        (shape.devices, shape.neuron_devices), (SEEDS, NEURONS), axis_types=auto, devices=available[:count]
    )
    specs = (PartitionSpec(), *arguments)
    return jax.shard_map(function, mesh=mesh, in_specs=specs, out_specs=results, check_vma=False)


def shard_seeds(shape: Shape, function, arguments: int):
    """Shard the leading axis of the last `arguments` arguments, and of every result, over the devices."""
    split = PartitionSpec(SEEDS)
    return shard_over_mesh(shape, function, (split,) * arguments, split)


def sign_error_bound(shape: Shape, inputs: Inputs, max_weight, majorant, step, roundings: int) -> jax.Array:
    """Bound the rounding error of a pre-activation; the sign is undecided if its modulus is at most this bound.

    The bound is (p+2) u max|w_r(0)| + (n + p + 8 + roundings (step + 1)) u sum_i majorant_i / sqrt m, u the unit
    roundoff, where the coefficients c_r give the movement w_r(t) - w_r(0) = -(a_r / sqrt m) sum_i c_ri x_i.

    Args:
        shape: as for every engine.
        inputs: as for every engine.
        max_weight: max |w_r(0)|, (...).
        majorant: bound on the coefficients |c_ri|, (n, ...), a column per network.
        step: number of the step.
        roundings: number of roundings of a stored coefficient in a step.

    Returns:
        (...), in the floating type of the run.
    """
    n, rank = inputs.coordinates.shape
    dtype = inputs.coordinates.dtype
    unit = higham_gamma(1, dtype)
    growth = (n + rank + 8 + roundings * (step + 1)).astype(dtype) * unit
    return (rank + 2) * unit * max_weight + growth * jnp.sum(majorant, axis=0) / jnp.sqrt(
        jnp.asarray(shape.width, dtype)
    )
