"""Join the records of the same networks under several methods into one, and move the methods' axis into an order."""

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np

from nag_ntk.method import Method
from nag_ntk.run.trajectory import Deviation, GramPath, Probed, Recursion, Trajectory

_BY_METHOD = ("residual", "flips", "undecided", "distance", "flip_reach")


def joined(parts: Sequence[Trajectory], methods: Sequence[Method]) -> Trajectory:
    """Join trajectories of the same networks and steps; what is recorded at step 0 is that of the first part.

    Args:
        parts: the record of the members of the family and that of the other methods, or one of them.
        methods: all methods, in the order of the axis k that the result has.

    Returns:
        A Trajectory. Recursion, deviation and the statistics of the screened engine are those of the first part, NaN
        (0 where whole numbers are counted) for the methods of the second.
    """
    if len(parts) == 1:
        return parts[0]
    first, second = parts
    positions = np.empty(len(methods), int)
    positions[:] = np.argsort(np.argsort([not method.in_family for method in methods], kind="stable"))

    def together(one: np.ndarray, other: np.ndarray | None = None) -> np.ndarray:
        if other is None:
            shape = (one.shape[0], len(second.methods), *one.shape[2:])
            other = np.full(shape, np.nan if one.dtype.kind == "f" else 0, one.dtype)
        return np.concatenate([one, other], axis=1)[:, positions]

    def record(kind: type, one: Any) -> Any:
        return None if one is None else kind(*(together(getattr(one, field.name)) for field in fields(kind)))

    path, other = first.gram_path, second.gram_path
    screening = first.screening
    return replace(
        first,
        **{name: together(getattr(first, name), getattr(second, name)) for name in _BY_METHOD},
        methods=tuple(methods),
        dimension=max(first.dimension, second.dimension),
        recursion=record(Recursion, first.recursion),
        deviation=record(Deviation, first.deviation),
        gram_path=None
        if path is None or other is None
        else GramPath(
            path.steps, together(path.least_eigenvalue, other.least_eigenvalue), together(path.drift, other.drift)
        ),
        screening=None if screening is None else screening._replace(held=together(screening.held)),
        probes={
            name: Probed(probed.steps, together(probed.values, second.probes[name].values))
            for name, probed in first.probes.items()
        },
    )
