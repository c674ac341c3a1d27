"""The representation "weights": the state of neuron r is its movement u_r, p numbers.

A step costs one product for the pre-activations and one for the gradient. The movement is stored in place of the
weight, so that small steps are not rounded against large weights.
"""

import jax.numpy as jnp

from nag_ntk.engines.representation import Representation
from nag_ntk.engines.rows import column_sums
from nag_ntk.precision import HIGHEST


def _operator(coordinates):
    return coordinates


def _forcing(coordinates, masked_residual):
    return jnp.tensordot(coordinates.T, masked_residual, 1, precision=HIGHEST)


def _response(coordinates, movement):
    return jnp.tensordot(coordinates, movement, 1, precision=HIGHEST), column_sums(movement * movement)


WEIGHTS = Representation(
    name="weights",
    rows=lambda n, p: p,
    operator=_operator,
    forcing=_forcing,
    response=_response,
    movement=lambda coordinates, movement: movement,
    cost=lambda n, p: 4 * n * p + 6 * (n + p),
)
