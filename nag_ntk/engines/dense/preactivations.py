"""The representation "preactivations": the state of neuron r is its coefficients c_r, where u_r = sum_i c_ri x_i.

The forcing is A o xi, elementwise, and a step costs one product K C. The product gives the pre-activations and the
distance |u_r|^2 = sum_i c_ri (K c_r)_i at once, never through an inverse of K, which is ill-conditioned for
near-parallel inputs.
"""

import jax.numpy as jnp

from nag_ntk.engines.representation import Representation
from nag_ntk.engines.rows import column_sums
from nag_ntk.precision import HIGHEST


def _operator(coordinates):
    return jnp.dot(coordinates, coordinates.T, precision=HIGHEST)


def _forcing(_, masked_residual):
    return masked_residual


def _response(kernel, coefficients):
    product = jnp.tensordot(kernel, coefficients, 1, precision=HIGHEST)
    # K is positive semidefinite; rounding may leave a square a hair below zero
    return product, jnp.maximum(column_sums(coefficients * product), 0)


PREACTIVATIONS = Representation(
    name="preactivations",
    rows=lambda n, p: n,
    operator=_operator,
    forcing=_forcing,
    response=_response,
    movement=lambda coordinates, coefficients: jnp.dot(coordinates.T, coefficients, precision=HIGHEST),
    cost=lambda n, p: 2 * n * n + 12 * n,
)
