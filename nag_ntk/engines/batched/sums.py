"""Sums over neurons and products with vectors, for all networks at once: no loops, arrays of one layout.

Arrays of neurons are (n, s, k, M), those of samples (n, s, k), with s seeds and k methods; matrices (s, k, n, n).
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from nag_ntk.precision import HIGHEST


def neuron_sum(values: jax.Array, signs: jax.Array) -> jax.Array:
    """Compute sum_r (a_r / sqrt m) v_ri, (n, s, k).

    Args:
        values: (n, s, k, M).
        signs: (1, s, 1, M), a_r / sqrt m.
    """
    return jnp.sum(values * signs, axis=-1)


def counts(first: jax.Array, second: jax.Array) -> jax.Array:
    """Count the neurons active in both patterns, (n, s, k, M) bool each -> (s, k, n, n) int32; as `pattern_counts`."""
    exact = jnp.float32 if first.shape[-1] < 2**24 else jnp.float64
    product = jnp.einsum("iskr,jskr->skij", first.astype(exact), second.astype(exact), precision=HIGHEST)
    return product.astype(jnp.int32)


def times(matrices: jax.Array, vectors: jax.Array) -> jax.Array:
    """Multiply the matrix of each network, (s, k, n, n), by its vector, (n, s, k)."""
    return jnp.einsum("skij,jsk->isk", matrices, vectors, precision=HIGHEST)


def over_networks(function: Callable) -> Callable:
    """Apply a function of arrays of one network to arrays whose last two axes are seeds and methods."""
    return jax.vmap(jax.vmap(function, -1, -1), -1, -1)
