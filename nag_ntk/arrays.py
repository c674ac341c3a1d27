"""Axis letters and array aliases that all modules share.

The letters are s seeds, k methods, t steps, n samples, m width, d input dimension, p dimension of the inputs' span.
Public arrays have the neurons on the first axis, (m, n); inside the engines the neurons are on the last axis, (n, m),
so that the long axis is contiguous.
"""

from typing import Any

import jax
import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

Array = jax.Array | np.ndarray

__all__ = ["Array", "Bool", "Float", "Int", "Shaped", "masked"]


def masked(values: Any) -> bool:
    """Return True for a masked array or a list that contains one; a conversion to a plain array would lose the mask.

    Example:
        >>> masked([1.0, 2.0]), masked([np.ma.array([1.0], mask=[True])])
        (False, True)
    """
    if isinstance(values, list | tuple):
        return any(map(masked, values))
    return isinstance(values, np.ma.MaskedArray)
