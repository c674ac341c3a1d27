"""Thresholds on |w_r(0).x_j| up to which a neuron is at risk, from the movement that the linear model predicts."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import erf

from nag_ntk.engines.deviation import spread
from nag_ntk.gram import angles, gram_limit
from nag_ntk.precision import HIGHEST, unit_roundoff
from nag_ntk.run.inputs import Inputs, Shape
from nag_ntk.schedule import step_coefficients

SAMPLES = 16
"""Number of random residuals at step 0."""
MARGIN = 1.5
"""Factor on the linear model's prediction."""


@jax.jit
def _max_spread(coordinates, initial_momenta, schedules, grams, residuals, steps):
    """Compute the largest spread_j(S(t)) of the linear model over t = 0..T and methods, for q residuals at step 0."""
    kernel = jnp.dot(coordinates, coordinates.T, precision=HIGHEST)

    def one_method(method):
        initial_momentum, schedule = method

        def step(index, carry):
            movement, momentum, largest = carry
            movement_step, decay, momentum_step = step_coefficients(schedule[index])
            residual = residuals - jnp.einsum("qij,qj->qi", grams, movement, precision=HIGHEST)
            change = jax.vmap(partial(spread, kernel))(movement)
            # maximum propagates NaN, which marks a run that leaves the floating range
            return (
                movement + momentum + movement_step * residual,
                decay * momentum + momentum_step * residual,
                jnp.maximum(largest, change),
            )

        zero = jnp.zeros_like(residuals)
        return jax.lax.fori_loop(0, steps + 1, step, (zero, -initial_momentum * residuals, zero))[2]

    return jnp.max(jax.lax.map(one_method, (initial_momenta, schedules)), axis=0)


def output_covariance(inputs: np.ndarray) -> np.ndarray:
    """Compute E f(x_i) f(x_j) at initialisation, (sin theta + (pi - theta) cos theta) / (2 pi), (n, n).

    Source: Cho and Saul 2009, the arc-cosine kernel of degree 1 (recalled).
    """
    theta = np.asarray(angles(inputs))
    return (np.sin(theta) + (np.pi - theta) * np.cos(theta)) / (2 * np.pi)


def typical_residuals(inputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Draw residuals at step 0 from their law for wide networks, (16, n), with a fixed seed."""
    values, vectors = np.linalg.eigh(output_covariance(inputs))
    normal = np.random.default_rng(0).standard_normal((SAMPLES, len(targets)))
    return (normal * np.sqrt(np.maximum(values, 0))) @ vectors.T - targets


def predict(
    shape: Shape, schedules: np.ndarray, inputs: Inputs, grams: np.ndarray, residuals: np.ndarray
) -> np.ndarray:
    """Predict thresholds for |z_rj|: 1.5 times the largest spread_j(S(t)) / sqrt m, plus a margin for rounding.

    Args:
        shape: as for every engine.
        inputs: as for every engine.
        schedules: coefficients of the steps 0, ..., T, (k, T+1, 3).
        grams: H of the linear model, (q, n, n) or (n, n).
        residuals: xi(0), (q, n).

    Returns:
        (q, n) float64; inf where the linear model leaves the floating range.

    Cost: O(q k T n^2).
    """
    dtype, residuals = shape.dtype, np.asarray(residuals)
    grams = np.broadcast_to(grams, (*residuals.shape, residuals.shape[1]))
    steps = schedules.shape[1] - 1
    rows = 2 ** int(np.ceil(np.log2(steps + 1)))  # one compilation for runs of similar length
    table = np.pad(schedules, ((0, 0), (0, rows - steps - 1), (0, 0)))
    max_spread = _max_spread(
        inputs.coordinates,
        inputs.initial_momenta,
        table,
        jnp.asarray(grams, dtype),
        jnp.asarray(residuals, dtype),
        steps,
    )
    largest = np.asarray(max_spread, np.float64)
    largest = np.where(np.isnan(largest), np.inf, largest)
    floor = 2**12 * unit_roundoff(dtype) * np.sqrt(inputs.coordinates.shape[1] + 1)
    return MARGIN * largest / np.sqrt(shape.width) + floor


def initial_thresholds(
    shape: Shape, schedules: np.ndarray, inputs: Inputs, residual: np.ndarray | None = None
) -> np.ndarray:
    """Predict thresholds (n,) before the neurons are drawn, from H_inf and 16 random residuals or a given one."""
    coordinates = np.asarray(inputs.coordinates)
    residuals = typical_residuals(coordinates, np.asarray(inputs.targets)) if residual is None else residual[None]
    return predict(shape, schedules, inputs, np.asarray(gram_limit(coordinates)), residuals).max(axis=0)


def expected_at_risk(width: int, thresholds: np.ndarray) -> int:
    """Bound the expected number of neurons with |z_rj| <= threshold_j for some j, z_rj standard normal.

    Example:
        >>> expected_at_risk(10_000, np.array([0.01, 0.01])), expected_at_risk(10_000, np.array([np.inf]))
        (160, 10000)
    """
    return int(np.ceil(width * min(1.0, float(erf(thresholds / np.sqrt(2)).sum()))))
