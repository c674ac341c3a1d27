"""What one network under one method carries along in screened space, and the bounds on what can move."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from nag_ntk.arrays import Array
from nag_ntk.precision import HIGHEST, whole_dtype


class Risk(NamedTuple):
    """Neurons at risk, sorted by margin, in blocks.

    Those of the first `prefix` blocks are held as of the step before, the others as of the sorting.

    z_r(0) (n, N); a_r / sqrt m (N,), 0 for padding; whether a neuron that cannot flip has the same pattern (N,); the
    pattern, movement u and speed q (n, N); whether it ever flipped (N,).
    """

    origin: Array
    signs: Array
    shared: Array
    active: Array
    movement: Array
    speed: Array
    flipped: Array


class Sums(NamedTuple):
    """Sums over all neurons: F (n,), counts m O (n, n) int, V and P (n, n) with the coefficient first."""

    constant: jax.Array
    counts: jax.Array
    memory: jax.Array
    memory_speed: jax.Array


class Common(NamedTuple):
    """S and Q, (n,) each, and how far memory has come since: v(t) = v + grown p, p(t) = left p."""

    movement: jax.Array
    speed: jax.Array
    grown: jax.Array
    left: jax.Array


class Sorted(NamedTuple):
    """What was known when the neurons were sorted.

    Common at that step; the least margin of each block (B,), in units of the thresholds; the largest |K p_r|_j (n,);
    neurons in the order of |u_r|, largest first (B, L), and the largest of each block (B,); the largest |v_r| and
    |p_r|; for the patterns of neurons that cannot flip the largest norm of each block.
    """

    common: Common
    margin: jax.Array
    pull: jax.Array
    order: jax.Array
    size: jax.Array
    memory: jax.Array
    memory_speed: jax.Array
    safe_size: jax.Array


class State(NamedTuple):
    """One network under one method, before it is observed at `step`."""

    risk: Risk
    safe: jax.Array
    sums: Sums
    now: Common
    before: Common
    decay: jax.Array
    sorted: Sorted
    prefix: jax.Array
    work: jax.Array
    flips: jax.Array
    reach: jax.Array
    majorant: jax.Array
    majorant_speed: jax.Array
    residual: jax.Array
    step: jax.Array


class Fixed(NamedTuple):
    """One seed: the thresholds (n,) of |z_rj(0)| below which a neuron is at risk, and max |w_r|."""

    thresholds: jax.Array
    size: jax.Array


class Drawn(NamedTuple):
    """One network at step 0: f(X) (n,), counts m O (n, n), Fixed's two, neurons at risk, patterns of the others.

    The patterns are packed, (blocks, words, length) uint32; padded with patterns that are nowhere active.
    """

    outputs: Array
    counts: Array
    thresholds: Array
    size: Array
    risk: Risk
    safe: Array


def spread(kernel, change):
    """max(sum_i (K_ij x_i)+, sum_i (K_ij x_i)-), (n,): the most that a product K (A o x) can be in size, any A."""
    moved = kernel * change[None, :]
    return jnp.maximum(jnp.sum(jnp.maximum(moved, 0), axis=-1), jnp.sum(jnp.maximum(-moved, 0), axis=-1))


def stretch(kernel, change):
    """A bound on |sum_i A_i x_i inputs_i|, any A: the root of the sum of the positive entries of K o x x^T."""
    return jnp.sqrt(jnp.sum(jnp.maximum(kernel * change[:, None] * change[None, :], 0)))


def unpack(codes, n):
    """(n, L) bool patterns from (words, L) uint32."""
    index = jnp.arange(n, dtype=jnp.uint32)
    return ((codes[index // 32] >> (index % 32)[:, None]) & jnp.uint32(1)).astype(bool)


def squares_of(kernel, columns):
    """|sum_i c_i x_i|^2 of columns c, and K c."""
    product = jnp.dot(kernel, columns, precision=HIGHEST)
    ones = jnp.ones(columns.shape[0], columns.dtype)
    return jnp.maximum(jnp.dot(ones, columns * product, precision=HIGHEST), 0), product


def brought(active, movement, speed, then: Common, now: Common, grown, left):
    """Movement and speed of neurons whose pattern has not changed between two steps."""

    def masked(vector):
        return jnp.where(active, vector[:, None], 0)

    moved = movement + masked(now.movement - then.movement) + grown * (speed - masked(then.speed))
    return moved, left * speed + masked(now.speed - left * then.speed)


def columns_of(array, which):
    """array[..., which], from the flat array: XLA turns a gather of columns into two copies of the whole."""
    if array.ndim == 1:
        return array[which]
    rows, length = array.shape
    index = whole_dtype() if array.size >= 2**31 else which.dtype
    return array.reshape(-1)[jnp.arange(rows, dtype=index)[:, None] * length + which[None, :].astype(index)]
