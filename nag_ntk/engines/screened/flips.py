"""Evaluation of the neurons that may have flipped, and update of the sums over all neurons by their flips.

The symbols are defined in the docstring of the package.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from nag_ntk.engines import deviation
from nag_ntk.engines.deviation import Limits, Touched
from nag_ntk.engines.rows import any_row
from nag_ntk.engines.screened.state import Common, RiskNeurons, ScreenedState, Sums, advance_unflipped, squared_norms
from nag_ntk.precision import HIGHEST


def _slice(tree, index, length):
    """Take the columns index * length, ..., (index + 1) * length - 1 of every array."""
    return jax.tree.map(lambda x: jax.lax.dynamic_slice_in_dim(x, index * length, length, x.ndim - 1), tree)


def _write(tree, new, index, length):
    """Replace the columns that `_slice` takes."""
    return jax.tree.map(lambda x, y: jax.lax.dynamic_update_slice_in_dim(x, y, index * length, x.ndim - 1), tree, new)


class Evaluation(NamedTuple):
    """Results of an evaluation, added up over the evaluated blocks.

    Attributes:
        square: the largest |u_r|^2.
        undecided: number of signs that rounding leaves undecided.
        flips: change of the number of pairs (r, j) whose activation differs from step 0.
        flip_reach: (B,), the largest |w_r(0).x_j| of such a pair in each block.
        sums: change of Sums.
        cross, forward, backward: terms of the residual recursion, see docs/theory/residual-recursion.md.
        touched: over the pairs that ever flipped; None unless the deviation from the linear model is recorded.
    """

    square: jax.Array
    undecided: jax.Array
    flips: jax.Array
    flip_reach: jax.Array
    sums: Sums
    cross: jax.Array
    forward: jax.Array
    backward: jax.Array
    touched: Touched | None


def _flip_changes(block: RiskNeurons, active, movement, momentum, now: Common, initial_z, old_z, z) -> tuple:
    """Compute the changes by the flips of one block.

    Returns:
        The change of Sums, where V and P lack the factor 1/m, and `cross`, `forward`, `backward` of `Evaluation`.
    """
    dtype = movement.dtype
    before, after = block.active.astype(dtype), active.astype(dtype)
    pattern_change = after - before

    def product(first, second):
        return jnp.dot(first, second.T, precision=HIGHEST)

    sums = Sums(
        jnp.dot(pattern_change * initial_z, block.signs, precision=HIGHEST),
        (product(after, after) - product(before, before)).astype(jnp.int32),
        product(movement, pattern_change) - now.movement[:, None] * (product(after, after) - product(before, before)),
        product(momentum, pattern_change) - now.momentum[:, None] * (product(after, after) - product(before, before)),
    )
    cross = -product(after, pattern_change).astype(jnp.int32)
    forward = jnp.dot(pattern_change * z, block.signs, precision=HIGHEST)
    backward = -jnp.dot(pattern_change * old_z, block.signs, precision=HIGHEST)
    return sums, cross, forward, backward


def evaluate(kernel, state: ScreenedState, prefix, error_bound, width: int, limits: Limits | None = None):
    """Evaluate the neurons of the first `prefix` blocks at this step, and find their flips.

    Args:
        kernel: K, (n, n).
        state: the state of a step that is not yet recorded.
        prefix: number of blocks.
        error_bound: on the rounding error of a pre-activation.
        width: m.
        limits: sizes up to which pairs may flip; None to leave the record of the pairs that ever flipped as it is.

    Returns:
        The neurons at risk, the first `prefix` blocks updated, and an Evaluation.
    """
    n = kernel.shape[0]
    dtype, length = kernel.dtype, state.risk.signs.shape[0] // state.last_sort.margin.shape[0]
    names = ("active", "movement", "momentum", "flipped") + (() if limits is None else ("touched",))
    moving = {name: getattr(state.risk, name) for name in names}

    def evaluate_block(block, index, evaluation):
        current = index < state.prefix
        earlier = jax.tree.map(lambda x, y: jnp.where(current, x, y), state.before, state.last_sort.common)
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
            pairs = None
            if limits is not None:
                ever = block.touched | flipped
                touched = deviation.fold_columns(
                    any_row(ever != block.touched), (block.touched, ever, block.origin),
                    partial(deviation.enter, limits), evaluation.touched,
                )  # fmt: skip
                pairs = ever, touched
            return pairs, flips, jnp.max(jnp.where(flipped, jnp.abs(block.origin), 0)), sums, *terms

        def without_flips(_):
            zero, square, count = jnp.zeros(n, dtype), jnp.zeros((n, n), dtype), jnp.zeros((n, n), jnp.int32)
            return (
                None if limits is None else (block.touched, evaluation.touched),
                jnp.zeros((), jnp.int32),
                evaluation.flip_reach[index],
                Sums(zero, count, square, square),
                count,
                zero,
                zero,
            )

        pairs, flips, flip_reach, *change = jax.lax.cond(changed, with_flips, without_flips, None)
        sums, cross, forward, backward = jax.tree.map(
            jnp.add, tuple(change), (evaluation.sums, evaluation.cross, evaluation.forward, evaluation.backward)
        )
        result = Evaluation(
            square=jnp.maximum(evaluation.square, jnp.max(squares)),
            undecided=evaluation.undecided + jnp.sum(jnp.abs(z) <= error_bound, dtype=jnp.int32),
            flips=evaluation.flips + flips,
            flip_reach=evaluation.flip_reach.at[index].set(flip_reach),
            sums=sums, cross=cross, forward=forward, backward=backward,
            touched=evaluation.touched if pairs is None else pairs[1],
        )  # fmt: skip
        updated = {
            "active": active, "movement": movement, "momentum": momentum,
            "flipped": block.flipped | jnp.any(active != block.active, axis=0),
        }  # fmt: skip
        if pairs is not None:
            updated["touched"] = pairs[0]
        return updated, result

    def one_block(carry):
        index, moving, evaluation = carry
        block = _slice(state.risk._replace(**moving), index, length)
        # a branch, so that XLA takes the slices out before it writes into the same buffers
        updated, evaluation = jax.lax.cond(
            index < prefix,
            evaluate_block,
            lambda block, index, evaluation: ({name: getattr(block, name) for name in moving}, evaluation),
            block,
            index,
            evaluation,
        )
        return index + 1, _write(moving, updated, index, length), evaluation

    zero, square, count = jnp.zeros(n, dtype), jnp.zeros((n, n), dtype), jnp.zeros((n, n), jnp.int32)
    zero_count = jnp.zeros((), jnp.int32)
    evaluation = Evaluation(
        jnp.zeros((), dtype),
        zero_count,
        zero_count,
        state.flip_reach,
        Sums(zero, count, square, square),
        count,
        zero,
        zero,
        None if state.deviation is None else state.deviation.touched,
    )
    _, moving, evaluation = jax.lax.while_loop(
        lambda carry: carry[0] < prefix, one_block, (zero_count, moving, evaluation)
    )
    risk = state.risk._replace(**moving)
    sums = evaluation.sums._replace(
        memory=evaluation.sums.memory / width, memory_momentum=evaluation.sums.memory_momentum / width
    )
    return risk, evaluation._replace(sums=sums)
