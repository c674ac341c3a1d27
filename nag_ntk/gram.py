"""Gram matrices of the gradient features, at finite width, between two times and at infinite width.

The Gram matrix H determines the decay of the residual xi: a gradient step maps xi to (I - eta H) xi up to flips. H_inf,
the limit of infinite width, gives lambda_0 and the condition number kappa of every rate in this package.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from nag_ntk.arrays import Array, Bool, Float
from nag_ntk.errors import InputError
from nag_ntk.pattern import pattern_overlap
from nag_ntk.precision import HIGHEST, on_device


def kernel(inputs: Float[Array, "n d"]) -> Float[Array, "n n"]:
    """Compute K = X X^T, (n, n)."""
    rows = on_device(inputs)
    return jnp.dot(rows, rows.T, precision=HIGHEST)


@jax.jit
def _angles(rows):
    def one(row):
        difference = jnp.linalg.norm(rows - row[None, :], axis=1)
        total = jnp.linalg.norm(rows + row[None, :], axis=1)
        return 2 * jnp.arctan2(difference, total)

    return jax.lax.map(one, rows)


def angles(inputs: Float[Array, "n d"]) -> Float[Array, "n n"]:
    """Compute the angles between unit rows, theta_ij = 2 atan2(|x_i - x_j|, |x_i + x_j|), in radians, in [0, pi].

    Args:
        inputs: (n, d), rows of unit norm.

    Returns:
        (n, n); the diagonal is exactly 0.

    Accuracy: a few roundings at every angle; arccos of the inner product loses half the digits near 0 and pi.

    Cost: O(n^2 d) operations, O(n d) memory beside the result.

    Source: Kahan 2006, How futile are mindless assessments of roundoff.

    Example:
        >>> import numpy as np
        >>> theta = angles(np.array([[1.0, 0.0], [np.cos(1e-9), np.sin(1e-9)]]))
        >>> bool(abs(theta[0, 1] - 1e-9) < 1e-24)
        True
    """
    return _angles(on_device(inputs))


def gram_limit(inputs: Float[Array, "n d"]) -> Float[Array, "n n"]:
    """Compute the Gram matrix of infinite width, H_inf_ij = x_i.x_j (pi - theta_ij) / (2 pi).

    It is the expectation E_w[x_i.x_j 1{w.x_i >= 0, w.x_j >= 0}] over w ~ N(0, I).

    Args:
        inputs: (n, d), rows of unit norm.

    Returns:
        (n, n) symmetric positive semidefinite; the diagonal is exactly 1/2.

    Raises:
        InputError: for float64 inputs while JAX has float64 switched off.

    Accuracy: each entry to a few unit roundoffs, near-parallel rows included.

    Cost: O(n^2 d).

    Source: Du, Zhai, Poczos, Singh 2019, arXiv 1810.02054 (definition of H^inf).

    Example:
        >>> import numpy as np
        >>> np.asarray(gram_limit(np.eye(2))).tolist()
        [[0.5, 0.0], [0.0, 0.5]]
    """
    rows = on_device(inputs)
    values = kernel(rows) * ((jnp.pi - angles(rows)) / (2 * jnp.pi))
    return jnp.where(jnp.eye(rows.shape[0], dtype=bool), jnp.asarray(0.5, rows.dtype), values)


def cross_gram(
    first: Bool[Array, "m n"], second: Bool[Array, "m n"], inputs: Float[Array, "n d"]
) -> Float[Array, "n n"]:
    """Compute the cross-Gram matrix H_ij(t, s) = x_i.x_j (1/m) sum_r A_ri(t) A_rj(s).

    Args:
        first: (m, n), the pattern at time t (rows of the result).
        second: (m, n), the pattern at time s (columns of the result).
        inputs: (n, d).

    Returns:
        (n, n); symmetric only if both patterns are equal.

    Example:
        >>> import numpy as np
        >>> now, before = np.array([[True, True]]), np.array([[True, False]])
        >>> cross_gram(now, before, np.array([[1.0, 0.0], [0.6, 0.8]])).tolist()
        [[1.0, 0.0], [0.6, 0.0]]
    """
    matrix = kernel(inputs)
    return matrix * pattern_overlap(jnp.asarray(first).T, jnp.asarray(second).T, matrix.dtype)


def gram(pattern: Bool[Array, "m n"], inputs: Float[Array, "n d"]) -> Float[Array, "n n"]:
    """Compute the Gram matrix at finite width, H_ij = x_i.x_j (1/m) sum_r A_ri A_rj.

    Args:
        pattern: (m, n) activation pattern.
        inputs: (n, d).

    Returns:
        (n, n) symmetric positive semidefinite.

    Cost: 2 m n^2 operations.

    Example:
        >>> import numpy as np
        >>> gram(np.array([[True, True], [True, False]]), np.eye(2)).tolist()
        [[1.0, 0.0], [0.0, 0.5]]
    """
    return cross_gram(pattern, pattern, inputs)


def extreme_eigenvalues(
    matrix: Float[Array, "*batch n n"],
) -> tuple[Float[Array, "*batch"], Float[Array, "*batch"]]:
    """Compute the smallest and the largest eigenvalue of symmetric matrices.

    Accuracy: absolute error O(n u |H|), so a smallest eigenvalue far below n u |H| is not significant.

    Example:
        >>> import numpy as np
        >>> [float(v) for v in extreme_eigenvalues(np.diag([3.0, 1.0]))]
        [1.0, 3.0]
    """
    values = jnp.linalg.eigvalsh(on_device(matrix))
    return values[..., 0], values[..., -1]


class Spectrum(NamedTuple):
    """Working spectrum of a dataset: at large width it contains the spectrum of H(0) with high probability.

    lambda_0 is the smallest and lambda_top the largest eigenvalue of H_inf. The tuning of the theorems uses the
    interval from lambda_min = 3/4 lambda_0 to lambda_max = lambda_top + 1/4 lambda_0.
    """

    lambda_0: float
    lambda_top: float

    @property
    def lambda_min(self) -> float:
        """3/4 lambda_0."""
        return 0.75 * self.lambda_0

    @property
    def lambda_max(self) -> float:
        """Largest eigenvalue of H_inf plus 1/4 lambda_0."""
        return self.lambda_top + 0.25 * self.lambda_0

    @property
    def kappa(self) -> float:
        """The condition number lambda_max / lambda_min, at least 1; InputError when lambda_0 is not positive."""
        if self.lambda_0 <= 0:
            raise InputError(
                f"the least eigenvalue of H_inf is {self.lambda_0:.3g}, so kappa does not exist; "
                "remove parallel inputs (Dataset.parallel_rows names them), or give the step size and momentum yourself"
            )
        return self.lambda_max / self.lambda_min
