"""State of one network under one method in screened space, and the bounds on movements."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from nag_ntk.arrays import Array
from nag_ntk.precision import HIGHEST, integer_dtype


class RiskNeurons(NamedTuple):
    """Neurons at risk, sorted by margin, in blocks.

    Neurons of the first `prefix` blocks are stored as of the step before, the others as of the sorting.

    Attributes:
        origin: (n, N), w_r(0).x_i.
        signs: (N,), a_r / sqrt m; 0 for padding.
        shared: (N,) bool, True if a neuron that cannot flip has the same initial pattern.
        active: (n, N) bool, the pattern.
        movement, momentum: (n, N), the coefficients of u and of the momentum term q.
        flipped: (N,) bool, True if the neuron ever flipped.
    """

    origin: Array
    signs: Array
    shared: Array
    active: Array
    movement: Array
    momentum: Array
    flipped: Array


class Sums(NamedTuple):
    """Sums over all neurons, in the notation of the package's docstring.

    Attributes:
        constant: F, (n,).
        counts: m O, (n, n) int.
        memory, memory_momentum: V and P, (n, n), the index of the coefficient first.
    """

    constant: jax.Array
    counts: jax.Array
    memory: jax.Array
    memory_momentum: jax.Array


class Common(NamedTuple):
    """The recursion common to all neurons, and the evolution of memory since the sorting.

    Attributes:
        movement, momentum: S and Q, (n,).
        memory_factor, memory_decay: v(t) = v + memory_factor p and p(t) = memory_decay p.
    """

    movement: jax.Array
    momentum: jax.Array
    memory_factor: jax.Array
    memory_decay: jax.Array


class Sorted(NamedTuple):
    """Margins and norms at the step of the last sorting.

    Attributes:
        common: Common at that step.
        margin: (B,), the least margin of each block, in units of the thresholds.
        memory_change: (n,), the largest |K p_r|_j.
        order: (B, L) int, neurons by |u_r|, largest first.
        norm: (B,), the largest |u_r| of each block of that order.
        memory_norm, memory_momentum_norm: the largest |v_r| and |p_r|.
        safe_norm: the largest |u_r| of each block of patterns of neurons that cannot flip.
    """

    common: Common
    margin: jax.Array
    memory_change: jax.Array
    order: jax.Array
    norm: jax.Array
    memory_norm: jax.Array
    memory_momentum_norm: jax.Array
    safe_norm: jax.Array


class ScreenedState(NamedTuple):
    """One network under one method, before it is observed at `step`.

    Attributes:
        risk: the neurons at risk.
        safe: (blocks, words, length) uint32, the distinct packed patterns of the neurons that cannot flip.
        sums: over all neurons, at `step` up to its flips.
        now, before: the common recursion at `step` and at the step before.
        decay: factor of the momentum term in the step before.
        sorted: margins and norms at the last sorting.
        prefix: number of blocks of `risk` that are evaluated at every step.
        work: operations of all evaluations since the last sorting.
        flips: pairs that differ from step 0.
        flip_reach: (B,), the largest |w_r(0).x_i| of such a pair in each block.
        majorant, majorant_momentum: (n,), the recursion of the coefficients driven by |xi|.
        residual: (n,), at the step before.
        step: (), int.
    """

    risk: RiskNeurons
    safe: jax.Array
    sums: Sums
    now: Common
    before: Common
    decay: jax.Array
    sorted: Sorted
    prefix: jax.Array
    work: jax.Array
    flips: jax.Array
    flip_reach: jax.Array
    majorant: jax.Array
    majorant_momentum: jax.Array
    residual: jax.Array
    step: jax.Array


class SeedConstants(NamedTuple):
    """Constants of one seed.

    Attributes:
        thresholds: (n,), a neuron is at risk when |w_r(0).x_j| is at most threshold_j for some j.
        max_weight: max |w_r(0)|.
    """

    thresholds: jax.Array
    max_weight: jax.Array


class ScreenedNetwork(NamedTuple):
    """One network at step 0.

    Attributes:
        outputs: f(X), (n,).
        counts: m O, (n, n).
        thresholds, max_weight: as in SeedConstants.
        risk: the neurons at risk.
        safe: (blocks, words, length) uint32, the packed patterns of the others; padding is nowhere active.
    """

    outputs: Array
    counts: Array
    thresholds: Array
    max_weight: Array
    risk: RiskNeurons
    safe: Array


def spread(kernel, change):
    """Bound |K (A o x)|_j over all patterns A: max(sum_i (K_ij x_i)+, sum_i (K_ij x_i)-), (n,)."""
    moved = kernel * change[None, :]
    return jnp.maximum(jnp.sum(jnp.maximum(moved, 0), axis=-1), jnp.sum(jnp.maximum(-moved, 0), axis=-1))


def stretch(kernel, change):
    """Bound |sum_i A_i x_i inputs_i| over all patterns A: the root of the sum of the positive entries of K o x x^T."""
    return jnp.sqrt(jnp.sum(jnp.maximum(kernel * change[:, None] * change[None, :], 0)))


def unpack_patterns(codes, n):
    """Unpack patterns, (words, L) uint32 -> (n, L) bool."""
    index = jnp.arange(n, dtype=jnp.uint32)
    return ((codes[index // 32] >> (index % 32)[:, None]) & jnp.uint32(1)).astype(bool)


def squared_norms(kernel, columns):
    """Compute |sum_i c_i x_i|^2 of columns c, and K c."""
    product = jnp.dot(kernel, columns, precision=HIGHEST)
    ones = jnp.ones(columns.shape[0], columns.dtype)
    return jnp.maximum(jnp.dot(ones, columns * product, precision=HIGHEST), 0), product


def advance_unflipped(active, movement, momentum, earlier: Common, now: Common, factor, decay):
    """Advance movement and momentum of neurons whose pattern does not change from step `earlier` to step `now`.

    Args:
        active: their pattern, (n, L).
        movement: at step `earlier`, (n, L).
        momentum: likewise.
        earlier: the common recursion at that step.
        now: the common recursion at the later step.
        factor: v(now) = v(earlier) + factor p(earlier).
        decay: p(now) = decay p(earlier).
    """

    def masked(vector):
        return jnp.where(active, vector[:, None], 0)

    moved = movement + masked(now.movement - earlier.movement) + factor * (momentum - masked(earlier.momentum))
    return moved, decay * momentum + masked(now.momentum - decay * earlier.momentum)


def take_columns(array, which):
    """Take array[..., which] from the flat array: XLA turns a gather of columns into two copies of the whole."""
    if array.ndim == 1:
        return array[which]
    rows, length = array.shape
    index = integer_dtype() if array.size >= 2**31 else which.dtype
    return array.reshape(-1)[jnp.arange(rows, dtype=index)[:, None] * length + which[None, :].astype(index)]
