"""Linear model of the residual xi: its recursion without flips, with a constant Gram matrix H.

V(t+1) = M V(t),  V(t) = [xi(t); xi(t-1)],
M = [[(1+beta) I - eta (1+gamma) H,  -beta I + eta gamma H], [I, 0]]
"""

import jax
import jax.numpy as jnp
import numpy as np

from nag_ntk.arrays import Array, Float
from nag_ntk.errors import InputError
from nag_ntk.method import Method
from nag_ntk.precision import HIGHEST, on_device


def companion_matrix(method: Method, matrix: Float[Array, "n n"]) -> Float[Array, "2*n 2*n"]:
    """Build the companion matrix M of a method on a symmetric H.

    Args:
        method: (eta, beta, gamma), the same at every step.
        matrix: H, (n, n).

    Returns:
        (2n, 2n).

    Raises:
        InputError: for a method whose parameters change with the step.

    Example:
        >>> import numpy as np
        >>> from nag_ntk import heavy_ball
        >>> companion_matrix(heavy_ball(1.0, 0.5), np.array([[0.5]])).tolist()
        [[1.0, -0.5], [1.0, 0.0]]
    """
    if not method.constant:
        raise InputError(f"{method.name} has another companion matrix at every step: its numbers are not constant")
    h = on_device(matrix)
    one = jnp.eye(h.shape[0], dtype=h.dtype)
    now = (1 + method.beta) * one - method.eta * (1 + method.gamma) * h
    before = -method.beta * one + method.eta * method.gamma * h
    return jnp.block([[now, before], [one, jnp.zeros_like(one)]])


def companion_power_norms(method: Method, eigenvalues: Float[Array, " n"], powers: int) -> Float[Array, " t"]:
    """Compute the spectral norms |M^k| for k = 0..powers from the eigenvalues of H.

    M, the companion matrix, is orthogonally similar to one 2 x 2 block for each eigenvalue.

    Args:
        method: (eta, beta, gamma).
        eigenvalues: eigenvalues of H, (n,).
        powers: the largest k.

    Returns:
        (powers + 1,).

    Cost: O(n powers).

    Example:
        >>> import numpy as np
        >>> from nag_ntk import nesterov
        >>> norms = companion_power_norms(nesterov(0.5, 0.5), np.array([1.0, 0.1]), 3)
        >>> float(norms[0])
        1.0
    """
    values = on_device(eigenvalues)
    blocks = jax.vmap(lambda value: companion_matrix(method, value[None, None]))(values)

    def next_power(power, _):
        return jnp.einsum("nij,njk->nik", blocks, power, precision=HIGHEST), _norm(power)

    first = jnp.broadcast_to(jnp.eye(2, dtype=values.dtype), blocks.shape)
    return jax.lax.scan(next_power, first, None, length=powers + 1)[1]


def _norm(blocks: jax.Array) -> jax.Array:
    """Compute the largest spectral norm of 2 x 2 matrices: the larger root of s^2 - |B|_F^2 s + det(B)^2."""
    total = jnp.sum(blocks * blocks, axis=(-2, -1))
    determinant = blocks[..., 0, 0] * blocks[..., 1, 1] - blocks[..., 0, 1] * blocks[..., 1, 0]
    gap = jnp.sqrt(jnp.maximum((total - 2 * determinant) * (total + 2 * determinant), 0))
    return jnp.sqrt(jnp.max((total + gap) / 2))


def linear_residual(
    method: Method,
    matrix: Float[Array, "n n"],
    residual: Float[Array, " n"],
    steps: int,
    start: str = "gradient",
) -> Float[Array, "t n"]:
    """Compute the residual of the linear model at the steps 0..T.

    Args:
        method: (eta, beta, gamma).
        matrix: H, (n, n) symmetric.
        residual: xi(0), (n,).
        steps: T.
        start: "gradient" (xi(-1) = xi(0)) or "extrapolated" (no gradient before step 0).

    Returns:
        (T+1, n).

    Example:
        >>> import numpy as np
        >>> from nag_ntk import gradient_descent
        >>> linear_residual(gradient_descent(0.5), np.eye(1), np.ones(1), 2).ravel().tolist()
        [1.0, 0.5, 0.25]
    """
    h, first = on_device(matrix), on_device(residual)
    h_first = jnp.dot(h, first, precision=HIGHEST)
    h_before = h_first if start == "gradient" else jnp.zeros_like(h_first)
    schedule = jnp.asarray(np.pad(method.schedule(steps), ((0, 1), (0, 0))), dtype=first.dtype)

    def one_step(carry, coefficients):
        now, before, h_before = carry
        eta, beta, gamma = coefficients
        h_now = jnp.dot(h, now, precision=HIGHEST)
        next_residual = now + beta * (now - before) - eta * ((1 + gamma) * h_now - gamma * h_before)
        return (next_residual, now, h_now), now

    return jax.lax.scan(one_step, (first, first, h_before), schedule)[1]
