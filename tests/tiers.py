"""Families of tests of which the plain run has some members, and `pytest -m slow` the others."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pytest


def family(members: Iterable[Any] | Mapping[str, Any], plain: Callable[[Any], bool]) -> list[Any]:
    """Parameters for pytest.mark.parametrize; a member is marked slow unless `plain` says otherwise.

    Args:
        members: values, tuples of values for several names, or a mapping from ids to values; `plain` gets the id then.
        plain: true for the members that represent the family in the plain run.
    """

    def parameter(value: Any, key: Any, **named: Any) -> Any:
        values = value if isinstance(value, tuple) else (value,)
        return pytest.param(*values, marks=[] if plain(key) else pytest.mark.slow, **named)

    if isinstance(members, Mapping):
        return [parameter(value, name, id=name) for name, value in members.items()]
    return [parameter(value, value) for value in members]
