"""A sweep: lists of values for fields of a study, whose product becomes its runs.

    sweep:
      width: [64, 256]
      dataset.samples: [4, 8]

The field ``at`` of every run holds its position in the grid, by the names of the axes (`axis_name`).
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

from proofs_check.study.data import ArraysData
from proofs_check.study.models import DATA_MODELS, WITHOUT_MOMENTUM, RunFields, field_names
from proofs_check.study.yaml import KeyPath, preview

MAX_RUNS = 1000
_LONGEST_NAME = 100
_NOT_SWEPT = ("dataset", "methods", "at")  # they hold more than one value
_NOT_SWEPT_OF_DATA = {"source", "classes", "columns"}  # another source has other fields; the others are lists
_OF_METHODS = ("eta", "beta", "scale")


class GridPoint(NamedTuple):
    """One run of a sweep.

    Attributes:
        name: name of the run, such as "width-64_samples-4".
        values: fields of the run, not yet validated.
        chosen: swept key -> position of the run's value in its list.
    """

    name: str
    values: dict[str, Any]
    chosen: Mapping[str, int]

    def place(self, path: KeyPath) -> KeyPath:
        """Return the path in the file of a value of this run: the sweep's list if it is swept, else the field."""
        for key, index in self.chosen.items():
            head, _, field = key.partition(".")
            own = path[:1] == (head,) if not field else path[:2] == (head, field)
            if head == "methods" and path[:1] == ("methods",):
                own = len(path) == 2 or path[2:3] == (field,)
            if own:
                return ("sweep", key, index)
        return ("sweep",) if path == ("name",) else path


def axis_name(key: str) -> str:
    """Return the name of a swept key as an axis: its last part, or data_key for dataset.key, beside the key of a run.

    Example:
        >>> [axis_name(key) for key in ("width", "dataset.samples", "methods.eta", "key", "dataset.key")]
        ['width', 'samples', 'eta', 'key', 'data_key']
    """
    return "data_key" if key == "dataset.key" else key.rpartition(".")[2]


def swept_keys(source: object = None) -> tuple[str, ...]:
    """Return the keys that a sweep may have, for one source of data or for all.

    Example:
        >>> swept_keys("sphere")[-7:-2]
        ('dataset.samples', 'dataset.dimension', 'dataset.key', 'dataset.labels', 'methods.eta')
    """
    models = [DATA_MODELS[source]] if isinstance(source, str) and source in DATA_MODELS else DATA_MODELS.values()
    data = dict.fromkeys(name for model in models if model is not ArraysData for name in field_names(model))
    data = [name for name in data if name not in _NOT_SWEPT_OF_DATA]
    plain = [name for name in field_names(RunFields) if name not in _NOT_SWEPT]
    return (*plain, *(f"dataset.{name}" for name in data), *(f"methods.{name}" for name in _OF_METHODS))


def data_keys(source: object = None) -> tuple[str, ...]:
    """Return the keys by which a run changes one field of its dataset, for one source of data or for all.

    Example:
        >>> data_keys("sphere")
        ('dataset.samples', 'dataset.dimension', 'dataset.key', 'dataset.labels')
    """
    models = [DATA_MODELS[source]] if isinstance(source, str) and source in DATA_MODELS else DATA_MODELS.values()
    return tuple(
        dict.fromkeys(f"dataset.{name}" for model in models for name in field_names(model) if name != "source")
    )


def value_problems(values: object) -> Iterator[tuple[KeyPath, str]]:
    """Yield the mistakes in the values of one key: (path below the key, message)."""
    if not isinstance(values, list) or not values:
        hint = f"; write [{values}]" if _is_coordinate(values) else ""
        got = "an empty list" if values == [] else preview(values)
        yield (), f"expected a list of at least one value, got {got}{hint}"
        return
    for index, value in enumerate(values):
        if not _is_coordinate(value):
            yield (index,), f"expected a finite number, a text, true or false, got {preview(value)}"
        elif value in values[:index]:
            yield (index,), f"{preview(value)} is listed twice"


def run_problem(sweep: Mapping[str, Sequence[Any]]) -> str:
    """Describe a mistake in the product of all lists; return "" if there is none."""
    count = math.prod(len(values) for values in sweep.values())
    if count > MAX_RUNS:
        return f"the product has {count} runs, more than {MAX_RUNS}; shorten a list"
    for key, values in sweep.items():
        slugs = [_slug(value) for value in values]
        if len(set(slugs)) < len(slugs):
            return f"two values of {key} are alike in the name of a run; run them as studies of their own"
    return ""


def grid_points(sweep: Mapping[str, Sequence[Any]], shared: Mapping[str, Any]) -> Iterator[GridPoint]:
    """Iterate over the runs of a sweep, the last key changing fastest.

    Args:
        sweep: lists of values, without problems.
        shared: the fields that all runs have in common.

    Example:
        >>> [point.name for point in grid_points({"width": [8, 16], "methods.scale": [0.5]}, {"methods": ["nesterov"]})]
        ['width-8_scale-0p5', 'width-16_scale-0p5']
    """
    for number, chosen in enumerate(product(*(range(len(values)) for values in sweep.values()))):
        picked = dict(zip(sweep, chosen, strict=True))
        values = dict(shared)
        point = {}
        for key, index in picked.items():
            value = sweep[key][index]
            point[axis_name(key)] = value
            _set(values, key, value)
        given = values.get("at")
        values["at"] = {**given, **point} if isinstance(given, dict) else point
        name = "_".join(f"{axis}-{_slug(value)}" for axis, value in point.items())
        yield GridPoint(name if len(name) <= _LONGEST_NAME else f"run-{number}", values, picked)


def _set(values: dict[str, Any], key: str, value: Any) -> None:
    head, _, field = key.partition(".")
    shared_value = values.get(head)
    if not field:
        values[head] = value
    elif head == "dataset" and isinstance(shared_value, dict):
        values[head] = {**shared_value, field: value}
    elif head == "methods" and isinstance(shared_value, list):
        values[head] = [_with(method, field, value) for method in shared_value]


def _with(method: Any, field: str, value: Any) -> Any:
    """Replace one number of a method; a momentum is ignored for a method that has none."""
    given = {"name": method} if isinstance(method, str) else method
    if not isinstance(given, dict) or (field == "beta" and given.get("name") in WITHOUT_MOMENTUM):
        return method
    return {**given, field: value}


def _is_coordinate(value: object) -> bool:
    return isinstance(value, str | bool | int) or (isinstance(value, float) and math.isfinite(value))


def _slug(value: Any) -> str:
    """Write a value within the name of a run: 0.05 is 0p05.

    Example:
        >>> [_slug(value) for value in (64, 0.05, 1e-7, True, "my data.npz")]
        ['64', '0p05', '1e-07', 'true', 'my-data-npz']
    """
    if isinstance(value, str):
        return re.sub("[^a-z0-9-]+", "-", value.lower()).strip("-")
    return str(value).lower().replace(".", "p").replace("+", "")
