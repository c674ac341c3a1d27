"""Series over the steps for figures: recorded quantities, and both sides of inequalities, as quantiles over seeds.

The curves of the checks are read from the group Checks/RUN/LEMMA of trajectories.nc. The quantiles of the recorded
quantities are computed here, so that no reader needs the arrays of all seeds.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO

import h5netcdf
import h5py
import numpy as np

from proofs_check.judging.curves import Curve
from proofs_check.store.files import TRAJECTORIES, StoreError
from proofs_check.study.text import visible

CHECKS = "Checks"
"""Group of the curves. It lies beside the groups of the runs, since xarray requires the same dimensions inside a group;
the names of runs have no capitals, so none is equal to it."""
RECORDED = ("residual_norm", "flip_fraction", "distance")
DERIVED = ("relative_residual", "loss")
"""Quantities |xi(t)|/|xi(0)| and |xi(t)|^2/2, computed from the norm of the residual xi of every seed."""


_VARIABLES = ("algorithm", "quantile", "step", "observed", "bound")
_LONGEST, _DEEPEST = 200, 10
"""Largest number of characters of a group's name, and of nested groups; the limits of HDF5 are larger."""


@dataclass(frozen=True)
class Series:
    """A quantity over the steps of one run, or both sides of a lemma's inequality.

    Attributes:
        run: name of the run.
        name: id of the lemma, with its part after a slash, or one of RECORDED or DERIVED.
        methods: (k,) names of the methods; "" if the lemma is about none.
        steps: (t,) numbers of the steps.
        levels: (q,) levels of the quantiles over seeds.
        observed: (k, q, t) quantiles of the quantity or of the observed side; NaN where nothing was compared.
        bound: (k, q, t) quantiles of the bound; None for a recorded quantity.
        seeds: number of seeds.
        width: m, the number of neurons.
    """

    run: str
    name: str
    methods: tuple[str, ...]
    steps: "np.ndarray"
    levels: tuple[float, ...]
    observed: "np.ndarray"
    bound: "np.ndarray | None"
    seeds: int
    width: int


def record_curves(file: Any, curves: Iterable["Curve"], levels: Sequence[float]) -> None:
    """Write the curves of the checks to an open netCDF file, a group per curve."""
    used: set[str] = set()
    for curve in curves:
        path = _free(f"{CHECKS}/{curve.run}/{visible(curve.lemma)}", used)
        group = (
            file[path] if path in file else file.create_group(path)
        )  # a part of the same lemma may have made the group
        group.attrs["lemma"] = visible(curve.lemma)[:_LONGEST]
        axes = ("algorithm", "quantile", "step")
        methods = [visible(name) for name in curve.methods]
        group.dimensions = dict(zip(axes, curve.observed.shape, strict=True))
        named: list[tuple[str, tuple[str, ...], Any, str]] = [
            (
                "algorithm",
                axes[:1],
                np.array(methods, dtype=h5py.string_dtype()),
                "method",
            ),
            ("quantile", axes[1:2], np.asarray(levels, float), "level of the quantile over seeds"),
            ("step", axes[2:], np.asarray(curve.steps, np.int64), "training step"),
            ("observed", axes, curve.observed, "quantiles over seeds of what was observed"),
            ("bound", axes, curve.bound, "quantiles over seeds of the bound"),
        ]
        for name, along, values, long_name in named:
            group.create_variable(name, along, data=values).attrs.update({"long_name": long_name, "units": "1"})


def _free(path: str, used: set[str]) -> str:
    """Return an unused path of a group that HDF5 accepts; the parts of a check may have any name.

    Example:
        >>> taken = set()
        >>> [_free(path, taken) for path in ("run/a", "run/a/step", "run/a/..//b", "run/a/b")]
        ['run/a', 'run/a/step-part', 'run/a/b', 'run/a/b-2']
    """
    steps = [step[:_LONGEST] for step in path.split("/") if step.strip(".")][:_DEEPEST]
    path = "/".join(f"{step}-part" if step in _VARIABLES else step for step in steps)
    numbered = (f"{path}-{number}" if number > 1 else path for number in count(1))
    unused = next(each for each in numbered if each not in used)
    used.add(unused)
    return unused


def read_series(
    source: Path | BinaryIO, levels: Sequence[float] = (0.0, 0.1, 0.5, 0.9, 1.0)
) -> tuple[Series, ...]:  # fmt: skip
    """Read the series of every run: the recorded quantities if it trains, then the curves of its checks.

    Args:
        source: a folder that ``write`` has written to, or its trajectories.nc in memory.
        levels: levels of the quantiles over seeds of the recorded quantities.

    Raises:
        StoreError: if the file cannot be read.
    """
    path = Path(source) / TRAJECTORIES if isinstance(source, str | Path) else source
    try:
        with h5py.File(path, "r") as file:
            file.attrs.get("_nc3_strict")  # raises here for a damaged file: h5netcdf would print a traceback
        with h5netcdf.File(path, "r") as file:
            runs = [run for run in file.groups if run != CHECKS]
            return tuple(series for run in runs for series in _of_run(run, file, levels))
    except (OSError, KeyError, ValueError, RuntimeError) as error:
        raise StoreError(f"{path} cannot be read: {error}; verify again") from None


def _of_run(run: str, file: Any, levels: Sequence[float]) -> Iterable[Series]:
    """Yield the series of one run."""
    group = file[run]
    facts = {"seeds": len(group["seed"]), "width": int(group.attrs["width"])}
    steps = group["step"][...]
    if len(steps) > 1:
        methods = _names(group["algorithm"])
        for name in RECORDED:
            yield Series(run, name, methods, steps, tuple(levels), _over_seeds(group[name][...], levels), None, **facts)
        for name, values in zip(DERIVED, _derived(group["residual_norm"][...]), strict=True):
            yield Series(run, name, methods, steps, tuple(levels), _over_seeds(values, levels), None, **facts)
    if CHECKS in file.groups and run in file[CHECKS].groups:
        for path, curve in _leaves(file[CHECKS][run], ""):
            sides = [curve[side][...] for side in ("observed", "bound")]
            stored = tuple(float(level) for level in curve["quantile"][...])
            name = str(curve.attrs.get("lemma", path))
            yield Series(run, name, _names(curve["algorithm"]), curve["step"][...], stored, *sides, **facts)


def _derived(norms: "np.ndarray") -> tuple["np.ndarray", "np.ndarray"]:
    """Compute the quantities of DERIVED from the norms of the residuals."""
    with np.errstate(all="ignore"):  # a run may have diverged
        return norms / norms[..., :1], norms**2 / 2


def _leaves(group: Any, above: str) -> Iterable[tuple[str, Any]]:
    """Yield (path, group) of all groups that hold variables; the parts of a lemma are groups inside the lemma's."""
    for name, inner in group.groups.items():
        if inner.variables:
            yield above + name, inner
        yield from _leaves(inner, f"{above}{name}/")


def _names(variable: Any) -> tuple[str, ...]:
    return tuple(name.decode() if isinstance(name, bytes) else str(name) for name in variable[...])


def _over_seeds(values: "np.ndarray", levels: Sequence[float]) -> "np.ndarray":
    """Compute quantiles over seeds, (s, k, t) -> (k, q, t), as lower order statistics; NaN counts as the largest."""
    ordered = np.sort(np.asarray(values, float), axis=0)
    return np.stack([ordered[int(level * (len(ordered) - 1))] for level in levels], axis=1)
