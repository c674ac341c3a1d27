"""Axis letters and array aliases shared by every kernel.

Letters, everywhere: s seeds, k methods, t steps, n samples, m width, d input dimension, p dimension of the
inputs' span. Public arrays put neurons first, (m, n); inside the engines neurons come last, (n, m), so that the
long axis is contiguous.
"""

from typing import Any

import jax
import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

Array = jax.Array | np.ndarray

__all__ = ["Array", "Bool", "Float", "Int", "Shaped", "masked"]


def masked(values: Any) -> bool:
    """Return True for a masked array, or a list with one in it: as a plain array it would lose its mask.

    Example:
        >>> masked([1.0, 2.0]), masked([np.ma.array([1.0], mask=[True])])
        (False, True)
    """
    if isinstance(values, list | tuple):
        return any(map(masked, values))
    return isinstance(values, np.ma.MaskedArray)
