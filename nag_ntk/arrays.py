"""Axis letters and array aliases shared by every kernel.

Letters, everywhere: s seeds, k methods, t steps, n samples, m width, d input dimension, p dimension of the
inputs' span. Public arrays put neurons first, (m, n); inside the engines neurons come last, (n, m), so that the
long axis is contiguous.
"""

import jax
import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

Array = jax.Array | np.ndarray

__all__ = ["Array", "Bool", "Float", "Int", "Shaped"]
