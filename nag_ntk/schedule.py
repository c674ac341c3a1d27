"""The numbers of a method step by step, as the compiled programs take them: a table made on the host.

With G the masked residual and u the movement, a step is u += q + push drive(G), then q = decay q + lift drive(G), where

    push(t) = eta(t) (1 + gamma(t)),  decay(t) = beta(t+1),  lift(t) = beta(t+1) push(t) - eta(t+1) gamma(t+1).

Derived in docs/theory/README.md, section 2. Any sequence eta(t), beta(t), gamma(t) is a method; no kernel knows a law.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np

from nag_ntk.method import Method


class Pace(NamedTuple):
    """One step of a method: u += q + push G, q = decay q + lift G."""

    push: jax.Array
    decay: jax.Array
    lift: jax.Array


def coefficients(method: Method, steps: int) -> np.ndarray:
    """Push, decay and lift of the steps 0, ..., T-1, (T, 3); the last step leaves no speed behind.

    Example:
        >>> from nag_ntk import heavy_ball
        >>> coefficients(heavy_ball(0.5, 0.25), 3).tolist()
        [[0.5, 0.25, 0.125], [0.5, 0.25, 0.125], [0.5, 0.0, 0.0]]
    """
    eta, beta, gamma = method.schedule(steps).T
    table = np.zeros((steps, 3))
    table[:, 0] = eta * (1 + gamma)
    soon = beta[1:]
    table[:-1, 1] = soon
    # equal to beta push - eta gamma; the quotient is 1 where the step size is constant
    table[:-1, 2] = eta[:-1] * (soon * (1 + gamma[:-1]) - eta[1:] / eta[:-1] * gamma[1:])
    return table


def paces(methods: Sequence[Method], steps: int, length: int | None = None) -> np.ndarray:
    """The table of a run, (k, length, 3): `coefficients` of each method, then zeros, so that a network rests at step T.

    Args:
        methods: k of them.
        steps: T.
        length: at least T + 1, which it is if None.
    """
    rows = steps + 1 if length is None else length
    return np.stack([np.pad(coefficients(m, steps), ((0, rows - steps), (0, 0))) for m in methods])


def first_pull(method: Method, start: str) -> float:
    """eta(0) gamma(0): q(0) = -pull drive(G(0)) for the gradient start; 0 for the extrapolated one."""
    eta, _, gamma = method.schedule(1)[0]
    return float(eta * gamma) if start == "gradient" else 0.0


def unpacked(table: jax.Array) -> Pace:
    """Push, decay and lift from the last axis."""
    return Pace(table[..., 0], table[..., 1], table[..., 2])
