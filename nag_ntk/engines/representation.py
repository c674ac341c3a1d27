"""A way to store the movement u of all neurons, one column per neuron, for the dense engines."""

from collections.abc import Callable
from typing import NamedTuple

import jax

from nag_ntk.arrays import Array


class Representation(NamedTuple):
    """An exact representation of the run; G = A o xi, (n, m), is the masked residual.

    Attributes:
        name: as in simulate(engine=...).
        rows: (n, p) -> length of a column of the state.
        operator: coordinates (n, p) -> the constant matrix of the representation.
        drive: (operator, G (n, m)) -> the state-shaped forcing (rows, m).
        response: (operator, state (rows, m)) -> (X u (n, m), |u_r|^2 (m,)).
        movement: (coordinates, state (rows, m)) -> u (p, m).
        cost: (n, p) -> operations per neuron and step, counted.
    """

    name: str
    rows: Callable[[int, int], int]
    operator: Callable[[Array], jax.Array]
    drive: Callable[[jax.Array, jax.Array], jax.Array]
    response: Callable[[jax.Array, jax.Array], tuple[jax.Array, jax.Array]]
    movement: Callable[[jax.Array, jax.Array], jax.Array]
    cost: Callable[[int, int], int]
