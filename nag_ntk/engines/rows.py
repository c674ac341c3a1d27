"""Reductions over the rows of an (n, ..., m) array, n short and m long, in a form that XLA on CPU vectorises.

At most eight slices of the rows are combined element by element, in one fused pass. XLA's own reduction over an axis
takes one element at a time, and a product with ones first writes the array of all terms; both take two to three times
as long (docs/performance-notes.md).
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from nag_ntk.precision import HIGHEST

_PARTS = 7
"""Number of whole slices; the remainder is one more. XLA makes no single pass of more than eight slices."""


def fold(array: jax.Array, combine: Callable[[jax.Array, jax.Array], jax.Array]) -> jax.Array:
    """Combine rows by an associative, commutative operation: (n, ...) -> (k, ...) with k = ceil(n / 7) or fewer.

    Example:
        >>> fold(jnp.arange(20.0).reshape(10, 2), jnp.add).tolist()
        [[40.0, 45.0], [50.0, 55.0]]
    """
    size = -(-array.shape[0] // _PARTS)
    whole = array.shape[0] // size * size
    parts = [array[k : k + size] for k in range(0, whole, size)]
    while len(parts) > 1:
        pairs = [combine(*parts[k : k + 2]) for k in range(0, len(parts) - 1, 2)]
        parts = pairs + parts[2 * len(pairs) :]
    rest = array.shape[0] - whole
    if rest == 0:
        return parts[0]
    return jnp.concatenate([combine(parts[0][:rest], array[whole:]), parts[0][rest:]])


def column_sums(array: jax.Array) -> jax.Array:
    """Sum over the rows, (..., m)."""
    partial_sums = fold(array, jnp.add)
    return jnp.tensordot(jnp.ones(partial_sums.shape[0], partial_sums.dtype), partial_sums, 1, precision=HIGHEST)


def total(array: jax.Array) -> jax.Array:
    """Sum flags or small whole numbers; int32."""
    return jnp.sum(fold(array.astype(jnp.int32), jnp.add), dtype=jnp.int32)


def largest(array: jax.Array) -> jax.Array:
    """Find the largest entry of an array without NaN and negative entries."""
    return jnp.max(fold(array, lambda x, y: jnp.where(x > y, x, y)))


def any_set(flags: jax.Array) -> jax.Array:
    """Return True if any flag is set."""
    return jnp.any(fold(flags, jnp.logical_or))


def any_row(flags: jax.Array) -> jax.Array:
    """Return True for the columns with a flag that is set, (m,) bool."""
    return jnp.any(fold(flags, jnp.logical_or), axis=0)
