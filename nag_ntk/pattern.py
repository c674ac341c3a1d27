"""Activation patterns A_ri = 1{w_r . x_i >= 0}, and bounds on their change near the initialisation.

At w_r . x_i = 0 a neuron counts as active. The set S_i(R) = {r : |w_r(0) . x_i| <= R} contains every neuron that can
flip on sample i if no neuron moves by more than R (inputs of unit norm).
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from nag_ntk.arrays import Array, Bool, Float, Int
from nag_ntk.precision import HIGHEST, on_device


def preactivations(weights: Float[Array, "m d"], inputs: Float[Array, "n d"]) -> Float[Array, "m n"]:
    """Compute the pre-activations Z = W X^T at the highest precision that the device offers.

    Args:
        weights: (m, d).
        inputs: (n, d), rows of unit norm.

    Returns:
        (m, n), Z_ri = w_r . x_i.

    Accuracy: |Z_ri - exact| <= gamma_d |w_r|.|x_i|.
    """
    return jnp.dot(on_device(weights), on_device(inputs).T, precision=HIGHEST)


def activation_pattern(weights: Float[Array, "m d"], inputs: Float[Array, "n d"]) -> Bool[Array, "m n"]:
    """Compute the pattern A_ri = 1{w_r . x_i >= 0}.

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
    """Compute the share of (neuron, sample) pairs on which two patterns differ.

    Args:
        pattern: (m, n) bool.
        reference: (m, n) bool.

    Example:
        >>> import numpy as np
        >>> float(flip_fraction(np.array([[True, False]]), np.array([[True, True]])))
        0.5
    """
    return jnp.mean(jnp.asarray(pattern) != jnp.asarray(reference), dtype=float)


def pattern_counts(
    first: Bool[Array, "n m"] | Int[Array, "n m"], second: Bool[Array, "n m"] | Int[Array, "n m"]
) -> Int[Array, "n n"]:
    """Count the neurons active in both patterns, sum_r first_ir second_jr, (n, n) int32; neurons on the last axis.

    A change of pattern, with entries -1, 0 and 1, counts with its signs.

    Accuracy: exact (float32 accumulates integers exactly below 2^24 neurons, float64 beyond).
    """
    exact = jnp.float32 if first.shape[1] < 2**24 else jnp.float64
    return jnp.dot(first.astype(exact), second.astype(exact).T, precision=HIGHEST).astype(jnp.int32)


def pattern_overlap(first: Bool[Array, "n m"], second: Bool[Array, "n m"], dtype) -> Float[Array, "n n"]:
    """Compute (1/m) sum_r first_ir second_jr, (n, n), from exact counts; neurons on the last axis."""
    return pattern_counts(first, second).astype(dtype) / first.shape[1]


class OverlapRange(NamedTuple):
    """Bounds on the overlaps o_ij = (1/m) #{r : A_ri A_rj} if every neuron moves by at most R.

    Each field is (..., R, n, n), with one entry per radius on the axis R.

    Attributes:
        least: (1/m) #{r : A_ri A_rj, r in neither S_i(R) nor S_j(R)}, a lower bound on o_ij.
        most: (1/m) #{r : (A_ri or r in S_i(R)) and (A_rj or r in S_j(R))}, an upper bound.
        at_risk: (1/m) #{r : A_ri, r in S_j(R)}, a bound on |(1/m) sum_r A_ri (A'_rj - A_rj)|; not symmetric.
    """

    least: Array
    most: Array
    at_risk: Array


def overlap_range(preactivation: Float[Array, "n m"], radii: Float[Array, " R"]) -> OverlapRange:
    """Bound the overlaps of the patterns of all networks within R of this one, for each radius.

    Args:
        preactivation: (n, m), neurons last.
        radii: (R,), distances that each neuron may move; the inputs have unit norm.

    Returns:
        An OverlapRange, arrays (R, n, n).

    Cost: 6 R m n^2 operations.

    Source: derived, docs/theory/gram-stability.md and remainder-bound.md.

    Example:
        >>> import numpy as np
        >>> z = np.array([[0.5, -2.0], [0.05, 1.0]])
        >>> bounds = overlap_range(z, np.array([0.1]))
        >>> [part[0].tolist() for part in bounds]
        [[[0.5, 0.0], [0.0, 0.5]], [[0.5, 0.5], [0.5, 1.0]], [[0.0, 0.5], [0.0, 0.5]]]
    """
    z = jnp.asarray(preactivation)
    active = z >= 0

    def one(radius):
        near = jnp.abs(z) <= radius
        certain, possible = active & ~near, active | near
        return OverlapRange(
            pattern_overlap(certain, certain, z.dtype),
            pattern_overlap(possible, possible, z.dtype),
            pattern_overlap(active, near, z.dtype),
        )

    if not len(radii):  # without jit a loop over nothing has no result
        return OverlapRange(*3 * (jnp.zeros((0, len(z), len(z)), z.dtype),))
    return jax.lax.map(one, jnp.asarray(radii))


def near_boundary_count(preactivation: Float[Array, "n m"], radii: Float[Array, " R"]) -> Int[Array, "R n"]:
    """Count |S_i(R)| = #{r : |z_ri| <= R} for each radius and sample.

    Args:
        preactivation: (n, m), neurons last.
        radii: (R,), radii in units of the inputs' norm.

    Returns:
        (R, n) int32. At initialisation |S_i(R)| ~ Binomial(m, erf(R / sqrt 2)).
    """
    size = jnp.abs(jnp.asarray(preactivation))
    return jax.lax.map(lambda radius: jnp.sum(size <= radius, axis=1, dtype=jnp.int32), jnp.asarray(radii))
