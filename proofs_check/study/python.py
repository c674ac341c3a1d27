"""Make a study in Python: convert a mapping with arrays, paths and methods to the values of a YAML file."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nag_ntk import Dataset, InputError, Method
from nag_ntk.method import METHODS, WITHOUT_MOMENTUM, nesterov_increasing
from proofs_check.study.data import ArraysData
from proofs_check.study.load import Study, load_study, parse_study
from proofs_check.study.models import SCHEDULED
from proofs_check.study.optimisers import optimiser_fields
from proofs_check.study.validate import KnownLemmas

_DEEPEST = 20


DEFAULTS = {"methods": ["gradient_descent", "heavy_ball", "nesterov"], "width": 1024, "seeds": 128, "steps": 500}
"""Fields of the study of a Dataset where the caller gives none; they are those of the default study, quick.yaml."""


def with_fields(given: Any, fields: Mapping[str, Any]) -> Any:
    """Add fields that are given apart from a study to it; a Dataset alone gets the other fields of the default study.

    Args:
        given: as for `study_from`, or None.
        fields: name of a field of a study -> its value; values of None are left out.

    Raises:
        InputError: for fields beside a study that is no mapping, or without data.

    Example:
        >>> with_fields({"width": 8}, {"seeds": 3, "steps": None})
        {'width': 8, 'seeds': 3}
    """
    fields = {name: value for name, value in fields.items() if value is not None}
    if not fields:
        return "quick" if given is None else given
    if given is None and "dataset" in fields:
        return {**DEFAULTS, **fields}
    if isinstance(given, Mapping):
        return {**given, **fields}
    names = ", ".join("data" if name == "dataset" else name for name in fields)
    if given is None:
        raise InputError(f"{names} need data beside them: verify(data=..., ...)")
    raise InputError(f"{names} beside a study that is a name, a file or a Study: give a mapping, or data alone")


def study_from(given: "str | Path | Mapping[str, Any] | Study", known_lemmas: KnownLemmas) -> Study:
    """Return the study that a name, a path, a mapping or a Study describes.

    Args:
        given: name of a bundled study, path of a YAML file, mapping with the keys of such a file, or Study.
        known_lemmas: as for load.load_study; for a Study it is called with the study's `lemma_files`.

    Raises:
        ConfigError: for a study with mistakes.
        InputError: for another type, or a value that a YAML file could not hold.
    """
    if isinstance(given, Study):
        if callable(known_lemmas):
            known_lemmas(given.lemma_files)
        return given
    if isinstance(given, Mapping):  # JSON is YAML
        text = json.dumps(plain_values(given, "study"))
        return parse_study(text, name="study", base=Path(), known_lemmas=known_lemmas)
    if isinstance(given, str | Path):
        return load_study(given, known_lemmas=known_lemmas)
    raise InputError(f"a study is a name, a path, a mapping or a Study; got {type(given).__name__}")


def method_fields(method: Method) -> dict[str, Any]:
    """Return the fields of a method in a study; a method with other numbers than the known ones is "scheduled".

    Raises:
        InputError: for growing momentum other than that of nesterov_increasing.

    Example:
        >>> from nag_ntk import Method, heavy_ball
        >>> method_fields(heavy_ball(0.5, 0.9)), method_fields(Method("mine", 0.5, 0.9, 0.1))["name"]
        ({'name': 'heavy_ball', 'eta': 0.5, 'beta': 0.9}, 'scheduled')
    """
    if not method.in_family:
        return optimiser_fields(method)
    if method.name == "nesterov_increasing" and method == nesterov_increasing(method.eta, method.delay):
        delay = {} if method.delay == nesterov_increasing(1.0).delay else {"delay": method.delay}
        return {"name": method.name, "eta": method.eta, **delay}
    if method.delay:
        raise InputError(f"{method.name} has a growing momentum of its own: give it as nag_ntk.scheduled")
    momentum = {} if method.name in WITHOUT_MOMENTUM else {"beta": method.beta}
    if method.name in METHODS and method == METHODS[method.name](method.eta, *momentum.values()):
        return {"name": method.name, "eta": method.eta, **momentum}
    columns = zip(*(method.table or (method[1:4],)), strict=True)
    numbers = [column[0] if len(set(column)) == 1 else list(column) for column in columns]
    return {"name": SCHEDULED, "title": method.name, **dict(zip(("eta", "beta", "gamma"), numbers, strict=True))}


def plain_values(value: Any, where: str) -> Any:
    """Convert a value to YAML values: paths to text, NumPy arrays to lists, a Method and a Dataset to their fields.

    Args:
        value: a value or a nest of mappings and lists.
        where: place of the value in the study, for messages.

    Raises:
        InputError: for a value that YAML cannot hold; the message names the place.
    """
    if isinstance(value, Method):
        return method_fields(value)
    if isinstance(value, Dataset):
        return ArraysData.fields_of(value)
    if isinstance(value, Mapping) and where.count(".") < _DEEPEST:
        return {str(key): plain_values(item, f"{where}.{key}") for key, item in value.items()}
    if isinstance(value, list | tuple) and where.count("[") < _DEEPEST:
        return [plain_values(item, f"{where}[{position}]") for position, item in enumerate(value)]
    if isinstance(value, np.ndarray | np.generic):
        return plain_values(value.tolist(), where)
    if isinstance(value, Path):
        return str(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise InputError(f"{where} holds a {type(value).__name__}, which a YAML file could not say; see nag-ntk schema")
