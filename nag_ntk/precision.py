"""Floating-point types, and Higham's bound gamma_k on rounding errors, valid for any order of summation."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np

from nag_ntk.arrays import Array
from nag_ntk.errors import InputError

HIGHEST = jax.lax.Precision.HIGHEST
_NO_FLOAT64 = (
    "float64 is switched off in JAX: call nag_ntk.configure() before the first computation, "
    'or pass dtype="float32" to simulate'
)


def enable_float64() -> None:
    """Switch JAX to float64 for this process; call it before the first array is made.

    Example:
        >>> import nag_ntk
        >>> nag_ntk.enable_float64()
    """
    jax.config.update("jax_enable_x64", True)


def integer_dtype() -> np.dtype:
    """Return the widest integer type of JAX in this process: int64 with float64 switched on, else int32."""
    return np.dtype(np.int64 if jax.config.jax_enable_x64 else np.int32)  # pyright: ignore[reportAttributeAccessIssue]


def device_has_float64() -> bool:
    """Return True if the default device computes in float64 (some accelerators do not).

    float64 must be switched on in JAX.
    """
    return _has_float64(jax.default_backend())


@cache
def _has_float64(platform: str) -> bool:
    """Try float64, once per kind of device, because the first array takes longer than a short run."""
    try:
        return bool(jnp.ones((), jnp.float64).dtype == jnp.float64)
    except (TypeError, RuntimeError, NotImplementedError):
        return False


def resolve_dtype(dtype: str | None = None) -> np.dtype:
    """Choose the floating type of a run.

    Args:
        dtype: "float64", "float32", or None: float64, except on a device that has none.

    Returns:
        A NumPy dtype, float64 or float32.

    Raises:
        InputError: for another name, or for float64 if it is switched off in JAX.
    """
    if dtype not in (None, "float64", "float32"):
        raise InputError(f'dtype must be "float64" or "float32", got {dtype!r}')
    if dtype == "float32":
        return np.dtype(np.float32)
    if not jax.config.jax_enable_x64:  # pyright: ignore[reportAttributeAccessIssue]
        raise InputError(_NO_FLOAT64)
    if dtype is None and not device_has_float64():
        return np.dtype(np.float32)
    return np.dtype(np.float64)


def on_device(array: Array) -> jax.Array:
    """Move an array to the device without losing precision silently.

    Raises:
        InputError: for a float64 array if float64 is switched off.
    """
    if array.dtype == np.float64 and not jax.config.jax_enable_x64:  # pyright: ignore[reportAttributeAccessIssue]
        raise InputError(_NO_FLOAT64)
    return jnp.asarray(array)


def unit_roundoff(dtype: np.dtype | str) -> float:
    """Return the unit roundoff u: 2^-53 for float64, 2^-24 for float32.

    Example:
        >>> unit_roundoff("float64") == 2.0**-53
        True
    """
    return float(np.finfo(dtype).eps) / 2


def higham_gamma(operations: int, dtype: np.dtype | str) -> float:
    """Compute Higham's gamma_k = k u / (1 - k u), a bound on the relative error of k roundings in any order.

    Args:
        operations: k, the number of roundings on the longest path.
        dtype: the floating type.

    Returns:
        gamma_k, or infinity when k u >= 1.

    Source: Higham 2002, Accuracy and Stability of Numerical Algorithms, Lemma 3.1.

    Example:
        >>> higham_gamma(1, "float64") >= 2.0**-53
        True
    """
    product = operations * unit_roundoff(dtype)
    return product / (1 - product) if product < 1 else float("inf")
