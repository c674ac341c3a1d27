"""What the engines record of the pairs (neuron, sample) that ever flipped: `Deviation` of run/trajectory.py.

F is the set of the pairs (r, i) whose activation differed from step 0 at some step so far. The filter S is the movement
of the method's recursion driven by the residual itself, as if no pattern ever changed; B mu bounds what a step can add
to the difference between the outputs and this linear model. Derived in docs/theory/flip-set.md and output-deviation.md.
The engines look at the pairs of a block of neurons only in a step in which one of them may have flipped.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from nag_ntk.pattern import pattern_counts

_FEW = 16
"""Up to so many neurons are taken one at a time; beyond it, products over all neurons of a block cost less."""


class Reach(NamedTuple):
    """How far pre-activations may have moved, at the step of the state; all (n,).

    Attributes:
        linear: b_i, the largest sqrt(m) |z_ri(s) - z_ri(0)| of any neuron that never flipped, over the steps s so far.
        increment: mu_i, what the majorant of the coefficients grew by in the last step.
    """

    linear: jax.Array
    increment: jax.Array


class Touched(NamedTuple):
    """Sums and maxima over the pairs in F.

    Attributes:
        pairs: () int32, |F|.
        counts: (n, n) int32, the neurons for which i and j are both in F or active at step 0, and one of them is in F.
        ratio: (), the largest quotient of |w_r(0).x_i| and what `Limits` allow, each when the pair entered F.
        reach: (n,), the largest |w_r(0).x_i| of a pair in F, for each sample.
    """

    pairs: jax.Array
    counts: jax.Array
    ratio: jax.Array
    reach: jax.Array


class Limits(NamedTuple):
    """Sizes of |w_r(0).x_i| up to which a pair may flip, rounding included; (n,) each.

    Attributes:
        first: of a neuron that never flipped.
        later: of a neuron that may have flipped on another sample.
    """

    first: jax.Array
    later: jax.Array


def spread(kernel, change):
    """Bound |K (A o x)|_j over all patterns A: max(sum_i (K_ij x_i)+, sum_i (K_ij x_i)-), (n,)."""
    moved = kernel * change[None, :]
    return jnp.maximum(jnp.sum(jnp.maximum(moved, 0), axis=-1), jnp.sum(jnp.maximum(-moved, 0), axis=-1))


def at_rest(n: int, dtype) -> tuple[Reach, Touched]:
    """Return the values at step 0, at which nothing has moved."""
    vector, none = jnp.zeros(n, dtype), jnp.zeros((), jnp.int32)
    touched = Touched(none, jnp.zeros((n, n), jnp.int32), jnp.zeros((), dtype), vector)
    return Reach(vector, vector), touched


def limits(kernel, reach: Reach, majorant, error_bound, sqrt_width) -> Limits:
    """Compute the sizes up to which pairs may have flipped.

    Args:
        kernel: K, (n, n).
        reach: at this step.
        majorant: (n,), M, bound on the coefficients |c_ri| of every neuron at this step.
        error_bound: (), on the rounding error of a pre-activation; once for the pre-activation, once for the limit.
        sqrt_width: (), the root of m.
    """
    allowance = 2 * error_bound
    later = jnp.sum(jnp.abs(kernel) * majorant[None, :], axis=1)
    return Limits(reach.linear / sqrt_width + allowance, later / sqrt_width + allowance)


def fold_columns(marked, arrays, add: Callable[..., Any], totals):
    """Call totals = add(totals, *arrays) for the marked columns: for each alone if they are few, else once for all.

    Args:
        marked: (L,) bool.
        arrays: arrays whose last axis has length L. Each call of `add` gets all of their columns, or one; columns that
            are not marked must add nothing.
        add: the function.
        totals: any tree of arrays.
    """

    def whole(carry):
        return jnp.zeros((), bool), jnp.zeros_like(marked), add(carry[2], *arrays)

    def one(carry):
        left, totals = carry
        which = jnp.argmax(left)
        return left.at[which].set(False), add(
            totals, *(jax.lax.dynamic_slice_in_dim(array, which, 1, axis=-1) for array in arrays)
        )

    # A loop with at most one iteration stands for a branch: XLA copies the arrays that a branch returns. The flag tells
    # XLA that there is no second one; otherwise it computes what does not change in the loop before it, in every step.
    many = jnp.sum(marked, dtype=jnp.int32) > _FEW
    _, left, totals = jax.lax.while_loop(lambda carry: carry[0], whole, (many, marked, totals))
    return jax.lax.while_loop(lambda carry: jnp.any(carry[0]), one, (left, totals))[1]


def quotients(limits: Limits, size) -> jax.Array:
    """Divide |w_r(0).x_i| by what the limits allow the pair, (n, ..., L).

    Args:
        limits: (n, ...) each.
        size: |w_r(0).x_i|, (n, ..., L).
    """
    first, largest = limits.first[..., None], jnp.maximum(*limits)[..., None]
    near = (size <= first).astype(jnp.int32)
    elsewhere = jnp.sum(near, axis=0, dtype=jnp.int32)[None] > near  # near the boundary of another sample
    return size / jnp.where(elsewhere, largest, first)


def enter(limits: Limits, touched: Touched, before, after, origin) -> Touched:
    """Add the pairs of some neurons that enter F.

    A pair needs a look only in the step in which it enters: the limits never decrease, so it stays within them, and
    its quotient is largest then.

    Args:
        limits: the sizes up to which pairs may flip at this step.
        touched: sums and maxima so far.
        before: (n, L) bool, the neurons' part of F before this step.
        after: (n, L) bool, the same after it.
        origin: (n, L), w_r(0).x_i of the neurons.
    """
    size, active, new = jnp.abs(origin), origin >= 0, after & ~before

    def counts(pairs):
        either, quiet = pairs | active, active & ~pairs
        return pattern_counts(either, either) - pattern_counts(quiet, quiet)

    return Touched(
        pairs=touched.pairs + jnp.sum(new, dtype=jnp.int32),
        counts=touched.counts + counts(after) - counts(before),
        ratio=jnp.maximum(touched.ratio, jnp.max(jnp.where(new, quotients(limits, size), 0))),
        reach=jnp.maximum(touched.reach, jnp.max(jnp.where(new, size, 0), axis=1)),
    )


def bound(kernel, touched: Touched, reach: Reach, width: int):
    """Compute B mu, (n,): a bound on what the last step added to the deviation from the linear model."""
    share = jnp.abs(kernel) * (touched.counts.astype(kernel.dtype) / width)
    return jnp.sum(share * reach.increment[None, :], axis=1)


def advance(kernel, reach: Reach, movement, increment) -> Reach:
    """Advance `Reach` by a step; `movement` is S after the step, `increment` what the majorant grows by in it."""
    return Reach(jnp.maximum(reach.linear, spread(kernel, movement)), increment)
