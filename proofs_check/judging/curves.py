"""Curves for figures: both sides of an inequality over the steps, as quantiles over the seeds.

They are computed from the evidence, so a figure shows the numbers that the verdict rests on.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from proofs_check.judging.finding import SEED_LEVELS
from proofs_check.judging.verdict import Outcome
from proofs_check.lemma import Inequality, Trials


@dataclass(frozen=True)
class Curve:
    """Both sides of an inequality over the steps.

    Attributes:
        lemma: id of the lemma, with its part after a slash.
        run: name of the run.
        methods: (k,) names of the methods.
        steps: (t,) numbers of the steps.
        observed, bound: (k, q, t) quantiles over seeds at SEED_LEVELS; NaN where nothing was compared.
    """

    lemma: str
    run: str
    methods: tuple[str, ...]
    steps: np.ndarray
    observed: np.ndarray
    bound: np.ndarray


def curve_of(outcome: Outcome, method: str = "") -> Curve | None:
    """Return the curve of an outcome whose inequality has an axis of steps, None for any other outcome.

    Axes beyond seed, method and step are reduced to the entry with the least relative margin.

    Args:
        outcome: the outcome of a lemma on a run.
        method: the method that the lemma is about, for an inequality without an axis of methods.
    """
    if not isinstance(outcome.evidence, Trials):
        return None
    inequality = outcome.evidence.inequality
    axis = next((axis for axis in ("step", "time") if axis in inequality.axes), None)
    if axis is None:
        return None
    if np.ndim(inequality.observed) != len(inequality.axes) or inequality.axes[0] != "seed":
        return None  # the shape is wrong: verdict.py reports it
    try:
        sides = _sides(inequality, axis)
    except (ValueError, KeyError):
        return None
    steps = _steps(inequality, axis)
    names = inequality.labels.get("method", (method,) * sides[0].shape[1])
    observed, bound = (_quantiles(side) for side in sides)
    return None if np.isnan(observed).all() else Curve(outcome.lemma, outcome.run, tuple(names), steps, observed, bound)


def _sides(inequality: Inequality, axis_of_steps: str) -> tuple[np.ndarray, np.ndarray]:
    """Return both sides in the shape (s, k, t), NaN where they are not compared."""
    margin = inequality.relative_margin()
    observed, bound = (np.broadcast_to(np.asarray(side, float), margin.shape)
                       for side in (inequality.observed, inequality.bound))  # fmt: skip
    compared = np.ones(margin.shape, bool) if inequality.where is None else inequality.where
    compared = np.broadcast_to(compared, margin.shape)
    order = ["seed", *(["method"] if "method" in inequality.axes else []), axis_of_steps]
    rest = [axis for axis in inequality.axes if axis not in order]
    axes = [inequality.axes.index(axis) for axis in (*order, *rest)]
    seeds, steps = margin.shape[0], margin.shape[inequality.axes.index(axis_of_steps)]

    def to_seed_method_step(array: np.ndarray) -> np.ndarray:
        others = int(np.prod([array.shape[axis] for axis in axes[len(order) :]]))
        return array.transpose(axes).reshape(seeds, -1, steps, others)

    worst = np.argmin(to_seed_method_step(margin), axis=-1)[..., None]
    observed, bound, compared = (
        np.take_along_axis(to_seed_method_step(array), worst, axis=-1)[..., 0] for array in (observed, bound, compared)
    )
    return np.where(compared, observed, np.nan), np.where(compared, bound, np.nan)


def _steps(inequality: Inequality, axis: str) -> np.ndarray:
    """Return the numbers of the steps, from labels such as "step 40" if there are any, else from the positions."""
    size = np.shape(inequality.observed)[inequality.axes.index(axis)]
    labels: Sequence[str] = inequality.labels.get(axis, ())
    numbers = [label.removeprefix("step ") for label in labels]
    if len(numbers) == size and all(number.isdecimal() for number in numbers):
        return np.array([int(number) for number in numbers])
    return np.arange(size)


def _quantiles(values: np.ndarray) -> np.ndarray:
    """Compute lower empirical quantiles over the seeds, ignoring NaN: (s, k, t) -> (k, q, t)."""
    ordered = np.sort(values, axis=0)  # NaN last
    count = np.count_nonzero(~np.isnan(values), axis=0)
    positions = [np.floor(level * np.maximum(count - 1, 0)).astype(int) for level in SEED_LEVELS]
    return np.stack([np.take_along_axis(ordered, index[None], axis=0)[0] for index in positions], axis=1)
