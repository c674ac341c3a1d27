"""Evidence as plain values: arrays of numbers by name, the rest as JSON, and no object of a user's class among them."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from proofs_check.lemma import Evidence, Inequality, Law, NotApplicable, Proof, Trials
from proofs_check.sides import array_of, flags_of
from proofs_check.sound import formed


def flattened(evidence: Evidence | Inequality, name: str, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """Evidence as JSON values; its arrays are added to `arrays`, under names that begin with `name`.

    Everything of it is read here, so code in it runs here: the interval of a law alone stays behind, see `rebuilt`.

    Raises:
        Exception: of any kind that its attributes raise, or as sound.formed does for what is no evidence.
    """
    if isinstance(evidence, Inequality):
        return _inequality(evidence, name, arrays)
    formed(evidence)
    if isinstance(evidence, Trials):
        told = _inequality(evidence.inequality, name, arrays)
        more = {"attained": evidence.attained, "partial": evidence.partial}
        arrays |= {f"{name}.{side}": np.array(values) for side, values in more.items() if values is not None}
        seeds = [int(seed) for seed in evidence.seeds]
        return {
            "kind": "Trials", "inequality": told, "failure": float(evidence.failure), "seeds": seeds,
            "note": str(evidence.note), "arrays": [side for side, values in more.items() if values is not None],
        }  # fmt: skip
    if isinstance(evidence, Law):
        numbers = {field: float(getattr(evidence, field)) for field in ("p_value", "resolution", "deviation")}
        told = {"trials": int(evidence.trials), "witness": _value(evidence.witness), "note": str(evidence.note)}
        return {"kind": "Law", **numbers, **told}
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
    arrays |= {f"{name}.{side}": np.array(values) for side, values in sides.items()}  # no subclass, no memory of a run
    axes = inequality.axes if isinstance(inequality.axes, str) else [str(axis) for axis in inequality.axes]
    return {"kind": "Inequality", "arrays": list(sides), "axes": axes, "labels": _value(inequality.labels)}


def rebuilt(
    told: Mapping[str, Any], name: str, arrays: Mapping[str, np.ndarray],
    interval: Callable[[float], tuple[float, float]],
) -> Evidence | Inequality:  # fmt: skip
    """The evidence that `flattened` took apart.

    Args:
        told: what it returned.
        name: as there.
        arrays: as there.
        interval: of a law; asked for when the level is known.
    """
    rest = {key: value for key, value in told.items() if key != "kind"}
    found = {side: arrays[f"{name}.{side}"] for side in rest.pop("arrays", ())}
    if told["kind"] == "Inequality":
        axes: Any = rest["axes"]
        labels = rest["labels"]
        if isinstance(labels, Mapping):  # anything else is refused where it is judged
            labels = {axis: tuple(names) for axis, names in labels.items()}
        axes = axes if isinstance(axes, str) else tuple(axes)
        return Inequality(**found, axes=axes, labels=labels)
    if told["kind"] == "Trials":
        inequality: Any = rebuilt(rest["inequality"], name, arrays, interval)
        return Trials(inequality, rest["failure"], tuple(rest["seeds"]), rest["note"], **found)
    if told["kind"] == "Law":
        return Law(interval=interval, **rest)
    return {"Proof": Proof, "NotApplicable": NotApplicable}[told["kind"]](**rest)


def _value(value: Any) -> Any:
    """The same as JSON can hold it; what it cannot hold as text."""
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
