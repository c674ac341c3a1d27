"""Conversion of the two sides of a comparison to arrays of real numbers without loss, and their exact comparison."""

import numbers
from typing import Any

import numpy as np

from nag_ntk.arrays import masked

_EXACT = 2**53
"""Every whole number up to this one is exact in float64."""


def array_of(name: str, values: Any) -> np.ndarray:
    """Convert values to an array of real numbers without a change of their type.

    Args:
        name: name of the side, for the message.
        values: an array, a number or nested sequences of numbers.

    Raises:
        TypeError: unless the values are real numbers; for truth values; for a masked array, whose mask would be lost;
            and for whole numbers that the conversion would round.

    Example:
        >>> array_of("bound", [1, 2]).dtype.kind
        'i'
    """
    if masked(values):
        raise TypeError(f"{name} is a masked array, whose mask would be lost: give its .data, and where=~its.mask")
    try:
        array = np.asarray(values)
        if array.dtype.kind == "V":  # bfloat16 and its like
            array = array.astype(float)
    except (TypeError, ValueError):
        array = None
    if array is None or array.dtype.kind not in "biuf":
        raise TypeError(f"{name} must be an array of real numbers, got {type(values).__name__}: {str(values)[:60]}")
    if array.dtype.kind == "b":
        raise TypeError(f"{name} holds truth values, which leave no margin to compare: give the numbers behind them")
    if array.dtype.kind == "f" and _rounded(values):
        raise TypeError(f"{name} mixes fractions with whole numbers beyond 2^53, which an array of both would round")
    return array


def flags_of(name: str, values: Any) -> np.ndarray:
    """Convert values to an array of truth values.

    Raises:
        TypeError: for anything else; numbers are refused because NaN would count as true.
    """
    if masked(values):
        raise TypeError(f"{name} is a masked array, whose mask would be lost: give {name}=its.data & ~its.mask")
    try:
        array = np.asarray(values)
    except (TypeError, ValueError):
        array = np.asarray(None)
    if array.dtype.kind != "b":
        raise TypeError(f"{name} must be an array of truth values, got {type(values).__name__}: {str(values)[:60]}")
    return array


def number(name: str, value: Any) -> Any:
    """Return a value unchanged if it is one real number.

    Raises:
        TypeError: for anything else, truth values included.
    """
    if isinstance(value, np.ndarray) and value.shape == ():
        value = value[()]
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        raise TypeError(f"{name} must be a real number, got {type(value).__name__}: {str(value)[:60]}")
    return value


def at_most(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Compare left <= right elementwise, exactly for all pairs of types; False where either side is NaN.

    Example:
        >>> at_most(np.array([2**53 + 1]), np.array([2.0**53])).tolist()
        [False]
    """
    kinds = {left.dtype.kind, right.dtype.kind}
    if "f" in kinds and kinds & {"i", "u"}:
        whole = right if left.dtype.kind == "f" else left
        if whole.size and whole.dtype.itemsize > 4 and max(-int(whole.min()), int(whole.max())) > _EXACT:
            # Python compares a whole number with a fraction exactly, NumPy after a cast
            left, right = left.astype(object), right.astype(object)
    with np.errstate(invalid="ignore"):
        return np.asarray(left <= right, bool)


def _rounded(values: Any) -> bool:
    """Return True if nested lists contain a whole number that float64 cannot represent."""
    if isinstance(values, list | tuple):
        return any(map(_rounded, values))
    return isinstance(values, int | np.integer) and int(float(values)) != int(values)
