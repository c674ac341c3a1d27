"""State of the batched engines: all networks of a group of seeds under all methods, on axes of the same arrays."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec

from nag_ntk.engines.dense.state import DenseState, InitialNetwork, PatternStatistics
from nag_ntk.engines.deviation import Reach
from nag_ntk.run.inputs import NEURONS, SEEDS, Shape
from nag_ntk.schedule import StepCoefficients


class BatchedNetworks(NamedTuple):
    """The networks of s seeds at step 0.

    Attributes:
        preactivation: (n, s, 1, M), w_r(0).x_i; axis 2 is that of the methods.
        signs: (1, s, 1, M), a_r / sqrt m.
        max_weight: (s, 1), max |w_r(0)|.
    """

    preactivation: jax.Array
    signs: jax.Array
    max_weight: jax.Array


class BatchedDeviation(NamedTuple):
    """State of the deviation from the linear model, see engines/deviation.py.

    Attributes:
        movement, momentum: (n, s, k), S and its momentum term, at the step of the state.
        reach: (n, s, k) each, at the step of the state.
        pairs: (n, s, k, M) bool, the pairs in F at the step before.
        ratio: (s, k), the largest quotient of |w_r(0).x_i| and what `Limits` allow, over the pairs in F.
    """

    movement: jax.Array
    momentum: jax.Array
    reach: Reach
    pairs: jax.Array
    ratio: jax.Array


class BatchedState(NamedTuple):
    """s networks under k methods, after step - 1 is recorded and before `step` is recorded; see `DenseState`.

    Attributes:
        movement, momentum: u and q, (rows, s, k, M), at step - 1.
        pattern: (n, s, k, M) bool, at step - 1.
        preactivation: (n, s, k, M), at step - 1; None unless the recursion is recorded.
        residual: (n, s, k), at step - 1.
        coefficients: (1, 1, k) each, of the pending update.
        majorant, majorant_momentum: (n, s, k), at `step`.
        step: (), int.
        deviation: None unless the deviation from the linear model is recorded.
    """

    movement: jax.Array
    momentum: jax.Array
    pattern: jax.Array
    preactivation: jax.Array | None
    residual: jax.Array
    coefficients: StepCoefficients
    majorant: jax.Array
    majorant_momentum: jax.Array
    step: jax.Array
    deviation: BatchedDeviation | None


def partition(shape: Shape) -> tuple[BatchedNetworks, BatchedState]:
    """Return the axes of (BatchedNetworks, BatchedState) that are spread over devices."""
    everywhere: Any = PartitionSpec()
    seed: Any = PartitionSpec(SEEDS)
    vector: Any = PartitionSpec(None, SEEDS)
    split: Any = PartitionSpec(None, SEEDS, None, NEURONS)
    deviation = BatchedDeviation(vector, vector, Reach(vector, vector), split, seed) if shape.deviation else None
    return BatchedNetworks(split, split, seed), BatchedState(
        movement=split, momentum=split, pattern=split, preactivation=split if shape.recursion else None,
        residual=vector, coefficients=StepCoefficients(everywhere, everywhere, everywhere), majorant=vector,
        majorant_momentum=vector, step=everywhere, deviation=deviation,
    )  # fmt: skip


def as_dense(initial: BatchedNetworks, state: BatchedState) -> tuple[InitialNetwork, DenseState]:
    """Return the same networks as the dense engines store them, in one block, without statistics of their patterns."""
    _, seeds, methods, _ = state.pattern.shape
    zero = jnp.zeros((seeds, methods, 1), state.residual.dtype)

    def blocks(array):
        return jnp.moveaxis(array, 0, 2)[:, :, None]

    def vectors(array):
        return jnp.moveaxis(array, 0, -1)

    coefficients = (jnp.broadcast_to(each[0], (seeds, methods)) for each in state.coefficients)
    return (
        InitialNetwork(
            jnp.moveaxis(initial.preactivation, 0, 2), initial.signs.reshape(seeds, 1, -1), initial.max_weight[:, 0]
        ),
        DenseState(
            movement=blocks(state.movement),
            momentum=blocks(state.momentum),
            pattern=blocks(state.pattern),
            residual=vectors(state.residual),
            coefficients=StepCoefficients(*coefficients),
            majorant=vectors(state.majorant),
            majorant_momentum=vectors(state.majorant_momentum),
            statistics=PatternStatistics(zero.astype(jnp.int32), zero, None),
            step=jnp.broadcast_to(state.step, (seeds, methods)),
        ),
    )
