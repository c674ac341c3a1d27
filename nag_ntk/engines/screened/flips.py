"""Find out which neurons flip: evaluate those that the bound has reached, and pass their flips on to the sums."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from nag_ntk.engines.screened.state import Common, Risk, State, Sums, brought, squares_of
from nag_ntk.precision import HIGHEST


def _slice(tree, index, length):
    """Columns index * length, ... of every array."""
    return jax.tree.map(lambda x: jax.lax.dynamic_slice_in_dim(x, index * length, length, x.ndim - 1), tree)


def _write(tree, new, index, length):
    return jax.tree.map(lambda x, y: jax.lax.dynamic_update_slice_in_dim(x, y, index * length, x.ndim - 1), tree, new)


class _Tally(NamedTuple):
    """What an evaluation found: largest |u|^2, undecided signs, change of flips and Sums, terms of the recursion."""

    square: jax.Array
    undecided: jax.Array
    flips: jax.Array
    reach: jax.Array
    sums: Sums
    cross: jax.Array
    forward: jax.Array
    backward: jax.Array


def _transfer(block: Risk, active, movement, speed, now: Common, origin_z, earlier_z, z) -> tuple:
    """What the flips of one block change: Sums without the factor 1/m of V and P, and the terms of the recursion."""
    dtype = movement.dtype
    before, after = block.active.astype(dtype), active.astype(dtype)
    turned = after - before

    def over(first, second):
        return jnp.dot(first, second.T, precision=HIGHEST)

    sums = Sums(
        jnp.dot(turned * origin_z, block.signs, precision=HIGHEST),
        (over(after, after) - over(before, before)).astype(jnp.int32),
        over(movement, turned) - now.movement[:, None] * (over(after, after) - over(before, before)),
        over(speed, turned) - now.speed[:, None] * (over(after, after) - over(before, before)),
    )
    cross = -over(after, turned).astype(jnp.int32)
    forward = jnp.dot(turned * z, block.signs, precision=HIGHEST)
    backward = -jnp.dot(turned * earlier_z, block.signs, precision=HIGHEST)
    return sums, cross, forward, backward


def evaluate(kernel, state: State, prefix, doubt, width: int):
    """Bring the blocks below `prefix` to this step, see which neurons flip; (risk, _Tally)."""
    n = kernel.shape[0]
    dtype, length = kernel.dtype, state.risk.signs.shape[0] // state.sorted.margin.shape[0]
    moving = {name: getattr(state.risk, name) for name in ("active", "movement", "speed", "flipped")}

    def seen(block, index, tally):
        current = index < state.prefix
        then = jax.tree.map(lambda x, y: jnp.where(current, x, y), state.before, state.sorted.common)
        grown = jnp.where(current, 1, state.now.grown)
        left = jnp.where(current, state.decay, state.now.left)
        movement, speed = brought(block.active, block.movement, block.speed, then, state.now, grown, left)
        squares, product = squares_of(kernel, movement)
        z = block.origin - block.signs[None, :] * product
        active = z >= 0
        changed = jnp.any(active != block.active)

        def with_flips(_):
            earlier, _ = brought(
                block.active, block.movement, block.speed, then, state.before,
                jnp.where(current, 0, state.before.grown), 1,
            )  # fmt: skip
            earlier_z = block.origin - block.signs[None, :] * jnp.dot(kernel, earlier, precision=HIGHEST)
            sums, *terms = _transfer(block, active, movement, speed, state.now, block.origin, earlier_z, z)
            initial = block.origin >= 0
            flipped = active != initial
            flips = jnp.sum(flipped, dtype=jnp.int32) - jnp.sum(block.active != initial, dtype=jnp.int32)
            return flips, jnp.max(jnp.where(flipped, jnp.abs(block.origin), 0)), sums, *terms

        def without(_):
            zero, square, count = jnp.zeros(n, dtype), jnp.zeros((n, n), dtype), jnp.zeros((n, n), jnp.int32)
            return jnp.zeros((), jnp.int32), tally.reach[index], Sums(zero, count, square, square), count, zero, zero

        flips, reach, *change = jax.lax.cond(changed, with_flips, without, None)
        sums, cross, forward, backward = jax.tree.map(
            jnp.add, tuple(change), (tally.sums, tally.cross, tally.forward, tally.backward)
        )
        found = _Tally(
            square=jnp.maximum(tally.square, jnp.max(squares)),
            undecided=tally.undecided + jnp.sum(jnp.abs(z) <= doubt, dtype=jnp.int32),
            flips=tally.flips + flips,
            reach=tally.reach.at[index].set(reach),
            sums=sums, cross=cross, forward=forward, backward=backward,
        )  # fmt: skip
        following = {
            "active": active, "movement": movement, "speed": speed,
            "flipped": block.flipped | jnp.any(active != block.active, axis=0),
        }  # fmt: skip
        return following, found

    def one(carry):
        index, moving, tally = carry
        block = _slice(state.risk._replace(**moving), index, length)
        # a branch, so that XLA takes the slices out before it writes into the same buffers
        following, found = jax.lax.cond(
            index < prefix,
            seen,
            lambda block, index, tally: ({name: getattr(block, name) for name in moving}, tally),
            block,
            index,
            tally,
        )
        return index + 1, _write(moving, following, index, length), found

    zero, square, count = jnp.zeros(n, dtype), jnp.zeros((n, n), dtype), jnp.zeros((n, n), jnp.int32)
    none = jnp.zeros((), jnp.int32)
    tally = _Tally(jnp.zeros((), dtype), none, none, state.reach, Sums(zero, count, square, square), count, zero, zero)
    _, moving, tally = jax.lax.while_loop(lambda carry: carry[0] < prefix, one, (none, moving, tally))
    risk = state.risk._replace(**moving)
    sums = tally.sums._replace(memory=tally.sums.memory / width, memory_speed=tally.sums.memory_speed / width)
    return risk, tally._replace(sums=sums)
