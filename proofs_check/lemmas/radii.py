"""The radii R at which runs record the counts |S_i(R)|, and the look-up of a count for a given distance.

S_i(R) is the set of neurons r whose initial weight w_r(0) lies within R of the hyperplane w.x_i = 0. The counts are
recorded at initialisation, before the distance that the weights will move is known. So they are recorded on a grid of
radii, and a distance is rounded up to the next radius of the grid. Because S_i(R) grows with R, a bound that uses the
rounded radius is valid and slightly looser.
"""

import numpy as np

RADII_GRID = tuple(2.0 ** (k / 2) for k in range(-30, 5))
"""The grid: from 3e-5 to 4 with ratio sqrt 2. Nearly every neuron lies within 4 of every hyperplane."""


def radius_index(radii: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Return the index of the smallest recorded radius that is at least the distance, or len(radii) if there is none.

    Args:
        radii: (K,), ascending.
        distance: any shape.

    Returns:
        Integers in the shape of `distance`.

    Example:
        >>> radius_index(np.array([0.1, 0.2]), np.array([0.0, 0.1, 0.15, 0.3])).tolist()
        [0, 0, 1, 2]
    """
    return np.searchsorted(radii, distance, side="left")


def with_overflow_entry(counts: np.ndarray, total: float, axis: int = 1) -> np.ndarray:
    """Append to the radius axis the count for distances beyond the grid: all neurons, a trivial upper bound."""
    shape = list(counts.shape)
    shape[axis] = 1
    return np.concatenate([counts, np.full(shape, total, counts.dtype)], axis=axis)
