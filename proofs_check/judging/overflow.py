"""Exclude from a comparison the steps at which a run overflows, by one rule for every seed and method.

From the first step at which a number of the run is not finite, no entry that depends on it is compared. From the first
step at which a square of such a number would not be finite, an entry is compared only if both its sides are finite. A
seed supports a claim only if at least one of its methods was compared up to the last step; entries before the overflow
can still refute. Where the run stayed finite, an infinite observed side exceeds a finite bound, and NaN is a mistake of
the check.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from proofs_check.lemma import Inequality, Run, Trials


def within_numbers(trials: Trials, runs: Sequence[Run], method: str | None = None) -> Trials:
    """Exclude the entries that depend on numbers that are not finite; add a note that names the first such step.

    Args:
        trials: well-formed evidence.
        runs: the runs that it is about.
        method: for an inequality without an axis of methods: the method that the lemma is about, None for all.

    Raises:
        ValueError: for seeds that no run has.
    """
    trained = {seed for run in runs for seed in run.trajectory.seeds}
    unknown = [seed for seed in trials.seeds if seed not in trained]
    if unknown:
        raise ValueError(f"seed {unknown[0]} is not among those of the run: evidence is about networks that it trained")
    if all((run.trajectory.overflow[1] > run.trajectory.steps).all() for run in runs):
        return trials
    inequality = trials.inequality
    observed = np.asarray(inequality.observed)
    bound = np.broadcast_to(np.asarray(inequality.bound), observed.shape)
    compared = np.broadcast_to(True if inequality.where is None else inequality.where, observed.shape)
    out, first = np.zeros(observed.shape, bool), np.full(observed.shape, np.iinfo(np.int64).max)
    for run in runs:
        numbers, squares = (_aligned(each, trials, run, method) for each in run.trajectory.overflow)
        last = _last(inequality, run)
        out = out | (numbers <= last) | ((squares <= last) & ~(np.isfinite(observed) & np.isfinite(bound)))
        first = np.where(out, np.minimum(first, squares), first)
    out = out & compared
    if not out.any():
        return trials
    rest = compared & ~out
    pair = tuple(i for i, axis in enumerate(inequality.axes) if axis not in ("seed", "method"))
    others = tuple(range(1, observed.ndim))
    whole = rest & ~out.any(axis=pair, keepdims=True)
    partial = out.any(axis=others) & ~whole.any(axis=others)
    note = f"from step {first[out].min()} on numbers are not finite and nothing is compared ({_who(inequality, out)})"
    return replace(
        trials,
        inequality=replace(inequality, where=rest),
        partial=partial if trials.partial is None else partial | trials.partial,
        note=f"{trials.note}; {note}" if trials.note else note,
    )


def _aligned(first: np.ndarray, trials: Trials, run: Run, method: str | None) -> np.ndarray:
    """Broadcast first steps (s, k) of a run to the axes of an inequality; a seed that the run lacks gets T + 1."""
    inequality, trajectory = trials.inequality, run.trajectory
    columns = _columns(inequality, run, method)
    # an entry whose method is unknown may depend on any method
    chosen = first.min(axis=1, keepdims=True) if columns is None else first[:, columns]
    places = {seed: i for i, seed in enumerate(trajectory.seeds)}
    never = np.full(chosen.shape[1], trajectory.steps + 1)
    rows = np.stack([chosen[places[seed]] if seed in places else never for seed in trials.seeds])
    shape = [1] * len(inequality.axes)
    shape[0] = len(rows)
    if "method" in inequality.axes:
        shape[inequality.axes.index("method")] = rows.shape[1]
    return rows.reshape(shape)


def _columns(inequality: Inequality, run: Run, method: str | None) -> list[int] | None:
    """Return the positions of the methods that the entries are about, None if they are unknown."""
    names = [each.name for each in run.methods]
    if "method" not in inequality.axes:
        column = None if method is None else run.index(method)
        return None if column is None else [column]
    size = np.shape(inequality.observed)[inequality.axes.index("method")]
    labels = list(inequality.labels.get("method", names if size == len(names) else ()))
    if labels == names:
        return list(range(size))
    if labels and all(names.count(label) == 1 for label in labels):
        return [names.index(label) for label in labels]
    return None


def _last(inequality: Inequality, run: Run) -> np.ndarray | int:
    """Return the last step that each entry depends on, in a shape that broadcasts to the entries."""
    steps = run.trajectory.steps
    if inequality.until is not None:
        return np.asarray(inequality.until)
    axis = next((axis for axis in ("step", "time") if axis in inequality.axes), None)
    if axis is None:
        return steps
    place = inequality.axes.index(axis)
    size = np.shape(inequality.observed)[place]
    labels = [re.fullmatch(r"(?:step )?(\d+)", str(label)) for label in inequality.labels.get(axis, ())]
    if labels and all(labels):
        last = np.array([int(label[1]) for label in labels if label])
    else:  # of increasing steps, entry j is at most this one
        last = np.minimum(np.arange(size) + max(steps + 1 - size, 0), steps)
    shape = [1] * len(inequality.axes)
    shape[place] = size
    return last.reshape(shape)


def _who(inequality: Inequality, out: np.ndarray) -> str:
    """Name the methods that overflow, and count their seeds."""
    if "method" not in inequality.axes:
        return _count(out)
    place = inequality.axes.index("method")
    labels = inequality.labels.get("method", tuple(map(str, range(out.shape[place]))))
    of = {label: out.take(k, axis=place) for k, label in enumerate(labels)}
    return ", ".join(f"{label} in {_count(part)}" for label, part in of.items() if part.any())


def _count(out: np.ndarray) -> str:
    return f"{int(out.reshape(len(out), -1).any(axis=1).sum())} of {len(out)} seeds"
