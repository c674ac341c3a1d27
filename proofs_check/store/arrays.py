"""Write the arrays of finished runs to trajectories.nc, a netCDF file with a group per run."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5netcdf
import h5py
import numpy as np

from proofs_check.judging.finding import SEED_LEVELS
from proofs_check.lemma import Run
from proofs_check.store.files import sync
from proofs_check.store.series import record_curves

AXES = ("seed", "algorithm", "step", "sample")
NUMBERS = {
    "eta": "step size, the largest where it changes with the step",
    "beta": "momentum, likewise",
    "gamma": "weight of the change of the gradient, likewise",
    "delay": "steps by which growing momentum lags (0: constant)",
}
# name: (unit, long name) of the recorded arrays; all have the axes seed, algorithm, step, and the residual also sample
VARIABLES = {
    "residual": ("1", "residual xi = f(X) - y"),
    "residual_norm": ("1", "Euclidean norm of the residual"),
    "flip_fraction": ("1", "share of (neuron, sample) pairs whose activation differs from step 0"),
    "distance": ("1", "largest distance of a neuron's weights from their start"),
    "undecided": ("1", "number of pre-activations within their rounding bound of 0"),
}


def write_trajectories(path: Path, runs: Any, curves: Any = ()) -> None:
    """Write trajectories.nc; build it in memory first, since HDF5 crashes the process when a disk is full."""
    path.write_bytes(image(runs, curves).getbuffer())
    sync(path)


def image(runs: Any, curves: Any = ()) -> io.BytesIO:
    """Build trajectories.nc in memory; curves of other runs are left out."""
    buffer = io.BytesIO()
    with h5netcdf.File(buffer, "w") as file:
        for run in runs:
            record(file.create_group(run.name), run)
        names = {run.name for run in runs}
        record_curves(file, (curve for curve in curves if curve.run in names), SEED_LEVELS)
    buffer.seek(0)
    return buffer


def record(group: Any, run: "Run") -> None:
    """Write the arrays of one run to a netCDF group with the dimensions seed, algorithm, step and sample.

    The axis of the methods is called algorithm, since ``.sel(method=...)`` means something else in xarray.
    """
    t = run.trajectory
    facts = {name: getattr(t, name) for name in ("width", "start", "init", "engine", "dtype", "weights_digest")}
    group.attrs.update({**facts, "delta": run.delta})
    group.dimensions = dict(zip(AXES, t.residual.shape, strict=True))

    def add(name: str, axes: Sequence[str], values: Any, long_name: str, units: str | None = None) -> None:
        variable = group.create_variable(name, axes, data=values)
        variable.attrs.update({"long_name": long_name} | ({"units": units} if units else {}))

    add("algorithm", ("algorithm",), np.array(labels(t.methods), dtype=h5py.string_dtype()), "method")
    add("seed", ("seed",), np.asarray(t.seeds, np.int64), "seed number")
    add("step", ("step",), np.arange(t.residual.shape[2]), "training step")
    add("sample", ("sample",), np.arange(t.residual.shape[3]), "row of the dataset")
    for name, long_name in NUMBERS.items():
        add(name, ("algorithm",), np.array([getattr(m, name) for m in t.methods], float), long_name, "1")
    for name, (units, long_name) in VARIABLES.items():
        values = getattr(t, name)
        add(name, AXES[: values.ndim], values, long_name, units)
        group.variables[name].attrs["coordinates"] = " ".join(NUMBERS)


def labels(methods: Any) -> list[str]:
    """Return the names of the methods; a name that occurs twice is followed by step size and momentum.

    Example:
        >>> from nag_ntk import gradient_descent, heavy_ball
        >>> labels([gradient_descent(0.5), heavy_ball(0.5, 0.25), heavy_ball(0.5, 0.75)])
        ['gradient_descent', 'heavy_ball(eta=0.5, beta=0.25)', 'heavy_ball(eta=0.5, beta=0.75)']
    """
    names = [m.name for m in methods]
    return [m.name if names.count(m.name) == 1 else f"{m.name}(eta={m.eta!r}, beta={m.beta!r})" for m in methods]
