"""State of one network under one method in the screened engine, and bounds on the movement of neurons.

The symbols S, Q, c_r, u_r, v_r, p_r, F, O, V, P and K are defined in the docstring of the package.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from nag_ntk.arrays import Array
from nag_ntk.engines.deviation import Reach, Touched
from nag_ntk.precision import HIGHEST, integer_dtype


class RiskNeurons(NamedTuple):
    """Neurons at risk, sorted by margin, in blocks.

    The neurons of the first `prefix` blocks have their values of the previous step, the others those of the last sort.

    Attributes:
        origin: (n, N), w_r(0).x_i.
        signs: (N,), a_r / sqrt m; 0 for padding.
        shared: (N,) bool, True if a safe neuron has the same initial pattern.
        active: (n, N) bool, the pattern.
        movement, momentum: (n, N), the coefficients c_r and their momentum terms q_r.
        flipped: (N,) bool, True if the neuron ever flipped.
        touched: (n, N) bool, the pairs that ever flipped; None unless the deviation from the linear model is recorded.
    """

    origin: Array
    signs: Array
    shared: Array
    active: Array
    movement: Array
    momentum: Array
    flipped: Array
    touched: Array | None = None


class Sums(NamedTuple):
    """Sums over all neurons.

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
    """The recursion common to all neurons, and the evolution of v_r and p_r since the last sort.

    Attributes:
        movement, momentum: S and Q, (n,).
        memory_factor, memory_decay: v_r(t) = v_r + memory_factor p_r and p_r(t) = memory_decay p_r, where v_r and p_r
            are the values at the last sort.
    """

    movement: jax.Array
    momentum: jax.Array
    memory_factor: jax.Array
    memory_decay: jax.Array


class Sorted(NamedTuple):
    """Margins and norms at the step of the last sort.

    Attributes:
        common: Common at that step.
        margin: (B,), the smallest margin min_j |z_rj| / threshold_j of each block.
        memory_change: (n,), the largest |K p_r|_j.
        order: (B, L) int, indices of the neurons, sorted by |u_r|, largest first.
        norm: (B,), the largest |u_r| of each block of `order`.
        memory_norm, memory_momentum_norm: the largest |sum_i v_ri x_i| and |sum_i p_ri x_i|.
        safe_norm: the largest |u_r| of each block of patterns of safe neurons.
    """

    common: Common
    margin: jax.Array
    memory_change: jax.Array
    order: jax.Array
    norm: jax.Array
    memory_norm: jax.Array
    memory_momentum_norm: jax.Array
    safe_norm: jax.Array


class DeviationState(NamedTuple):
    """State of the deviation from the linear model.

    Attributes:
        reach: at the step of the state.
        touched: sums and maxima over the pairs that ever flipped, up to the step before.
        constant, counts: changes of F and of m O since step 0.
    """

    reach: Reach
    touched: Touched
    constant: jax.Array
    counts: jax.Array


class ScreenedState(NamedTuple):
    """One network under one method at `step`, before this step is recorded.

    Attributes:
        risk: the neurons at risk.
        safe: (blocks, words, length) uint32, the distinct packed patterns of the safe neurons.
        sums: sums over all neurons at `step`, with the patterns of the previous step.
        now, before: the common recursion at `step` and at the previous step.
        decay: factor of the momentum term in the previous step.
        last_sort: margins and norms at the last sort.
        prefix: number of blocks of `risk` that are evaluated at every step.
        work: operations of all evaluations since the last sort.
        flips: number of pairs (r, i) whose activation differs from step 0.
        flip_reach: (B,), the largest |w_r(0).x_i| of such a pair in each block.
        majorant, majorant_momentum: (n,), the recursion of S and Q driven by |xi| in place of the residual xi.
        residual: (n,), xi at the previous step.
        step: (), int.
        deviation: of the outputs from the linear model; None unless it is recorded.
    """

    risk: RiskNeurons
    safe: jax.Array
    sums: Sums
    now: Common
    before: Common
    decay: jax.Array
    last_sort: Sorted
    prefix: jax.Array
    work: jax.Array
    flips: jax.Array
    flip_reach: jax.Array
    majorant: jax.Array
    majorant_momentum: jax.Array
    residual: jax.Array
    step: jax.Array
    deviation: DeviationState | None = None


class SeedConstants(NamedTuple):
    """Constants of one seed.

    Attributes:
        thresholds: (n,); a neuron is at risk if |w_r(0).x_j| <= threshold_j for some j, else it is safe.
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
        safe: (blocks, words, length) uint32, the packed patterns of the safe neurons; a padding pattern is 0.
    """

    outputs: Array
    counts: Array
    thresholds: Array
    max_weight: Array
    risk: RiskNeurons
    safe: Array


def stretch(kernel, change):
    """Bound |sum_i A_i x_i inputs_i| over all patterns A: the root of the sum of the positive entries of K o x x^T."""
    return jnp.sqrt(jnp.sum(jnp.maximum(kernel * change[:, None] * change[None, :], 0)))


def unpack_patterns(codes, n):
    """Unpack patterns, (words, L) uint32 -> (n, L) bool."""
    index = jnp.arange(n, dtype=jnp.uint32)
    return ((codes[index // 32] >> (index % 32)[:, None]) & jnp.uint32(1)).astype(bool)


def squared_norms(kernel, columns):
    """Compute |sum_i c_i x_i|^2 and K c for every column c."""
    product = jnp.dot(kernel, columns, precision=HIGHEST)
    ones = jnp.ones(columns.shape[0], columns.dtype)
    return jnp.maximum(jnp.dot(ones, columns * product, precision=HIGHEST), 0), product


def advance_unflipped(active, movement, momentum, earlier: Common, now: Common, factor, decay):
    """Advance movement and momentum of neurons whose pattern does not change from step `earlier` to step `now`.

    Args:
        active: the pattern of the neurons, (n, L).
        movement: c_r at step `earlier`, (n, L).
        momentum: q_r at step `earlier`, (n, L).
        earlier: the common recursion at the earlier step.
        now: the common recursion at the later step.
        factor: v_r(now) = v_r(earlier) + factor p_r(earlier).
        decay: p_r(now) = decay p_r(earlier).
    """

    def masked(vector):
        return jnp.where(active, vector[:, None], 0)

    moved = movement + masked(now.movement - earlier.movement) + factor * (momentum - masked(earlier.momentum))
    return moved, decay * momentum + masked(now.momentum - decay * earlier.momentum)


def take_columns(array, which):
    """Return array[..., which], gathered from the flat array: XLA copies a matrix twice to gather its columns."""
    if array.ndim == 1:
        return array[which]
    rows, length = array.shape
    index = integer_dtype() if array.size >= 2**31 else which.dtype
    return array.reshape(-1)[jnp.arange(rows, dtype=index)[:, None] * length + which[None, :].astype(index)]
