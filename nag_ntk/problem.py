"""Inputs of the compiled programs, common to all engines; the mesh of devices."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec

from nag_ntk.arrays import Array
from nag_ntk.precision import HIGHEST, gamma


class Shape(NamedTuple):
    """What the compiler must know: everything here is static.

    Seeds are spread over `devices` devices, the neurons of each over `across`; `length` neurons are walked at once
    (0: all of them).
    """

    engine: str
    start: str
    width: int
    steps: int
    recursion: bool
    dtype: str
    devices: int
    across: int = 1
    length: int = 0


class Problem(NamedTuple):
    """The arrays of a run that all seeds share: coordinates (n, p), targets (n,), the methods' first pulls (k,)."""

    coordinates: Array
    targets: Array
    pulls: Array
    radii: Array
    overlap_radii: Array
    key: Array

    @property
    def kernel(self) -> jax.Array:
        """K = X X^T, (n, n)."""
        return jnp.dot(self.coordinates, self.coordinates.T, precision=HIGHEST)


SEEDS, NEURONS = "seed", "neuron"
"""The axes of the mesh of devices."""


def over_mesh(shape: Shape, function, arguments, results):
    """`function` of (what all share, ...) on each device's part; `arguments`, `results` partition the rest."""
    if shape.devices * shape.across == 1:
        return function
    auto = (jax.sharding.AxisType.Auto,) * 2
    count = shape.devices * shape.across
    everywhere = jax.devices() if jax.process_count() > 1 else jax.local_devices()
    mesh = jax.make_mesh(
        (shape.devices, shape.across), (SEEDS, NEURONS), axis_types=auto, devices=everywhere[:count]
    )  # fmt: skip
    specs = (PartitionSpec(), *arguments)
    return jax.shard_map(function, mesh=mesh, in_specs=specs, out_specs=results, check_vma=False)


def sharded(shape: Shape, function, arguments: int):
    """Shard the leading axis of the last `arguments` arguments, and of every result, over the devices."""
    split = PartitionSpec(SEEDS)
    return over_mesh(shape, function, (split,) * arguments, split)


def doubt(shape: Shape, problem: Problem, size, majorant, step, roundings: int) -> jax.Array:
    """What rounding may hide of a pre-activation: evaluation gamma_(n+p+8), and `roundings` per step in the movement.

    Args:
        shape: as for every engine.
        problem: likewise.
        size: max |w_r|.
        majorant: of the coefficients, (n,).
        step: the number of the step.
        roundings: of the stored movement, in a step.
    """
    n, rank = problem.coordinates.shape
    dtype = problem.coordinates.dtype
    unit = gamma(1, dtype)
    growth = (n + rank + 8 + roundings * (step + 1)).astype(dtype) * unit
    return (rank + 2) * unit * size + growth * jnp.sum(majorant) / jnp.sqrt(jnp.asarray(shape.width, dtype))
