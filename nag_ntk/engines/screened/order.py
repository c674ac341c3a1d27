"""Sorting of the neurons by margin and by movement, and search for the largest movement among few of them."""

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
        state: before it is observed at its step.
        risk: the neurons at risk, the prefix at this step.
        prefix: number of blocks at this step.
        square: the largest |u_r|^2 of the prefix.

    Returns:
        It, and the numbers of blocks of patterns and of neurons that were evaluated.
    """
    n, blocks = kernel.shape[0], state.sorted.margin.shape[0]
    length = risk.signs.shape[0] // blocks
    s, now = state.sorted, state.now
    reference = jnp.dot(s.common.movement, s.common.movement)
    scale = jnp.dot(now.movement, s.common.movement) / jnp.where(reference > 0, reference, 1)
    scale = jnp.maximum(jnp.where(reference > 0, scale, 0), 0)
    slack = 1 + 64 * jnp.finfo(kernel.dtype).eps
    scaled, plain = (
        stretch(kernel, now.movement - scale * s.common.movement),
        stretch(kernel, now.movement - s.common.movement),
    )

    def bound(norm, memory, memory_momentum):
        """Bound |u_r| now, given norms at the sorting."""
        first = scale * norm + scaled + jnp.abs(1 - scale) * memory
        return slack * (jnp.minimum(first, norm + plain) + now.memory_factor * memory_momentum)

    def safe_block(carry):
        index, square = carry
        active = unpack_patterns(jax.lax.dynamic_index_in_dim(state.safe, index, keepdims=False), n)
        squares, _ = squared_norms(kernel, jnp.where(active, now.movement[:, None], 0))
        return index + 1, jnp.maximum(square, jnp.max(squares))

    def more_safe(carry):
        index, square = carry
        norm = s.safe_norm[jnp.minimum(index, len(s.safe_norm) - 1)]
        return (index < len(s.safe_norm)) & (bound(norm, 0, 0) ** 2 > square)

    none = jnp.zeros((), jnp.int32)
    safe, square = jax.lax.while_loop(more_safe, safe_block, (none, square))

    def risk_block(carry):
        index, square = carry
        which = s.order[index]
        active, movement, momentum = (take_columns(x, which) for x in (risk.active, risk.movement, risk.momentum))
        movement, _ = advance_unflipped(active, movement, momentum, s.common, now, now.memory_factor, 1)
        squares, _ = squared_norms(kernel, movement)
        # those of the prefix are at this step already, and counted
        return index + 1, jnp.maximum(square, jnp.max(jnp.where(which < prefix * length, 0, squares)))

    def more_risk(carry):
        index, square = carry
        norm = s.norm[jnp.minimum(index, blocks - 1)]
        return (index < blocks) & (norm >= 0) & (bound(norm, s.memory_norm, s.memory_momentum_norm) ** 2 > square)

    at_risk, square = jax.lax.while_loop(more_risk, risk_block, (none, square))
    return square, safe, at_risk


def sort(kernel, thresholds, risk: RiskNeurons, safe, now: Common, blocks: int):
    """Sort neurons by margin and by movement, and patterns by movement, at this step.

    Args:
        kernel: K, (n, n).
        thresholds: (n,).
        risk: the neurons at risk, all at this step.
        safe: packed patterns of the others, in blocks.
        now: the common recursion at this step.
        blocks: number of blocks of `risk`.

    Returns:
        Sorted neurons and patterns, a Sorted, and the flip reach of each block.
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
