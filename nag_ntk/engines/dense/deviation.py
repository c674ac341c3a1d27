"""The dense engines' part of `Deviation`: the pairs that ever flipped, in blocks, and the outputs of their neurons.

Neurons with a pair in F, and only they, deviate from the path that they would take with their initial pattern A:

    psi_i = sum_r (a_r / sqrt m) [relu(z_ri) - A_ri z'_ri],    z'_ri = z_ri(0) - (a_r / sqrt m) (K (A_r o S))_i,

summed over these neurons. The part of z_ri(0), and C_ij = #{r : A_ri A_rj} in (1/m) (K o C) S, change only when a pair
enters F.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from nag_ntk.engines import deviation
from nag_ntk.engines.deviation import Limits, Reach, Touched
from nag_ntk.engines.rows import any_row
from nag_ntk.pattern import pattern_counts
from nag_ntk.precision import HIGHEST
from nag_ntk.run import neurons
from nag_ntk.run.inputs import Shape
from nag_ntk.schedule import StepCoefficients


class TouchedBlocks(NamedTuple):
    """Members of F: `pairs` (B, n, L) bool, and the neurons with such a pair, `neurons` (B, L) bool."""

    pairs: jax.Array
    neurons: jax.Array


class TouchedSums(NamedTuple):
    """Sums over the device's neurons with a pair in F; an axis of length 1 in front, which counts devices.

    Attributes:
        touched: of the pairs themselves.
        constant: (1, n), sum_r (a_r / sqrt m) A_ri z_ri(0).
        overlap: (1, n, n) int32, C_ij = #{r : A_ri A_rj}.
    """

    touched: Touched
    constant: jax.Array
    overlap: jax.Array


class DeviationState(NamedTuple):
    """State of the deviation of one network under one method.

    Attributes:
        movement, momentum: (n,), S and its momentum term, at the step of the state.
        reach: at the step of the state.
        blocks, sums: F at the step before.
    """

    movement: jax.Array
    momentum: jax.Array
    reach: Reach
    blocks: TouchedBlocks
    sums: TouchedSums


def begin(residual, initial_momentum, shape: tuple[int, int, int]) -> DeviationState:
    """Make the state at step 0 of neurons in blocks of the shape (B, n, L)."""
    count, n, length = shape
    reach, touched = deviation.at_rest(n, residual.dtype)
    sums = TouchedSums(touched, jnp.zeros(n, residual.dtype), jnp.zeros((n, n), jnp.int32))
    blocks = TouchedBlocks(jnp.zeros(shape, bool), jnp.zeros((count, length), bool))
    return DeviationState(
        jnp.zeros_like(residual), -initial_momentum * residual, reach, blocks, jax.tree.map(lambda x: x[None], sums)
    )


def partition(seed: Any, split: Any) -> Any:
    """Return the axes of a state that are spread over devices: `seed` for what all share, `split` for the others."""
    touched = Touched(split, split, split, split)
    return DeviationState(
        seed, seed, Reach(seed, seed), TouchedBlocks(split, split), TouchedSums(touched, split, split)
    )  # fmt: skip


def look(limits: Limits, block: TouchedBlocks, sums: TouchedSums, origin, signs, now):
    """Find the pairs of a block that enter F, given its pattern `now`; return the block and the sums with them."""
    pairs = block.pairs | (now != (origin >= 0))

    def add(sums, before, after, origin, signs, members):
        touched, constant, overlap = jax.tree.map(lambda x: x[0], sums)
        joined = (origin >= 0) & (jnp.any(after, axis=0) & ~members)[None, :]
        new = TouchedSums(
            deviation.enter(limits, touched, before, after, origin),
            constant + jnp.dot(jnp.where(joined, origin, 0), signs, precision=HIGHEST),
            overlap + pattern_counts(joined, joined),
        )
        return jax.tree.map(lambda x: x[None], new)

    arrays = (block.pairs, pairs, origin, signs, block.neurons)
    sums = deviation.fold_columns(any_row(pairs != block.pairs), arrays, add, sums)
    return TouchedBlocks(pairs, any_row(pairs)), sums


def record(shape: Shape, kernel, state: DeviationState, moving) -> dict[str, jax.Array]:
    """Return this device's part of the record; `moving`, (n,), is its sum_r (a_r / sqrt m) relu(z_ri), r as in F."""
    touched, constant, overlap = jax.tree.map(lambda x: x[0], state.sums)
    linear = jnp.sum(kernel * (overlap.astype(kernel.dtype) / shape.width) * state.movement[None, :], axis=1)
    return {
        "touched": touched.pairs,
        "direct": moving - constant + linear,
        "bound": deviation.bound(kernel, touched, state.reach, shape.width),
        "flip_ratio": touched.ratio,
        "reach": touched.reach,
    }


def combine(shape: Shape, recorded: dict[str, jax.Array]) -> dict[str, jax.Array]:
    """Combine the records that the devices of a network made of their neurons."""
    largest = ("flip_ratio", "reach")
    sums = {name: part for name, part in recorded.items() if name not in largest}
    maxima = {name: recorded[name] for name in largest}
    return {**neurons.device_sum(shape, sums), **neurons.device_max(shape, maxima)}


def advance(
    kernel, state: DeviationState, residual, coefficients: StepCoefficients, increment
) -> DeviationState:  # fmt: skip
    """Advance by a step: `residual` and `coefficients` of this step, `increment` of the majorant in it."""
    movement_step, decay, momentum_step = coefficients
    movement = state.movement + state.momentum + movement_step * residual
    return state._replace(
        movement=movement,
        momentum=decay * state.momentum + momentum_step * residual,
        reach=deviation.advance(kernel, state.reach, movement, increment),
    )
