"""Evaluation of the neurons that may flip, and update of the sums over all neurons by their flips."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from nag_ntk.engines.screened.state import Common, RiskNeurons, ScreenedState, Sums, advance_unflipped, squared_norms
from nag_ntk.precision import HIGHEST


def _slice(tree, index, length):
    """Take the columns index * length, ..., (index + 1) * length - 1 of every array."""
    return jax.tree.map(lambda x: jax.lax.dynamic_slice_in_dim(x, index * length, length, x.ndim - 1), tree)


def _write(tree, new, index, length):
    """Replace the columns that `_slice` takes."""
    return jax.tree.map(lambda x, y: jax.lax.dynamic_update_slice_in_dim(x, y, index * length, x.ndim - 1), tree, new)


class _Evaluation(NamedTuple):
    """Results of an evaluation: largest |u|^2, undecided signs, change of flips and of Sums, terms of the recursion."""

    square: jax.Array
    undecided: jax.Array
    flips: jax.Array
    flip_reach: jax.Array
    sums: Sums
    cross: jax.Array
    forward: jax.Array
    backward: jax.Array


def _flip_changes(block: RiskNeurons, active, movement, momentum, now: Common, initial_z, old_z, z) -> tuple:
    """Compute the changes by the flips of one block: Sums without the factor 1/m of V and P; terms of the recursion."""
    dtype = movement.dtype
    before, after = block.active.astype(dtype), active.astype(dtype)
    turned = after - before

    def product(first, second):
        return jnp.dot(first, second.T, precision=HIGHEST)

    sums = Sums(
        jnp.dot(turned * initial_z, block.signs, precision=HIGHEST),
        (product(after, after) - product(before, before)).astype(jnp.int32),
        product(movement, turned) - now.movement[:, None] * (product(after, after) - product(before, before)),
        product(momentum, turned) - now.momentum[:, None] * (product(after, after) - product(before, before)),
    )
    cross = -product(after, turned).astype(jnp.int32)
    forward = jnp.dot(turned * z, block.signs, precision=HIGHEST)
    backward = -jnp.dot(turned * old_z, block.signs, precision=HIGHEST)
    return sums, cross, forward, backward


def evaluate(kernel, state: ScreenedState, prefix, error_bound, width: int):
    """Bring the first `prefix` blocks to this step and find their flips.

    Args:
        kernel: K, (n, n).
        state: before it is observed at its step.
        prefix: number of blocks.
        error_bound: on the rounding error of a pre-activation.
        width: m.

    Returns:
        The neurons at risk, and an _Evaluation.
    """
    n = kernel.shape[0]
    dtype, length = kernel.dtype, state.risk.signs.shape[0] // state.sorted.margin.shape[0]
    moving = {name: getattr(state.risk, name) for name in ("active", "movement", "momentum", "flipped")}

    def evaluate_block(block, index, evaluation):
        current = index < state.prefix
        earlier = jax.tree.map(lambda x, y: jnp.where(current, x, y), state.before, state.sorted.common)
        factor = jnp.where(current, 1, state.now.memory_factor)
        decay = jnp.where(current, state.decay, state.now.memory_decay)
        movement, momentum = advance_unflipped(
            block.active, block.movement, block.momentum, earlier, state.now, factor, decay
        )
        squares, product = squared_norms(kernel, movement)
        z = block.origin - block.signs[None, :] * product
        active = z >= 0
        changed = jnp.any(active != block.active)

        def with_flips(_):
            old_movement, _ = advance_unflipped(
                block.active, block.movement, block.momentum, earlier, state.before,
                jnp.where(current, 0, state.before.memory_factor), 1,
            )  # fmt: skip
            old_z = block.origin - block.signs[None, :] * jnp.dot(kernel, old_movement, precision=HIGHEST)
            sums, *terms = _flip_changes(block, active, movement, momentum, state.now, block.origin, old_z, z)
            initial = block.origin >= 0
            flipped = active != initial
            flips = jnp.sum(flipped, dtype=jnp.int32) - jnp.sum(block.active != initial, dtype=jnp.int32)
            return flips, jnp.max(jnp.where(flipped, jnp.abs(block.origin), 0)), sums, *terms

        def without_flips(_):
            zero, square, count = jnp.zeros(n, dtype), jnp.zeros((n, n), dtype), jnp.zeros((n, n), jnp.int32)
            return (
                jnp.zeros((), jnp.int32),
                evaluation.flip_reach[index],
                Sums(zero, count, square, square),
                count,
                zero,
                zero,
            )

        flips, flip_reach, *change = jax.lax.cond(changed, with_flips, without_flips, None)
        sums, cross, forward, backward = jax.tree.map(
            jnp.add, tuple(change), (evaluation.sums, evaluation.cross, evaluation.forward, evaluation.backward)
        )
        result = _Evaluation(
            square=jnp.maximum(evaluation.square, jnp.max(squares)),
            undecided=evaluation.undecided + jnp.sum(jnp.abs(z) <= error_bound, dtype=jnp.int32),
            flips=evaluation.flips + flips,
            flip_reach=evaluation.flip_reach.at[index].set(flip_reach),
            sums=sums, cross=cross, forward=forward, backward=backward,
        )  # fmt: skip
        following = {
            "active": active, "movement": movement, "momentum": momentum,
            "flipped": block.flipped | jnp.any(active != block.active, axis=0),
        }  # fmt: skip
        return following, result

    def one(carry):
        index, moving, evaluation = carry
        block = _slice(state.risk._replace(**moving), index, length)
        # a branch, so that XLA takes the slices out before it writes into the same buffers
        following, evaluation = jax.lax.cond(
            index < prefix,
            evaluate_block,
            lambda block, index, evaluation: ({name: getattr(block, name) for name in moving}, evaluation),
            block,
            index,
            evaluation,
        )
        return index + 1, _write(moving, following, index, length), evaluation

    zero, square, count = jnp.zeros(n, dtype), jnp.zeros((n, n), dtype), jnp.zeros((n, n), jnp.int32)
    none = jnp.zeros((), jnp.int32)
    evaluation = _Evaluation(
        jnp.zeros((), dtype), none, none, state.flip_reach, Sums(zero, count, square, square), count, zero, zero
    )
    _, moving, evaluation = jax.lax.while_loop(lambda carry: carry[0] < prefix, one, (none, moving, evaluation))
    risk = state.risk._replace(**moving)
    sums = evaluation.sums._replace(
        memory=evaluation.sums.memory / width, memory_momentum=evaluation.sums.memory_momentum / width
    )
    return risk, evaluation._replace(sums=sums)
