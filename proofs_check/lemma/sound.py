"""Validation of evidence: evidence that contradicts itself or cannot be compared is an error of its check."""

import math
import operator
from collections.abc import Mapping
from typing import Any

import numpy as np

from proofs_check.lemma import Evidence, Inequality, Law, NotApplicable, Proof, Trials
from proofs_check.lemma.sides import array_of, at_most, flags_of, number

_ROUNDING = 1e-9
"""Relative difference that rounding may make between numbers that were computed in different ways."""


def validated(evidence: Any) -> Evidence:
    """Return the evidence if it does not contradict itself and no compared entry is NaN.

    Raises:
        TypeError: as for `well_formed`.
        ValueError: as for `well_formed`, and for NaN in a compared entry.

    Example:
        >>> validated(Proof(True, observed=3.0, bound=2.0, reason="proved"))
        Traceback (most recent call last):
        ...
        ValueError: the proof says True, but 3.0 <= 2.0 is false
    """
    evidence = well_formed(evidence)
    if isinstance(evidence, Trials):
        _defined(evidence)
    return evidence


def well_formed(evidence: Any) -> Evidence:
    """Return the evidence if it does not contradict itself and its shapes fit.

    Raises:
        TypeError: for an object that is not evidence, or for fields that must be real numbers and are not.
        ValueError: for evidence that contradicts itself, and shapes that do not fit.
    """
    if isinstance(evidence, Trials):
        _trials(evidence)
    elif isinstance(evidence, Law):
        _law(evidence)
    elif isinstance(evidence, Proof):
        _proof(evidence)
    elif not isinstance(evidence, NotApplicable):
        raise TypeError(
            f"expected an Inequality, Trials, Law, Proof or NotApplicable, got {type(evidence).__name__}"
        )  # fmt: skip
    text = evidence.reason if isinstance(evidence, Proof | NotApplicable) else evidence.note
    if not isinstance(text, str):
        raise TypeError(f"the reason or note must be text, got {type(text).__name__}")
    return evidence


def interval_of(law: Law, level: float) -> tuple[float, float]:
    """Return the interval of a law at confidence 1 - level, if it contains the observed deviation.

    Raises:
        TypeError: for anything but two real numbers.
        ValueError: for an interval with low > high, or without the deviation.
    """
    if not law.trials:
        return -math.inf, math.inf
    low, high = (float(number("an end of the interval", end)) for end in law.interval(level))
    if not low <= high:
        raise ValueError(f"expected an interval low <= high at level {level:.3g}, got ({low}, {high})")
    room = _ROUNDING * max(abs(end) for end in (low, high, law.resolution) if math.isfinite(end))
    if not low - room <= law.deviation <= high + room:
        raise ValueError(
            f"the deviation {law.deviation:.6g} lies outside of its own interval [{low:.6g}, {high:.6g}] at level "
            f"{level:.3g}"
        )
    return low, high


def _trials(trials: Trials) -> None:
    inequality, seeds = trials.inequality, trials.seeds
    if not isinstance(inequality, Inequality):
        raise TypeError(f"Trials need an Inequality, got {type(inequality).__name__}")
    _seeds(seeds)
    failure = number("failure", trials.failure)
    if not failure >= 0:
        raise ValueError(f"failure must be a probability, got {failure}")
    observed = array_of("observed", inequality.observed)
    shape = observed.shape
    if shape[:1] != (len(seeds),):
        raise ValueError(f"axis 0 of observed must count the {len(seeds)} seeds, got shape {shape}")
    if inequality.proved is not None and not isinstance(inequality.proved, bool | np.bool_):
        raise TypeError(f"proved must be True, False or None, got {inequality.proved!r}")
    _axes(inequality, shape)
    sides = {"bound": array_of("bound", inequality.bound)}
    if inequality.where is not None:
        sides["where"] = flags_of("where", inequality.where)
    if inequality.until is not None:
        sides["until"] = array_of("until", inequality.until)
    if trials.attained is not None:
        sides["attained"] = array_of("attained", trials.attained)
    for name, values in sides.items():
        try:
            fits = np.broadcast_shapes(values.shape, shape) == shape
        except ValueError:
            fits = False
        if not fits:
            raise ValueError(f"{name} has shape {values.shape}, which does not broadcast to the {shape} of observed")
    if "until" in sides and sides["until"].dtype.kind not in "iu":
        raise TypeError(f"until must hold numbers of steps, got {sides['until'].dtype}")
    if trials.partial is not None and flags_of("partial", trials.partial).shape != (len(seeds),):
        raise ValueError(f"partial must say yes or no of each of the {len(seeds)} seeds, got {trials.partial!r:.60}")
    if "attained" in sides:
        with np.errstate(invalid="ignore"):
            higher = sides["attained"] > observed + _ROUNDING * np.abs(observed)
        if higher.any():
            raise ValueError("attained is above observed, which is said to bound it from above")


