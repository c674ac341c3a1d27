"""Series over the steps for figures: recorded quantities, and both sides of inequalities, as quantiles over seeds.

The curves of the checks lie in trajectories.nc, in the group Checks/RUN/LEMMA; the recorded quantities are summed up
here, so that no reader has to hold the arrays of all seeds.
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
"""Beside the runs, whose names have no capitals: below them, xarray would ask for dimensions that agree."""
RECORDED = ("residual_norm", "flip_fraction", "distance")
DERIVED = ("relative_residual", "loss")
"""|xi(t)|/|xi(0)| and |xi(t)|^2/2, from the norm of the residual of every seed."""


_VARIABLES = ("algorithm", "quantile", "step", "observed", "bound")
_LONGEST, _DEEPEST = 200, 10
"""Characters of a group's name, and groups within each other; HDF5 has limits too."""


@dataclass(frozen=True)
class Series:
    """A quantity over the steps of one run, or both sides of what a lemma says of it.

    Attributes:
        run: name of the run.
        name: id of the lemma, with its part after a slash, or one of RECORDED or DERIVED.
        methods: (k,) names of the methods, "" where no method is meant.
        steps: (t,) numbers of the steps.
        levels: (q,) the quantiles over seeds.
        observed: (k, q, t); NaN where nothing was compared.
        bound: the same, or None for what was recorded.
        seeds: number of seeds behind it.
        width: of the network.
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
    """Write the curves of the checks, by run."""
    used: set[str] = set()
    for curve in curves:
        path = _free(f"{CHECKS}/{curve.run}/{visible(curve.lemma)}", used)
        group = file[path] if path in file else file.create_group(path)  # it is there if a part was written before
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
    """Return an unused path of a group that HDF5 can make: the parts of a check may have any name, or none.

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
    """Read the recorded quantities of every run that trains, then the curves of its checks.

    Args:
        source: a folder that ``write`` has written to, or what its trajectories.nc holds, in memory.
        levels: quantiles over seeds, for what was recorded.

    Raises:
        StoreError: if the file cannot be read.
    """
    path = Path(source) / TRAJECTORIES if isinstance(source, str | Path) else source
    try:
        with h5py.File(path, "r") as file:
            file.attrs.get("_nc3_strict")  # where this fails, h5netcdf prints a traceback beside what it raises
        with h5netcdf.File(path, "r") as file:
            runs = [run for run in file.groups if run != CHECKS]
            return tuple(series for run in runs for series in _of_run(run, file, levels))
    except (OSError, KeyError, ValueError, RuntimeError) as error:
        raise StoreError(f"{path} cannot be read: {error}; verify again") from None


def _of_run(run: str, file: Any, levels: Sequence[float]) -> Iterable[Series]:
    """Those of one run."""
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
        for name, found in _leaves(file[CHECKS][run], ""):
            sides = [found[side][...] for side in ("observed", "bound")]
            stored = tuple(float(level) for level in found["quantile"][...])
            name = str(found.attrs.get("lemma", name))
            yield Series(run, name, _names(found["algorithm"]), found["step"][...], stored, *sides, **facts)


def _derived(norms: "np.ndarray") -> tuple["np.ndarray", "np.ndarray"]:

    with np.errstate(all="ignore"):  # a run that diverged
        return norms / norms[..., :1], norms**2 / 2


def _leaves(group: Any, above: str) -> Iterable[tuple[str, Any]]:
    """Iterate over the groups with variables, by their path: the parts of a lemma are groups inside its own."""
    for name, inner in group.groups.items():
        if inner.variables:
            yield above + name, inner
        yield from _leaves(inner, f"{above}{name}/")


def _names(variable: Any) -> tuple[str, ...]:
    return tuple(name.decode() if isinstance(name, bytes) else str(name) for name in variable[...])


def _over_seeds(values: "np.ndarray", levels: Sequence[float]) -> "np.ndarray":
    """(s, k, t) -> (k, q, t), lower order statistics; NaN counts as the largest."""
    ordered = np.sort(np.asarray(values, float), axis=0)
    return np.stack([ordered[int(level * (len(ordered) - 1))] for level in levels], axis=1)
