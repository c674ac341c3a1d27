"""Reductions over the rows of an (n, m) array, n short and m long, in the form that XLA on CPU vectorises.

The rows are combined in eighths: at most eight slices of about n/8 rows, element by element in one fused pass. XLA's
own reduction over an axis takes one element at a time, and a product with ones first writes the array of all terms;
both take two to three times as long (docs/performance-notes.md).
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from nag_ntk.precision import HIGHEST

_PARTS = 8
"""Beyond sixteen or so slices XLA no longer makes one pass of them."""


def folded(array: jax.Array, combine: Callable[[jax.Array, jax.Array], jax.Array], neutral) -> jax.Array:
    """(n, m) -> (ceil(n / 8), m), rows combined; an associative operation with a neutral element.

    Example:
        >>> import numpy as np
        >>> folded(np.arange(20.0).reshape(10, 2), jnp.add, 0).tolist()
        [[40.0, 45.0], [50.0, 55.0]]
    """
    size = -(-array.shape[0] // _PARTS)
    parts = [array[k : k + size] for k in range(0, array.shape[0], size)]
    missing = size - parts[-1].shape[0]
    parts[-1] = jnp.pad(parts[-1], ((0, missing), (0, 0)), constant_values=neutral)
    while len(parts) > 1:
        pairs = [combine(*parts[k : k + 2]) for k in range(0, len(parts) - 1, 2)]
        parts = pairs + parts[2 * len(pairs) :]
    return parts[0]


def column_sums(array: jax.Array) -> jax.Array:
    """Sums over the rows, (m,)."""
    few = folded(array, jnp.add, 0)
    return jnp.dot(jnp.ones(few.shape[0], few.dtype), few, precision=HIGHEST)


def total(array: jax.Array) -> jax.Array:
    """How many flags are set, or the sum of small whole numbers; int32."""
    return jnp.sum(folded(array.astype(jnp.int32), jnp.add, 0), dtype=jnp.int32)


def largest(array: jax.Array) -> jax.Array:
    """The largest entry of an array without NaN and negative entries."""
    return jnp.max(folded(array, lambda x, y: jnp.where(x > y, x, y), 0))


def some(flags: jax.Array) -> jax.Array:
    """Whether any flag is set."""
    return jnp.any(folded(flags, jnp.logical_or, False))
