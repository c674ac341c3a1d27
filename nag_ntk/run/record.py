"""Base class of records with read-only arrays."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

import numpy as np


def read_only(value: Any) -> Any:
    """Return read-only views of all arrays in a value; the arrays of the caller stay writeable.

    Args:
        value: an array, or a tuple, NamedTuple or mapping of them, of any depth; anything else is returned as it is.

    Example:
        >>> read_only(np.zeros(2)).flags.writeable
        False
    """
    if isinstance(value, np.ndarray):
        view = value.view()
        view.flags.writeable = False
        return view
    if isinstance(value, Mapping):
        return {key: read_only(item) for key, item in value.items()}
    if isinstance(value, tuple):
        parts = [read_only(item) for item in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    return value


KINDS: dict[str, type] = {}
"""Name -> class of every record that `encoding` writes and reads: the subclasses of Record, and what `kept` adds."""

_Kind = TypeVar("_Kind", bound=type)


def kept(kind: _Kind) -> _Kind:
    """Add a class to KINDS, as a decorator; it is a dataclass or a NamedTuple of values that `encoding` knows."""
    KINDS[kind.__name__] = kind
    return kind


class Record:
    """Base of dataclasses with read-only arrays; they compare by value, and show the shapes of their arrays."""

    def __init_subclass__(cls) -> None:
        kept(cls)

    def __post_init__(self) -> None:
        for each in fields(self):  # pyright: ignore[reportArgumentType]
            object.__setattr__(self, each.name, read_only(getattr(self, each.name)))

    def __eq__(self, other: object) -> bool:
        """Return True for a record of the same kind with the same values, NaN counting as equal to NaN."""
        if type(self) is not type(other):
            return NotImplemented
        names = [each.name for each in fields(self)]  # pyright: ignore[reportArgumentType]
        return all(_same(getattr(self, name), getattr(other, name)) for name in names)

    __hash__ = None  # pyright: ignore[reportAssignmentType]

    def __repr__(self) -> str:
        values = {each.name: getattr(self, each.name) for each in fields(self)}  # pyright: ignore[reportArgumentType]
        shapes = [f"{name} {value.shape}" for name, value in values.items() if isinstance(value, np.ndarray)]
        return f"{type(self).__name__}({', '.join(shapes)})"


def _same(one: Any, other: Any) -> bool:
    """Compare two values of a record; arrays entry by entry."""
    if isinstance(one, np.ndarray):
        inexact = one.dtype.kind in "fc"
        return isinstance(other, np.ndarray) and np.array_equal(one, other, equal_nan=inexact)
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other) or (isinstance(one, float) and one != one and other != other)
