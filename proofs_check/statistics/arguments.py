"""Checks of the arguments that the statistics share."""

import numpy as np
from numpy.typing import ArrayLike

Numbers = np.ndarray | float
"""A float for scalar arguments, an array of their broadcast shape otherwise."""


def as_counts(violations: ArrayLike, trials: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Convert both to arrays; raise ValueError unless they are integers 0 <= violations <= trials."""
    x, n = np.asarray(violations), np.asarray(trials)
    valid = np.issubdtype(x.dtype, np.number) and np.issubdtype(n.dtype, np.number)
    if not valid or not np.all((x >= 0) & (x <= n) & (x == np.floor(x)) & (n == np.floor(n))):
        raise ValueError(f"expected integers 0 <= violations <= trials, got {violations!r} of {trials!r}")
    return x, n


def as_probability(value: ArrayLike, name: str) -> np.ndarray:
    """Convert to an array; raise ValueError, with the name, unless every value is in [0, 1]."""
    array = np.asarray(value, float)
    if not np.all((array >= 0) & (array <= 1)):
        raise ValueError(f"expected {name} in [0, 1], got {value!r}")
    return array


def as_level(level: ArrayLike) -> np.ndarray:
    """Convert to an array; raise ValueError unless every value is strictly between 0 and 1."""
    array = np.asarray(level, float)
    if not np.all((array > 0) & (array < 1)):
        raise ValueError(f"expected a level strictly between 0 and 1, got {level!r}")
    return array


def as_finite(values: ArrayLike, name: str) -> np.ndarray:
    """Convert to an array; raise ValueError, with the name, unless every value is finite."""
    array = np.asarray(values, float)
    bad = int(np.sum(~np.isfinite(array)))
    if bad:
        raise ValueError(f"expected finite {name}, got shape {array.shape} with {bad} not finite")
    return array
