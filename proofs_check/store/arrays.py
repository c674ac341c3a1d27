"""Write the arrays of finished runs to trajectories.nc, a netCDF file with a group per run."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5netcdf
import h5py
import numpy as np

from nag_ntk.run.labelled import AXES, COORDINATES, FACTS, NUMBERS, VARIABLES, coordinate_values
from proofs_check.judging.finding import SEED_LEVELS
from proofs_check.lemma import Run
from proofs_check.store.files import sync
from proofs_check.store.series import record_curves


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
    facts = {name: getattr(t, name) for name in FACTS}
    group.attrs.update({**facts, "delta": run.delta})
    group.dimensions = dict(zip(AXES, t.residual.shape, strict=True))

    def add(name: str, axes: Sequence[str], values: Any, long_name: str, units: str | None = None) -> None:
        variable = group.create_variable(name, axes, data=values)
        variable.attrs.update({"long_name": long_name} | ({"units": units} if units else {}))

    for axis, values in coordinate_values(t).items():
        texts = axis == "algorithm"
        add(axis, (axis,), np.array(values, dtype=h5py.string_dtype()) if texts else values, COORDINATES[axis])
    for name, long_name in NUMBERS.items():
        add(name, ("algorithm",), np.array([getattr(m, name) for m in t.methods], float), long_name, "1")
    for name, (units, long_name) in VARIABLES.items():
        values = getattr(t, name)
        add(name, AXES[: values.ndim], values, long_name, units)
        group.variables[name].attrs["coordinates"] = " ".join(NUMBERS)