def _defined(trials: Trials) -> None:
    """Refuse NaN in a compared entry: it is a mistake of the check and says nothing about the claim."""
    inequality, seeds = trials.inequality, trials.seeds
    observed = np.asarray(inequality.observed)
    bound = np.broadcast_to(np.asarray(inequality.bound), observed.shape)
    undefined = np.isnan(observed) | np.isnan(bound)
    if inequality.where is not None:
        undefined = undefined & inequality.where
    if undefined.any():
        place = tuple(int(i) for i in np.argwhere(undefined)[0])
        side = "observed" if np.isnan(observed[place]) else "bound"
        names = zip(inequality.axes[1:], place[1:], strict=True)
        labels = {a: inequality.labels[a][i] if a in inequality.labels else i for a, i in names}
        where = ", ".join(f"{axis} {label}" for axis, label in {"seed": seeds[place[0]], **labels}.items())
        raise ValueError(f"NaN in {side} at {where}, where training stayed finite")


def _seeds(seeds: Any) -> None:
    try:
        numbers = [operator.index(seed) for seed in seeds if not isinstance(seed, bool | np.bool_)]
    except TypeError:
        numbers = []
    if len(numbers) != len(seeds):
        raise TypeError(f"seeds must be whole numbers, got {str(seeds)[:60]}")
    if len(set(numbers)) != len(numbers):
        twice = next(seed for seed in numbers if numbers.count(seed) > 1)
        raise ValueError(
            f"seeds repeat: {len(numbers)} are named and {len(set(numbers))} differ (seed {twice} is there "
            f"{numbers.count(twice)} times); a network counts once"
        )


def _axes(inequality: Inequality, shape: tuple[int, ...]) -> None:
    axes = inequality.axes
    if isinstance(axes, str) or len(axes) != len(shape):
        raise ValueError(f"observed has shape {shape}, so it needs {len(shape)} names of axes, got {axes!r}")
    if not all(isinstance(axis, str) for axis in axes) or len(set(axes)) < len(axes) or axes[0] != "seed":
        raise ValueError(f'axes must be different names, the first of them "seed", got {axes!r}')
    if not isinstance(inequality.labels, Mapping):
        raise TypeError(f"labels must map names of axes to names, got {type(inequality.labels).__name__}")
    for axis, names in inequality.labels.items():
        if axis in axes and len(names) != shape[axes.index(axis)]:
            raise ValueError(f"{len(names)} labels for the {shape[axes.index(axis)]} positions of the axis {axis}")


def _law(law: Law) -> None:
    numbers = {name: number(name, getattr(law, name)) for name in ("p_value", "resolution", "deviation")}
    if isinstance(law.trials, bool) or not isinstance(law.trials, int | np.integer) or law.trials < 0:
        raise ValueError(f"draws must be a whole number, not negative, got {law.trials!r}")
    if not 0 <= law.p_value <= 1:
        raise ValueError(f"expected a p-value in [0, 1], got {law.p_value}")
    if not 0 <= law.resolution < math.inf:
        raise ValueError(
            f"the resolution must be finite and not negative, got {law.resolution}: within it all is right"
        )
    if law.trials and not math.isfinite(numbers["deviation"]):
        raise ValueError(f"the deviation must be finite, got {law.deviation}")


def _proof(proof: Proof) -> None:
    if proof.decided is not None and not isinstance(proof.decided, bool | np.bool_):
        raise TypeError(f"decided must be True, False or None, got {proof.decided!r}")
    sides = number("observed", proof.observed), number("bound", proof.bound)
    if proof.relation not in ("<=", ">="):
        raise ValueError(f'relation must be "<=" or ">=", got {proof.relation!r}')
    if proof.decided is None:
        return
    if any(side != side for side in sides):
        raise ValueError(f"the proof says {bool(proof.decided)}, and one of its sides is NaN: {sides}")
    low, high = (np.asarray(side) for side in (sides if proof.relation == "<=" else sides[::-1]))
    # equal sides fit both a proof of <= and a disproof of <
    contradicted = not at_most(low, high) if proof.decided else not at_most(high, low)
    if contradicted:
        is_false = "false" if proof.decided else "true"
        raise ValueError(
            f"the proof says {bool(proof.decided)}, but {sides[0]} {proof.relation} {sides[1]} is {is_false}"
        )  # fmt: skip
