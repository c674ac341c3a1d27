"""What the compiled part of a run is told, whatever the engine; the mesh of devices; the growing momentum."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
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
    """The arrays of a run that all seeds share: coordinates (n, p), targets (n,), coefficients (k, 4) of Method.

    Steps are taken up to number `last`; from there on everything stays where it is, so that the end of the last chunk
    is the end of the run.
    """

    coordinates: Array
    targets: Array
    coefficients: Array
    radii: Array
    overlap_radii: Array
    key: Array
    last: Array | int = np.iinfo(np.int32).max - 1

    @property
    def kernel(self) -> jax.Array:
        """K = X X^T, (n, n)."""
        return jnp.dot(self.coordinates, self.coordinates.T, precision=HIGHEST)


class Pace(NamedTuple):
    """One step of a method: u += q + push G, q = decay q + lift G."""

    push: jax.Array
    decay: jax.Array
    lift: jax.Array


SEEDS, NEURONS = "seed", "neuron"
"""The axes of the mesh of devices."""


def over_mesh(shape: Shape, function, arguments, results):
    """`function` of (problem, ...) on each device's part; `arguments`, `results` say how the rest is partitioned."""
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


def _ramp(step: jax.Array, delay: jax.Array) -> jax.Array:
    """The growth of the momentum, t / (t + r); 1 for the delay 0."""
    t = step.astype(delay.dtype)
    return jnp.where(delay > 0, t / jnp.where(delay > 0, t + delay, 1), 1)


def pace(coefficients: jax.Array, step: jax.Array) -> Pace:
    """The numbers of one step from eta, beta, gamma and the delay, (4,)."""
    eta, beta, gain, delay = coefficients
    now, soon = _ramp(step, delay), _ramp(step + 1, delay)
    decay = beta * soon
    return Pace(eta * (1 + gain * now), decay, eta * (decay * (1 + gain * now) - gain * soon))


def pace_until(last: Array | int, coefficients: jax.Array, step: jax.Array) -> Pace:
    """The same, bringing a network to rest at step `last`: no speed arrives there, and no push leaves from there."""
    usual = pace(coefficients, step)
    moving, arriving = step < last, step + 1 < last
    return Pace(
        jnp.where(moving, usual.push, 0), jnp.where(arriving, usual.decay, 0), jnp.where(arriving, usual.lift, 0)
    )


def first_pull(start: str, coefficients: jax.Array) -> jax.Array:
    """-q(0) = eta gamma(0) drive(G(0)) for the gradient start, 0 for the extrapolated one: the factor."""
    eta, _, gain, delay = coefficients
    if start != "gradient":
        return jnp.zeros_like(eta)
    return eta * (gain * _ramp(jnp.zeros((), jnp.int32), delay))


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
