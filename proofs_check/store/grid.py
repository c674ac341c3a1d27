"""Arrange the runs of a sweep as one dataset: a labelled array per quantity, with an axis per swept key."""

import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import h5netcdf
import h5py
import numpy as np
import xarray

from nag_ntk import Method, spectral_radius
from proofs_check.lemma import Run
from proofs_check.store.files import sync
from proofs_check.study.load import RunSpec
from proofs_check.study.text import visible

PER_SEED = {
    "initial_residual_norm": "Euclidean norm of the residual at step 0",
    "final_residual_norm": "Euclidean norm of the residual at the last step",
    "rate": "factor of the residual norm per step, (final / initial)^(1 / steps)",
    "flip_fraction": "largest share, over the steps, of (neuron, sample) pairs that differ from step 0",
    "distance": "largest distance, over the steps, of a neuron's weights from their start",
}
"""Variables over the swept axes, algorithm and seed."""
PER_METHOD = {
    "step_size": "step size eta",
    "momentum": "momentum beta",
    "linear_rate": "factor per step of the linear model of the limit Gram matrix, its spectral radius",
}
"""Variables over the swept axes and algorithm, beside `run`, the name of the run."""
PER_RUN = {
    "lambda_0": "least eigenvalue of the limit Gram matrix",
    "kappa": "condition number of the tuning; infinite where lambda_0 is not positive",
}
"""Variables over the swept axes alone."""


def side_by_side(specs: Sequence["RunSpec"], runs: Sequence["Run"]) -> "xarray.Dataset | None":
    """Arrange all runs that have a position in the grid of a sweep as one dataset; None if there are none.

    Args:
        specs: the configured runs of the study.
        runs: the simulated runs, in the same order.

    Returns:
        Dimensions: the swept axes, in the order in which the first run names them, their coordinates in the order of
        the runs; then `algorithm` (names of methods; a second one of the same name is called "NAME-2") and `seed`.
        Variables: PER_SEED, PER_METHOD, PER_RUN and `run`. An entry that no run fills, such as a missing point of the
        grid or a seed that only some runs have, is NaN ("" in `run`). A run that lacks an axis is left out.
    """
    axes = next((tuple(dict(spec.at)) for spec in specs if spec.at), ())
    if not axes:
        return None
    placed = [(dict(spec.at), run) for spec, run in zip(specs, runs, strict=True) if set(dict(spec.at)) == set(axes)]
    points = {axis: list(dict.fromkeys(at[axis] for at, _ in placed)) for axis in axes}
    names = list(dict.fromkeys(name for _, run in placed for name in _algorithms(run)))
    seeds = sorted({seed for _, run in placed for seed in run.trajectory.seeds})
    sizes = [len(values) for values in points.values()]

    def empty(*more: int) -> np.ndarray:
        return np.full((*sizes, *more), np.nan)

    arrays: dict[str, Any] = {name: empty(len(names), len(seeds)) for name in PER_SEED}
    arrays |= {name: empty(len(names)) for name in PER_METHOD} | {name: empty() for name in PER_RUN}
    labels = np.full((*sizes, len(names)), "", dtype=object)
    for at, run in placed:
        corner = tuple(points[axis].index(at[axis]) for axis in axes)
        columns = [seeds.index(seed) for seed in run.trajectory.seeds]
        for name, value in zip(PER_RUN, _spectrum(run), strict=True):
            arrays[name][corner] = value
        values = _per_seed(run)
        for k, algorithm in enumerate(_algorithms(run)):
            row = (*corner, names.index(algorithm))
            labels[row] = run.name
            for name, value in zip(PER_METHOD, _numbers(run, run.methods[k]), strict=True):
                arrays[name][row] = value
            for name in PER_SEED:
                arrays[name][row][columns] = values[name][:, k]
    dimensions = (*axes, "algorithm", "seed")
    variables = {
        name: (dimensions[: array.ndim], array, {"long_name": (PER_SEED | PER_METHOD | PER_RUN)[name], "units": "1"})
        for name, array in arrays.items()
    }
    variables["run"] = (dimensions[:-1], labels, {"long_name": "run, a group of trajectories.nc"})
    coordinates = {axis: _coordinate(values) for axis, values in points.items()}
    return xarray.Dataset(variables, {**coordinates, "algorithm": np.array(names, object), "seed": seeds})


def write_grid(path: Path, grid: "xarray.Dataset") -> None:
    """Write a grid as netCDF; build the file in memory first, since HDF5 crashes the process when a disk is full."""
    image = io.BytesIO()
    with h5netcdf.File(image, "w") as file:
        file.dimensions = dict(grid.sizes)
        for name, variable in grid.variables.items():
            values = variable.values
            if values.dtype == object:
                values = np.vectorize(visible, [object])(values).astype(h5py.string_dtype())
            stored = file.create_variable(str(name), tuple(map(str, variable.dims)), data=values)
            stored.attrs.update({str(key): value for key, value in variable.attrs.items()})
    path.write_bytes(image.getbuffer())
    sync(path)


def _algorithms(run: "Run") -> list[str]:
    """Return the names of the methods; the second of a name gets "-2", since step sizes may differ between runs."""
    names = [method.name for method in run.methods]
    counts = [names[: k + 1].count(name) for k, name in enumerate(names)]
    return [name if count == 1 else f"{name}-{count}" for name, count in zip(names, counts, strict=True)]


def _per_seed(run: "Run") -> dict[str, Any]:
    """Compute the variables of PER_SEED, (s, k) each."""
    t = run.trajectory
    first, last = t.residual_norm[..., 0], t.residual_norm[..., -1]
    with np.errstate(all="ignore"):  # a run may lack steps, or have diverged
        rate = (last / first) ** (1 / t.steps) if t.steps else np.full_like(last, np.nan)
    return {
        "initial_residual_norm": first,
        "final_residual_norm": last,
        "rate": rate,
        "flip_fraction": t.flip_fraction.max(-1),
        "distance": t.distance.max(-1),
    }


def _numbers(run: "Run", method: Method) -> tuple[float, float, float]:
    """Return the variables of PER_METHOD; the linear model has no one rate if the numbers change with the step."""
    rate = spectral_radius(method, np.linalg.eigvalsh(run.data.gram_limit)) if method.constant else np.nan
    return method.eta, method.beta, float(rate)


def _spectrum(run: "Run") -> tuple[float, float]:
    spectrum = run.data.spectrum
    return spectrum.lambda_0, spectrum.kappa if spectrum.lambda_0 > 0 else float("inf")


def _coordinate(values: Iterable[Any]) -> Any:
    """Return coordinates as an array: numbers unchanged, truth values as 0 and 1, all as text if one is text."""
    listed = [int(value) if isinstance(value, bool) else value for value in values]
    if any(isinstance(value, str) for value in listed):
        return np.array([str(value) for value in listed], object)
    return np.array(listed)
