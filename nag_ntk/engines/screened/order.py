"""Sort neurons by margin and by movement, and find the largest movement without looking at them all."""

import jax
import jax.numpy as jnp

from nag_ntk.engines.screened.state import (
    Common,
    Risk,
    Sorted,
    State,
    brought,
    columns_of,
    squares_of,
    stretch,
    unpack,
)


def largest(kernel, state: State, risk: Risk, prefix, square):
    """The largest |u_r|^2 of all neurons, given that of the prefix; and the number of blocks looked at."""
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

    def bound(size, memory, speed):
        first = scale * size + scaled + jnp.abs(1 - scale) * memory
        return slack * (jnp.minimum(first, size + plain) + now.grown * speed)

    def safe_block(carry):
        index, square = carry
        active = unpack(jax.lax.dynamic_index_in_dim(state.safe, index, keepdims=False), n)
        squares, _ = squares_of(kernel, jnp.where(active, now.movement[:, None], 0))
        return index + 1, jnp.maximum(square, jnp.max(squares))

    def more_safe(carry):
        index, square = carry
        size = s.safe_size[jnp.minimum(index, len(s.safe_size) - 1)]
        return (index < len(s.safe_size)) & (bound(size, 0, 0) ** 2 > square)

    none = jnp.zeros((), jnp.int32)
    safe, square = jax.lax.while_loop(more_safe, safe_block, (none, square))

    def risk_block(carry):
        index, square = carry
        which = s.order[index]
        active, movement, speed = (columns_of(x, which) for x in (risk.active, risk.movement, risk.speed))
        movement, _ = brought(active, movement, speed, s.common, now, now.grown, 1)
        squares, _ = squares_of(kernel, movement)
        # those of the prefix are at this step already, and counted
        return index + 1, jnp.maximum(square, jnp.max(jnp.where(which < prefix * length, 0, squares)))

    def more_risk(carry):
        index, square = carry
        size = s.size[jnp.minimum(index, blocks - 1)]
        return (index < blocks) & (size >= 0) & (bound(size, s.memory, s.memory_speed) ** 2 > square)

    at_risk, square = jax.lax.while_loop(more_risk, risk_block, (none, square))
    return square, safe, at_risk


def sort(kernel, thresholds, risk: Risk, safe, now: Common, blocks: int):
    """Sort everything at this step: neurons by margin and by movement, patterns by movement."""
    n = kernel.shape[0]
    length = risk.signs.shape[0] // blocks
    neurons = risk
    squares, product = squares_of(kernel, neurons.movement)
    z = neurons.origin - neurons.signs[None, :] * product
    margin = jnp.min(jnp.abs(z) / thresholds[:, None], axis=0)
    permutation = jnp.argsort(margin)
    neurons, squares, margin = jax.tree.map(lambda x: columns_of(x, permutation), (neurons, squares, margin))
    memory = jnp.where(neurons.active, neurons.movement - now.movement[:, None], neurons.movement)
    memory_speed = jnp.where(neurons.active, neurons.speed - now.speed[:, None], neurons.speed)
    memory_squares, _ = squares_of(kernel, memory)
    speed_squares, pull = squares_of(kernel, memory_speed)
    listed = (neurons.signs != 0) & (neurons.flipped | ~neurons.shared)
    size = jnp.where(listed, jnp.sqrt(squares), -1)
    order = jnp.argsort(-size)

    def norm(codes):
        return squares_of(kernel, jnp.where(unpack(codes, n), now.movement[:, None], 0))[0]

    safe_squares = jax.lax.map(norm, safe).reshape(-1)
    safe_order = jnp.argsort(-safe_squares)
    codes = jnp.moveaxis(safe, 1, 0).reshape(safe.shape[1], -1)
    codes = columns_of(codes, safe_order)
    known = Sorted(
        common=now,
        margin=margin.reshape(blocks, length)[:, 0],
        pull=jnp.max(jnp.abs(pull), axis=1),
        order=order.reshape(blocks, length).astype(jnp.int32),
        size=size[order].reshape(blocks, length)[:, 0],
        memory=jnp.sqrt(jnp.max(memory_squares)),
        memory_speed=jnp.sqrt(jnp.max(speed_squares)),
        safe_size=jnp.sqrt(safe_squares[safe_order].reshape(safe.shape[0], safe.shape[2])[:, 0]),
    )
    codes = jnp.moveaxis(codes.reshape(safe.shape[1], safe.shape[0], safe.shape[2]), 0, 1)
    initial = neurons.active != (neurons.origin >= 0)
    reach = jnp.max(jnp.where(initial, jnp.abs(neurons.origin), 0), axis=0).reshape(blocks, length).max(axis=1)
    return neurons, codes, known, reach
