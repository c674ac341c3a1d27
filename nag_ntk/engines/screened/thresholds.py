"""How far a pre-activation may move, foretold by the linear model: the thresholds below which a neuron is at risk."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import erf

from nag_ntk.engines.screened.state import spread
from nag_ntk.gram import angles, gram_limit
from nag_ntk.precision import HIGHEST, unit_roundoff
from nag_ntk.problem import Problem, Shape
from nag_ntk.schedule import unpacked

SAMPLES = 16
MARGIN = 1.5
"""The linear model's prediction is widened by this factor."""


@jax.jit
def _movement(coordinates, pulls, paces, grams, residuals, steps):
    """The largest spread_j(S(t)), t = 0..T, over methods, for each residual at step 0, (q, n), without flips."""
    kernel = jnp.dot(coordinates, coordinates.T, precision=HIGHEST)

    def one(method):
        pull, table = method

        def step(index, carry):
            movement, speed, most = carry
            push, decay, lift = unpacked(table[index])
            residual = residuals - jnp.einsum("qij,qj->qi", grams, movement, precision=HIGHEST)
            moved = jax.vmap(partial(spread, kernel))(movement)
            # maximum keeps NaN: a run that leaves the floating range is seen
            return movement + speed + push * residual, decay * speed + lift * residual, jnp.maximum(most, moved)

        zero = jnp.zeros_like(residuals)
        begin = (zero, -pull * residuals, zero)
        return jax.lax.fori_loop(0, steps + 1, step, begin)[2]

    return jnp.max(jax.lax.map(one, (pulls, paces)), axis=0)


def output_covariance(inputs: np.ndarray) -> np.ndarray:
    """E f(x_i) f(x_j) at initialisation, (sin theta + (pi - theta) cos theta) / (2 pi), (n, n).

    Source: Cho and Saul 2009, the arc-cosine kernel of degree 1 (recalled).
    """
    theta = np.asarray(angles(inputs))
    return (np.sin(theta) + (np.pi - theta) * np.cos(theta)) / (2 * np.pi)


def typical_residuals(inputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """(16, n) residuals at step 0 drawn from their law for wide networks, always the same."""
    values, vectors = np.linalg.eigh(output_covariance(inputs))
    normal = np.random.default_rng(0).standard_normal((SAMPLES, len(targets)))
    return (normal * np.sqrt(np.maximum(values, 0))) @ vectors.T - targets


def predicted(
    shape: Shape, paces: np.ndarray, problem: Problem, grams: np.ndarray, residuals: np.ndarray
) -> np.ndarray:
    """Thresholds for |z_rj|: 1.5 times the largest spread_j(S(t)) / sqrt m of the linear model, and room for rounding.

    Args:
        shape: as for every engine.
        problem: likewise.
        paces: of the steps 0, ..., T, (k, T+1, 3).
        grams: H of the linear model, (q, n, n) or (n, n).
        residuals: xi(0), (q, n).

    Returns:
        (q, n) float64; inf where the linear model leaves the floating range.

    Cost: O(q k T n^2).
    """
    dtype, residuals = shape.dtype, np.asarray(residuals)
    grams = np.broadcast_to(grams, (*residuals.shape, residuals.shape[1]))
    steps = paces.shape[1] - 1
    rows = 2 ** int(np.ceil(np.log2(steps + 1)))  # one compilation for runs of similar length
    table = np.pad(paces, ((0, 0), (0, rows - steps - 1), (0, 0)))
    moved = _movement(
        problem.coordinates, problem.pulls, table, jnp.asarray(grams, dtype), jnp.asarray(residuals, dtype), steps
    )
    most = np.asarray(moved, np.float64)
    most = np.where(np.isnan(most), np.inf, most)
    floor = 2**12 * unit_roundoff(dtype) * np.sqrt(problem.coordinates.shape[1] + 1)
    return MARGIN * most / np.sqrt(shape.width) + floor


def guess(shape: Shape, paces: np.ndarray, problem: Problem, residual: np.ndarray | None = None) -> np.ndarray:
    """Thresholds (n,) before any neuron is drawn: at H_inf, for sixteen residuals of the law, or for a given one."""
    inputs = np.asarray(problem.coordinates)
    known = typical_residuals(inputs, np.asarray(problem.targets)) if residual is None else residual[None]
    return predicted(shape, paces, problem, np.asarray(gram_limit(inputs)), known).max(axis=0)


def expected_at_risk(width: int, thresholds: np.ndarray) -> int:
    """A bound on the expected number of neurons with |z_rj| <= threshold_j for some j, z_rj standard normal.

    Example:
        >>> expected_at_risk(10_000, np.array([0.01, 0.01])), expected_at_risk(10_000, np.array([np.inf]))
        (160, 10000)
    """
    return int(np.ceil(width * min(1.0, float(erf(thresholds / np.sqrt(2)).sum()))))
