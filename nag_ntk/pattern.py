"""Activation patterns: which neuron is active on which sample, and which are close to a change.

A_ri = 1{w_r . x_i >= 0}; the convention at 0 is active. The sets S_i(R) = {r : |w_r(0) . x_i| <= R} hold every
neuron that can flip while no neuron moves by more than R (inputs of unit norm).
"""

import jax
import jax.numpy as jnp

from nag_ntk.arrays import Array, Bool, Float, Int
from nag_ntk.precision import HIGHEST, on_device


def preactivations(weights: Float[Array, "m d"], inputs: Float[Array, "n d"]) -> Float[Array, "m n"]:
    """Z = W X^T at the highest precision that the device offers.

    Args:
        weights: (m, d).
        inputs: (n, d), rows of unit norm.

    Returns:
        (m, n), Z_ri = w_r . x_i.

    Accuracy: |Z_ri - exact| <= gamma_d |w_r|.|x_i|.
    """
    return jnp.dot(on_device(weights), on_device(inputs).T, precision=HIGHEST)


def activation_pattern(weights: Float[Array, "m d"], inputs: Float[Array, "n d"]) -> Bool[Array, "m n"]:
    """The pattern A_ri = 1{w_r . x_i >= 0}.

    Args:
        weights: (m, d).
        inputs: (n, d).

    Returns:
        (m, n) bool.

    Cost: 2 m n d operations.

    Example:
        >>> import numpy as np
        >>> activation_pattern(np.eye(2), np.array([[1.0, 0.0], [-0.6, 0.8]])).tolist()
        [[True, False], [True, True]]
    """
    return preactivations(weights, inputs) >= 0


def flip_fraction(pattern: Bool[Array, "m n"], reference: Bool[Array, "m n"]) -> Float[Array, ""]:
    """The share of (neuron, sample) pairs on which two patterns differ.

    Example:
        >>> import numpy as np
        >>> float(flip_fraction(np.array([[True, False]]), np.array([[True, True]])))
        0.5
    """
    return jnp.mean(jnp.asarray(pattern) != jnp.asarray(reference), dtype=float)


def near_boundary_count(preactivation: Float[Array, "n m"], radii: Float[Array, " R"]) -> Int[Array, "R n"]:
    """|S_i(R)| = #{r : |z_ri| <= R} for each radius and sample.

    Args:
        preactivation: (n, m), neurons last.
        radii: (R,), radii in units of the inputs' norm.

    Returns:
        (R, n) int32. At initialisation |S_i(R)| ~ Binomial(m, erf(R / sqrt 2)).
    """
    size = jnp.abs(jnp.asarray(preactivation))
    return jax.lax.map(lambda radius: jnp.sum(size <= radius, axis=1, dtype=jnp.int32), jnp.asarray(radii))
