"""Coefficients of the update at every step of a method, computed on the host for the compiled programs.

With F(t) the forcing (the masked residual A o xi, or X^T of it) and u the movement, a step is

    u(t+1) = u(t) + q(t) + movement_step(t) F(t),    q(t+1) = decay(t) q(t) + momentum_step(t) F(t),

q the momentum term, with

    movement_step(t) = eta(t) (1 + gamma(t)),    decay(t) = beta(t+1),
    momentum_step(t) = beta(t+1) movement_step(t) - eta(t+1) gamma(t+1).

The derivation is in docs/theory/README.md, section 2. Any sequences eta(t), beta(t), gamma(t) are allowed, because the
compiled programs use only these coefficients.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np

from nag_ntk.method import Method


class StepCoefficients(NamedTuple):
    """Coefficients of one step: u += q + movement_step F, then q = decay q + momentum_step F."""

    movement_step: jax.Array
    decay: jax.Array
    momentum_step: jax.Array


def coefficients(method: Method, steps: int) -> np.ndarray:
    """Compute movement_step, decay and momentum_step at the steps 0, ..., T-1.

    Args:
        method: any Method.
        steps: T.

    Returns:
        (T, 3) float64; after the last step the momentum term is 0.

    Raises:
        InputError: for more steps than the method's table has.

    Example:
        >>> from nag_ntk import heavy_ball
        >>> coefficients(heavy_ball(0.5, 0.25), 3).tolist()
        [[0.5, 0.25, 0.125], [0.5, 0.25, 0.125], [0.5, 0.0, 0.0]]
    """
    eta, beta, gamma = method.schedule(steps).T
    table = np.zeros((steps, 3))
    table[:, 0] = eta * (1 + gamma)
    next_beta = beta[1:]
    table[:-1, 1] = next_beta
    # equal to beta movement_step - eta gamma; the quotient is 1 where the step size is constant
    table[:-1, 2] = eta[:-1] * (next_beta * (1 + gamma[:-1]) - eta[1:] / eta[:-1] * gamma[1:])
    return table


def schedules(methods: Sequence[Method], steps: int, length: int | None = None) -> np.ndarray:
    """Stack the `coefficients` of several methods, padded with zeros, so that the networks stay constant after step T.

    Args:
        methods: the k methods.
        steps: T.
        length: number of rows, at least T + 1; T + 1 if None.

    Returns:
        (k, length, 3) float64.
    """
    rows = steps + 1 if length is None else length
    return np.stack([np.pad(coefficients(m, steps), ((0, rows - steps), (0, 0))) for m in methods])


def initial_momentum(method: Method, start: str) -> float:
    """Return c in q(0) = -c F(0): eta(0) gamma(0) for the gradient start, 0 for the extrapolated one."""
    eta, _, gamma = method.schedule(1)[0]
    return float(eta * gamma) if start == "gradient" else 0.0


def step_coefficients(row: jax.Array) -> StepCoefficients:
    """Split the last axis, of length 3, of a schedule or of one of its rows."""
    return StepCoefficients(row[..., 0], row[..., 1], row[..., 2])
