"""Names, axes and units of the arrays of a run, and the run as a dataset of xarray."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nag_ntk.method import Method

if TYPE_CHECKING:
    import xarray


AXES = ("seed", "algorithm", "step", "sample")
COORDINATES = {"seed": "seed number", "algorithm": "method", "step": "training step", "sample": "row of the dataset"}
"""Axis -> long name of its coordinate."""
FACTS = ("width", "start", "init", "engine", "dtype", "weights_digest")
"""Fields of a Trajectory that stand beside its arrays as attributes."""
NUMBERS = {
    "eta": "step size, the largest where it changes with the step",
    "beta": "momentum, likewise",
    "gamma": "weight of the change of the gradient, likewise",
    "delay": "steps by which growing momentum lags (0: constant)",
}
"""Numbers of a method -> their long names; they have the axis algorithm."""
VARIABLES = {
    "residual": ("1", "residual xi = f(X) - y"),
    "residual_norm": ("1", "Euclidean norm of the residual"),
    "flip_fraction": ("1", "share of (neuron, sample) pairs whose activation differs from step 0"),
    "distance": ("1", "largest distance of a neuron's weights from their start"),
    "undecided": ("1", "number of pre-activations within their rounding bound of 0"),
}
"""Name of an array -> unit and long name; all have the axes seed, algorithm, step, and the residual also sample."""


def labels(methods: Sequence[Method]) -> list[str]:
    """Return the names of the methods; a name that occurs twice is followed by the numbers that tell its methods apart.

    Example:
        >>> from nag_ntk import gradient_descent, heavy_ball, nesterov_increasing
        >>> labels([gradient_descent(0.5), heavy_ball(0.5, 0.25), heavy_ball(0.5, 0.75)])
        ['gradient_descent', 'heavy_ball(beta=0.25)', 'heavy_ball(beta=0.75)']
        >>> labels([nesterov_increasing(0.5, 2.0), nesterov_increasing(0.5, 6.0)])
        ['nesterov_increasing(delay=2.0)', 'nesterov_increasing(delay=6.0)']
    """
    return [_label(method, [other for other in methods if other.name == method.name]) for method in methods]


def _label(method: Method, namesakes: Sequence[Method]) -> str:
    """Return the name of a method, with its numbers in which the methods of this name differ."""
    # gamma follows from beta, except in methods with names of their own
    apart = [name for name in ("eta", "beta", "delay") if len({getattr(other, name) for other in namesakes}) > 1]
    numbers = ", ".join(f"{name}={getattr(method, name)!r}" for name in apart)
    return f"{method.name}({numbers})" if numbers else method.name


def coordinate_values(run: Any) -> dict[str, Any]:
    """Return the coordinates of a run: axis -> values, the names of the methods as `labels` makes them."""
    return {
        "seed": np.asarray(run.seeds, np.int64),
        "algorithm": labels(run.methods),
        "step": np.arange(run.steps + 1),
        "sample": np.arange(run.residual.shape[3]),
    }


def labelled(run: Any) -> "xarray.Dataset":
    """Return the VARIABLES of a run as a dataset of xarray, with the NUMBERS of the methods as coordinates."""
    import xarray

    coordinates = {
        axis: (axis, values, {"long_name": COORDINATES[axis]}) for axis, values in coordinate_values(run).items()
    }
    numbers = {
        name: ("algorithm", np.array([getattr(m, name) for m in run.methods], float), {"long_name": long_name})
        for name, long_name in NUMBERS.items()
    }
    arrays = {}
    for name, (units, long_name) in VARIABLES.items():
        values = getattr(run, name)
        arrays[name] = (AXES[: values.ndim], values, {"long_name": long_name, "units": units})
    return xarray.Dataset(arrays, {**coordinates, **numbers}, {name: getattr(run, name) for name in FACTS})
