"""Radii at which runs record counts of neurons near a boundary, and how to look a count up.

Counts are recorded at initialisation, before it is known how far a run will move. So they are taken on a grid, and a
distance is rounded up to the next point of it: S_i(R) only grows with R, so every bound stays true, a little wider.
"""

import numpy as np

DISTANCES = tuple(2.0 ** (k / 2) for k in range(-30, 5))
"""The grid, from 3e-5 to 4 in steps of sqrt 2: beyond 4 nearly every neuron is near every boundary."""


def next_recorded(radii: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Position of the least recorded radius that is not smaller; len(radii) where there is none.

    Args:
        radii: (R,), ascending.
        distance: any shape.

    Example:
        >>> next_recorded(np.array([0.1, 0.2]), np.array([0.0, 0.1, 0.15, 0.3])).tolist()
        [0, 0, 1, 2]
    """
    return np.searchsorted(radii, distance, side="left")


def padded(counts: np.ndarray, everything: float, axis: int = 1) -> np.ndarray:
    """One more entry along the axis of the radii, for distances beyond the grid: there every neuron may be meant."""
    shape = list(counts.shape)
    shape[axis] = 1
    return np.concatenate([counts, np.full(shape, everything, counts.dtype)], axis=axis)
