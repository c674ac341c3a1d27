"""Encoding of trajectories and their parts as JSON values with named arrays, and decoding.

Files and messages between processes use it in place of pickle, which can execute code when it is read.
"""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from nag_ntk.method import Method, Rule
from nag_ntk.pattern import OverlapRange
from nag_ntk.run.record import KINDS, kept

kept(Method)
kept(Rule)
kept(OverlapRange)


def encoded(value: Any, name: str, arrays: dict[str, Any]) -> Any:
    """Encode a value as JSON values, and add its arrays to `arrays` under the path of their fields.

    Args:
        value: a Trajectory or one of its records, a Method, or a nest of tuples and mappings of these, numbers, texts
            and arrays.
        name: path of the value, with which the names of its arrays begin.
        arrays: name -> array, C-ordered; the arrays of the value are added.

    Raises:
        TypeError: for anything else.

    Example:
        >>> arrays = {}
        >>> encoded({"a": (1, np.zeros(2))}, "top", arrays)
        {'mapping': {'a': [1, {'array': 'top.a.1'}]}}
        >>> decoded(_, arrays)["a"][0]
        1
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.ndarray):
        if value.dtype.hasobject:
            raise TypeError(f"a cell cannot keep objects (at {name})")
        arrays[name] = np.ascontiguousarray(value).reshape(value.shape)
        return {"array": name}
    kind = type(value).__name__
    if kind in KINDS and (is_dataclass(value) or hasattr(value, "_fields")):
        names = _field_names(value) if is_dataclass(value) else value._fields
        parts = {part: encoded(getattr(value, part), f"{name}.{part}".lstrip("."), arrays) for part in names}
        return {"type": kind, "fields": parts}
    if isinstance(value, Mapping):
        return {"mapping": {key: encoded(item, f"{name}.{key}", arrays) for key, item in value.items()}}
    if isinstance(value, tuple):
        return [encoded(item, f"{name}.{index}", arrays) for index, item in enumerate(value)]
    raise TypeError(f"a cell cannot keep a {kind} (at {name})")


def _field_names(value: Any) -> list[str]:
    """Return the names of the fields of a dataclass that are encoded: all but those whose metadata say kept=False."""
    return [each.name for each in fields(value) if each.metadata.get("kept", True)]


def decoded(value: Any, arrays: Mapping[str, Any]) -> Any:
    """Decode the result of `encoded`, given the arrays."""
    if isinstance(value, list):
        return tuple(decoded(item, arrays) for item in value)
    if not isinstance(value, dict):
        return value
    if "mapping" in value:
        return {key: decoded(item, arrays) for key, item in value["mapping"].items()}
    if "array" in value:
        return arrays[value["array"]]
    return KINDS[value["type"]](**{part: decoded(item, arrays) for part, item in value["fields"].items()})
