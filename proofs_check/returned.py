"""What a check may return, made into evidence; what is wrong with it is an error, so that it is nobody's verdict."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from proofs_check.lemma import Evidence, Inequality, Law, NotApplicable, Proof, Run, Trials


def evidence_from(found: Any, subject: Run | tuple[Run, ...], kind: str) -> Evidence:
    """The evidence in what a check returned.

    A plain Inequality becomes Trials over the seeds of the run: claimed with probability 1 - delta by a lemma of kind
    "probability", of every run by any other. Its axis "method" is labelled with the names of the methods.

    Args:
        found: what the check returned, or one of its parts.
        subject: what it was asked of.
        kind: of the lemma.

    Raises:
        TypeError: for anything that is no evidence, or sides that are no numbers.
        ValueError: for shapes that do not fit each other or the seeds; for NaN in a seed whose training stayed finite.
    """
    if isinstance(found, Inequality):
        found = _trials(found, subject, kind)
    if isinstance(found, Trials):
        _check(found)
        _check_nan(found, subject if isinstance(subject, tuple) else (subject,))
        return found
    if isinstance(found, Law | Proof | NotApplicable):
        return found
    raise TypeError(f"expected an Inequality, Trials, Law, Proof or NotApplicable, got {type(found).__name__}")


def _trials(inequality: Inequality, subject: Run | tuple[Run, ...], kind: str) -> Trials:
    runs = subject if isinstance(subject, tuple) else (subject,)
    first = runs[0]
    if any(run.trajectory.seeds != first.trajectory.seeds for run in runs):
        raise TypeError("the runs have different seeds: return Trials, which name the seeds that they are about")
    names = tuple(method.name for method in first.methods)
    shape = _numbers("observed", inequality.observed).shape
    if "method" in inequality.axes and "method" not in inequality.labels and len(shape) == len(inequality.axes):
        if shape[inequality.axes.index("method")] == len(names):
            inequality = replace(inequality, labels={**inequality.labels, "method": names})
    return Trials(inequality, first.delta if kind == "probability" else 0.0, first.trajectory.seeds)


def _numbers(name: str, values: Any) -> np.ndarray:
    try:
        array = np.asarray(values)
        if array.dtype.kind not in "biuf":
            array = array.astype(float) if array.dtype.kind == "V" else None  # V: bfloat16 and its like
    except (TypeError, ValueError):
        array = None
    if array is None:
        raise TypeError(f"{name} must be an array of real numbers, got {type(values).__name__}: {str(values)[:60]}")
    return array


def _check(trials: Trials) -> None:
    """Refuses what cannot be compared."""
    inequality, seeds = trials.inequality, trials.seeds
    if not isinstance(inequality, Inequality):
        raise TypeError(f"Trials need an Inequality, got {type(inequality).__name__}")
    shape = _numbers("observed", inequality.observed).shape
    if shape[:1] != (len(seeds),):
        raise ValueError(f"axis 0 of observed must count the {len(seeds)} seeds, got shape {shape}")
    axes = inequality.axes
    if isinstance(axes, str) or len(axes) != len(shape):
        raise ValueError(f"observed has shape {shape}, so it needs {len(shape)} names of axes, got {axes!r}")
    sides = {"bound": inequality.bound, "where": inequality.where, "attained": trials.attained}
    for name, values in sides.items():
        if values is None and name != "bound":
            continue
        there = _numbers(name, values).shape
        try:
            fits = np.broadcast_shapes(there, shape) == shape
        except ValueError:
            fits = False
        if not fits:
            raise ValueError(f"{name} has shape {there}, which does not broadcast to the {shape} of observed")
    if not isinstance(inequality.labels, Mapping):
        raise TypeError(f"labels must map names of axes to names, got {type(inequality.labels).__name__}")
    for axis, names in inequality.labels.items():
        if axis in axes and len(names) != shape[axes.index(axis)]:
            raise ValueError(f"{len(names)} labels for the {shape[axes.index(axis)]} positions of the axis {axis}")


def _check_nan(trials: Trials, runs: tuple[Run, ...]) -> None:
    """NaN is a violation where training diverged; elsewhere the check made it, and it says nothing of the claim."""
    inequality = trials.inequality
    observed = np.asarray(inequality.observed, float)
    bound = np.broadcast_to(np.asarray(inequality.bound, float), observed.shape)
    compared = np.broadcast_to(True if inequality.where is None else inequality.where, observed.shape)
    undefined = (np.isnan(observed) | np.isnan(bound)) & np.asarray(compared, bool)
    for row in np.flatnonzero(undefined.reshape(len(undefined), -1).any(axis=1)):
        place, seed = (int(row), *np.argwhere(undefined[row])[0]), trials.seeds[row]
        if any(_diverged(run, seed) for run in runs):
            continue
        side = "observed" if np.isnan(observed[place]) else "bound"
        names = zip(inequality.axes[1:], place[1:], strict=True)
        labels = {a: inequality.labels[a][i] if a in inequality.labels else int(i) for a, i in names}
        where = ", ".join(f"{axis} {label}" for axis, label in {"seed": seed, **labels}.items())
        raise ValueError(f"NaN in {side} at {where}, where training stayed finite")


def _diverged(run: Run, seed: int) -> bool:
    """Whether a seed's residual, or its square, left the floating-point numbers; a seed that is not there counts."""
    trajectory = run.trajectory
    if seed not in trajectory.seeds:
        return True
    with np.errstate(over="ignore", invalid="ignore"):
        return not np.isfinite(trajectory.residual_norm[trajectory.seeds.index(seed)] ** 2).all()
