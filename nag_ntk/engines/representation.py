"""Representation of the movement u of all neurons in the dense engines: one column per neuron."""

from collections.abc import Callable
from typing import NamedTuple

import jax

from nag_ntk.arrays import Array


class Representation(NamedTuple):
    """Way to store the movement u exactly; G = A o xi, (n, m), is the masked residual.

    Several networks may stand on axes between the first and the last: (n, ..., m).

    Attributes:
        name: as in simulate(engine=...).
        rows: (n, p) -> length of a column of the state.
        operator: coordinates (n, p) -> the constant matrix of the representation.
        forcing: (operator, G (n, m)) -> the forcing of the recursion, shaped like the state, (rows, m).
        response: (operator, state (rows, m)) -> (X u (n, m), |u_r|^2 (m,)).
        movement: (coordinates, state (rows, m)) -> u (p, m).
        cost: (n, p) -> operations per neuron and step, counted.
    """

    name: str
    rows: Callable[[int, int], int]
    operator: Callable[[Array], jax.Array]
    forcing: Callable[[jax.Array, jax.Array], jax.Array]
    response: Callable[[jax.Array, jax.Array], tuple[jax.Array, jax.Array]]
    movement: Callable[[jax.Array, jax.Array], jax.Array]
    cost: Callable[[int, int], int]
