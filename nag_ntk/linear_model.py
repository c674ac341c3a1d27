"""Linear model of the residual xi: its recursion without flips, with a constant Gram matrix H.

V(t+1) = M V(t),  V(t) = [xi(t); xi(t-1)],
M = [[(1+beta) I - eta (1+gamma) H,  -beta I + eta gamma H], [I, 0]]

On an eigenvector of H with eigenvalue lambda this is xi(t+1) = a xi(t) - c xi(t-1) with a = 1 + beta - (1+gamma) z,
c = beta - gamma z and z = eta lambda.
"""

import math

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
    _require_constant(method)
    h = on_device(matrix)
    one = jnp.eye(h.shape[0], dtype=h.dtype)
    now = (1 + method.beta) * one - method.eta * (1 + method.gamma) * h
    before = -method.beta * one + method.eta * method.gamma * h
    return jnp.block([[now, before], [one, jnp.zeros_like(one)]])


def spectral_radius(method: Method, eigenvalues: Float[Array, "*batch n"]) -> Float[np.ndarray, "*batch"]:
    """Compute the rate of the linear model: the largest modulus of the eigenvalues of its companion matrix.

    These are the roots of x^2 - a x + c with a = 1 + beta - (1+gamma) z, c = beta - gamma z and z = eta lambda, for
    every eigenvalue lambda of H. The linear model is stable if the radius is below 1: then its residual tends to 0, in
    the long run by the radius at every step, times at most a power of the step where roots coincide.

    Args:
        method: (eta, beta, gamma), the same at every step.
        eigenvalues: of H, (..., n).

    Returns:
        (...), float64, the largest over the last axis.

    Raises:
        InputError: for a method whose parameters change with the step.

    Example:
        >>> from nag_ntk import gradient_descent
        >>> float(spectral_radius(gradient_descent(0.5), np.array([1.0, 0.2])))
        0.9
    """
    _require_constant(method)
    z = method.eta * np.asarray(eigenvalues)
    half, c = np.abs(1 + method.beta - (1 + method.gamma) * z) / 2, method.beta - method.gamma * z
    mean = np.sqrt(np.abs(c))  # the modulus of complex roots
    # sqrt(half^2 - c) without squares, which could overflow
    gap = np.where(c < 0, np.hypot(half, mean), np.sqrt(np.maximum(half - mean, 0)) * np.sqrt(half + mean))
    return np.asarray(np.maximum(mean, half + gap).max(axis=-1))


def radius_interval(beta: float, gamma: float, radius: float = 1.0) -> tuple[float, float]:
    """Compute for which z = eta lambda both roots of x^2 - (1 + beta - (1+gamma) z) x + beta - gamma z are small.

    Both have a modulus of at most r exactly if z >= 0 lies in an interval, whose ends solve the conditions of Jury:
    z (r - gamma (1-r)) >= (1-r) (r - beta), z (r + gamma (1+r)) <= (1+r) (r + beta) and gamma z >= beta - r^2. For
    r = 1 it is [0, 2 (1+beta) / (1 + 2 gamma)], and the linear model is stable inside.

    A spectrum [lambda_0, lambda_max] has spectral radius at most r exactly if eta lambda_0 >= low and eta lambda_max <=
    high.

    Args:
        beta: momentum in [0, 1).
        gamma: weight of the change of the gradient, not negative: 0 for heavy ball, beta for Nesterov.
        radius: r in (0, 1]; 1 for the boundary of stability.

    Returns:
        (low, high), or (NaN, NaN) if no z will do.

    Raises:
        InputError: if a number is out of range.

    Source: docs/tuning.md.

    Example:
        >>> radius_interval(0.5, 0.0), radius_interval(0.5, 0.5)
        ((0.0, 3.0), (0.0, 1.5))
        >>> radius_interval(0.25, 0.0, 0.5)  # Polyak's tuning: (1 - sqrt beta)^2 and (1 + sqrt beta)^2
        (0.25, 2.25)
    """
    if not (0 <= beta < 1 and 0 <= gamma < math.inf and 0 < radius <= 1):
        raise InputError(
            f"beta in [0, 1), gamma >= 0 and a radius in (0, 1] are needed, got {beta!r}, {gamma!r} and {radius!r}"
        )
    r, low, high = radius, 0.0, (1 + radius) * (radius + beta) / (radius + gamma * (1 + radius))
    # (coefficient, value): coefficient * z >= value
    for coefficient, value in (
        (r - gamma * (1 - r), (1 - r) * (r - beta)),
        (gamma, beta - r * r),
    ):
        if coefficient > 0:
            low = max(low, value / coefficient)
        elif coefficient < 0:
            high = min(high, value / coefficient)
        elif value > 0:
            return math.nan, math.nan
    return (low, high) if low <= high else (math.nan, math.nan)


def _require_constant(method: Method) -> None:
    if not method.constant:
        raise InputError(f"{method.name} has another companion matrix at every step: its numbers are not constant")


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
