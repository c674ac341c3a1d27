"""Convert evidence to plain values, named arrays and JSON, and back; no object of a user's class is among them."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from proofs_check.lemma import Evidence, Inequality, Law, NotApplicable, Proof, Trials
from proofs_check.lemma.sides import array_of, flags_of
from proofs_check.lemma.sound import well_formed


def flattened(evidence: Evidence | Inequality, name: str, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """Convert evidence to JSON values, and add its arrays to `arrays`, under names that begin with `name`.

    All attributes are read here, so properties of a user's class run in this process. Only the interval of a law, a
    function, is not converted; see `rebuilt`.

    Raises:
        Exception: any exception of its attributes, or of sound.well_formed for anything but evidence.
    """
    if isinstance(evidence, Inequality):
        return _inequality(evidence, name, arrays)
    well_formed(evidence)
    if isinstance(evidence, Trials):
        inequality = _inequality(replace(evidence.inequality, attained=None), name, arrays)
        more = {"attained": evidence.attained, "partial": evidence.partial}
        arrays |= {f"{name}.{side}": np.array(values) for side, values in more.items() if values is not None}
        seeds = [int(seed) for seed in evidence.seeds]
        return {
            "kind": "Trials", "inequality": inequality, "failure": float(evidence.failure), "seeds": seeds,
            "note": str(evidence.note), "arrays": [side for side, values in more.items() if values is not None],
        }  # fmt: skip
    if isinstance(evidence, Law):
        numbers = {field: float(getattr(evidence, field)) for field in ("p_value", "resolution", "deviation")}
        rest = {"trials": int(evidence.trials), "witness": _value(evidence.witness), "note": str(evidence.note)}
        return {"kind": "Law", **numbers, **rest}
    if isinstance(evidence, Proof):
        decided = None if evidence.decided is None else bool(evidence.decided)
        sides = {"observed": _value(evidence.observed), "bound": _value(evidence.bound)}
        sides |= {"relation": str(evidence.relation), "reason": str(evidence.reason)}
        more = {"witness": _value(evidence.witness), "evidence": _value(evidence.evidence)}
        return {"kind": "Proof", "decided": decided, **sides, **more}
    return {"kind": "NotApplicable", "reason": str(evidence.reason)}


def _inequality(inequality: Inequality, name: str, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    sides = {"observed": array_of("observed", inequality.observed), "bound": array_of("bound", inequality.bound)}
    if inequality.where is not None:
        sides["where"] = flags_of("where", inequality.where)
    if inequality.until is not None:
        sides["until"] = array_of("until", inequality.until)
    if inequality.attained is not None:
        sides["attained"] = array_of("attained", inequality.attained)
    arrays |= {
        f"{name}.{side}": np.array(values) for side, values in sides.items()
    }  # a copy: no subclass, and no memory shared with a run
    axes = inequality.axes if isinstance(inequality.axes, str) else [str(axis) for axis in inequality.axes]
    rest = {name: _value(getattr(inequality, name)) for name in ("labels", "note", "claim", "proved")}
    return {"kind": "Inequality", "arrays": list(sides), "axes": axes, **rest}


def rebuilt(
    values: Mapping[str, Any], name: str, arrays: Mapping[str, np.ndarray],
    interval: Callable[[float], tuple[float, float]],
) -> Evidence | Inequality:  # fmt: skip
    """Rebuild evidence from the values and arrays of `flattened`.

    Args:
        values: the return value of `flattened`.
        name: the same as for `flattened`.
        arrays: the arrays that `flattened` added.
        interval: interval of the law as a function of the level; not used for other evidence.
    """
    rest = {key: value for key, value in values.items() if key != "kind"}
    sides = {side: arrays[f"{name}.{side}"] for side in rest.pop("arrays", ())}
    if values["kind"] == "Inequality":
        if isinstance(rest["labels"], Mapping):  # anything else is refused by sound.well_formed
            rest["labels"] = {axis: tuple(names) for axis, names in rest["labels"].items()}
        if not isinstance(rest["axes"], str):
            rest["axes"] = tuple(rest["axes"])
        return Inequality(**sides, **rest)
    if values["kind"] == "Trials":
        inequality: Any = rebuilt(rest["inequality"], name, arrays, interval)
        return Trials(inequality, rest["failure"], tuple(rest["seeds"]), rest["note"], **sides)
    if values["kind"] == "Law":
        return Law(interval=interval, **rest)
    return {"Proof": Proof, "NotApplicable": NotApplicable}[values["kind"]](**rest)


def _value(value: Any) -> Any:
    """Convert a value to JSON values; anything that JSON cannot hold becomes text."""
    if isinstance(value, Mapping):
        return {str(key): _value(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_value(item) for item in value]
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return None if value is None else str(value)
