"""Sorting of the neurons by margin and by |u_r|, and a search for the largest |u_r| that evaluates few neurons.

u_r is the movement of neuron r: w_r(t) - w_r(0) = -(a_r / sqrt m) u_r. A norm at the last sort bounds the norm now, so
the search visits the blocks in the order of the last sort and stops where the bound is no larger than the largest norm
seen.
"""

import jax
import jax.numpy as jnp

from nag_ntk.engines.screened.state import (
    Common,
    RiskNeurons,
    ScreenedState,
    Sorted,
    advance_unflipped,
    squared_norms,
    stretch,
    take_columns,
    unpack_patterns,
)


def largest(kernel, state: ScreenedState, risk: RiskNeurons, prefix, square):
    """Find the largest |u_r|^2 of all neurons.

    Args:
        kernel: K, (n, n).
        state: the state of a step that is not yet recorded.
        risk: the neurons at risk; the first `prefix` blocks are evaluated at the step of the state.
        prefix: number of these blocks.
        square: the largest |u_r|^2 of the prefix.

    Returns:
        The largest |u_r|^2, and the numbers of blocks of patterns and of neurons that were evaluated.
    """
    n, blocks = kernel.shape[0], state.last_sort.margin.shape[0]
    length = risk.signs.shape[0] // blocks
    last, now = state.last_sort, state.now
    reference = jnp.dot(last.common.movement, last.common.movement)
    # scale S(last sort) is the projection of S(now)
    scale = jnp.dot(now.movement, last.common.movement) / jnp.where(reference > 0, reference, 1)
    scale = jnp.maximum(jnp.where(reference > 0, scale, 0), 0)
    rounding_factor = 1 + 64 * jnp.finfo(kernel.dtype).eps
    scaled_change = stretch(kernel, now.movement - scale * last.common.movement)
    plain_change = stretch(kernel, now.movement - last.common.movement)

    def bound(norm, memory, memory_momentum):
        """Bound |u_r| now by the norms of Sorted at the last sort."""
        with_scale = scale * norm + scaled_change + jnp.abs(1 - scale) * memory
        without_scale = norm + plain_change
        return rounding_factor * (jnp.minimum(with_scale, without_scale) + now.memory_factor * memory_momentum)

    def safe_block(carry):
        index, square = carry
        active = unpack_patterns(jax.lax.dynamic_index_in_dim(state.safe, index, keepdims=False), n)
        squares, _ = squared_norms(kernel, jnp.where(active, now.movement[:, None], 0))
        return index + 1, jnp.maximum(square, jnp.max(squares))

    def more_safe(carry):
        index, square = carry
        norm = last.safe_norm[jnp.minimum(index, len(last.safe_norm) - 1)]
        return (index < len(last.safe_norm)) & (bound(norm, 0, 0) ** 2 > square)

    first = jnp.zeros((), jnp.int32)
    safe_blocks, square = jax.lax.while_loop(more_safe, safe_block, (first, square))

    def risk_block(carry):
        index, square = carry
        which = last.order[index]
        active, movement, momentum = (take_columns(x, which) for x in (risk.active, risk.movement, risk.momentum))
        movement, _ = advance_unflipped(active, movement, momentum, last.common, now, now.memory_factor, 1)
        squares, _ = squared_norms(kernel, movement)
        # the neurons of the prefix are left out: their norms are in `square` already
        return index + 1, jnp.maximum(square, jnp.max(jnp.where(which < prefix * length, 0, squares)))

    def more_risk(carry):
        index, square = carry
        norm = last.norm[jnp.minimum(index, blocks - 1)]
        return (index < blocks) & (norm >= 0) & (bound(norm, last.memory_norm, last.memory_momentum_norm) ** 2 > square)

    risk_blocks, square = jax.lax.while_loop(more_risk, risk_block, (first, square))
    return square, safe_blocks, risk_blocks


def sort(kernel, thresholds, risk: RiskNeurons, safe, now: Common, blocks: int):
    """Sort the neurons at risk by margin and by |u_r|, and the patterns by |u_r|, at this step.

    Args:
        kernel: K, (n, n).
        thresholds: (n,).
        risk: the neurons at risk, all evaluated at this step.
        safe: packed patterns of the safe neurons, in blocks.
        now: the common recursion at this step.
        blocks: number of blocks of `risk`.

    Returns:
        The sorted neurons, the sorted patterns, a Sorted, and the flip reach of each block.
    """
    n = kernel.shape[0]
    length = risk.signs.shape[0] // blocks
    neurons = risk
    squares, product = squared_norms(kernel, neurons.movement)
    z = neurons.origin - neurons.signs[None, :] * product
    margin = jnp.min(jnp.abs(z) / thresholds[:, None], axis=0)
    permutation = jnp.argsort(margin)
    neurons, squares, margin = jax.tree.map(lambda x: take_columns(x, permutation), (neurons, squares, margin))
    memory = jnp.where(neurons.active, neurons.movement - now.movement[:, None], neurons.movement)
    memory_momentum = jnp.where(neurons.active, neurons.momentum - now.momentum[:, None], neurons.momentum)
    memory_squares, _ = squared_norms(kernel, memory)
    momentum_squares, change = squared_norms(kernel, memory_momentum)
    is_listed = (neurons.signs != 0) & (neurons.flipped | ~neurons.shared)
    norm = jnp.where(is_listed, jnp.sqrt(squares), -1)
    order = jnp.argsort(-norm)

    def safe_squared_norms(codes):
        return squared_norms(kernel, jnp.where(unpack_patterns(codes, n), now.movement[:, None], 0))[0]

    safe_squares = jax.lax.map(safe_squared_norms, safe).reshape(-1)
    safe_order = jnp.argsort(-safe_squares)
    codes = jnp.moveaxis(safe, 1, 0).reshape(safe.shape[1], -1)
    codes = take_columns(codes, safe_order)
    result = Sorted(
        common=now,
        margin=margin.reshape(blocks, length)[:, 0],
        memory_change=jnp.max(jnp.abs(change), axis=1),
        order=order.reshape(blocks, length).astype(jnp.int32),
        norm=norm[order].reshape(blocks, length)[:, 0],
        memory_norm=jnp.sqrt(jnp.max(memory_squares)),
        memory_momentum_norm=jnp.sqrt(jnp.max(momentum_squares)),
        safe_norm=jnp.sqrt(safe_squares[safe_order].reshape(safe.shape[0], safe.shape[2])[:, 0]),
    )
    codes = jnp.moveaxis(codes.reshape(safe.shape[1], safe.shape[0], safe.shape[2]), 0, 1)
    flipped = neurons.active != (neurons.origin >= 0)
    flip_reach = jnp.max(jnp.where(flipped, jnp.abs(neurons.origin), 0), axis=0).reshape(blocks, length).max(axis=1)
    return neurons, codes, result, flip_reach
