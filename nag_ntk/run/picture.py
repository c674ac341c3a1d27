"""Picture of one recorded quantity of a run over the steps."""

from typing import TYPE_CHECKING, Any

import numpy as np

from nag_ntk.errors import InputError
from nag_ntk.run.labelled import VARIABLES, labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_DRAWN = tuple(name for name in VARIABLES if name != "residual")


def draw(run: Any, quantity: str, axes: "Axes | None") -> "Axes":
    """Draw a quantity as `Trajectory.plot` says.

    Args:
        run: a Trajectory.
        quantity: one of VARIABLES, without the residual.
        axes: of matplotlib; None for new ones.

    Raises:
        InputError: for another quantity.
    """
    if quantity not in _DRAWN:
        raise InputError(f"a trajectory draws {', '.join(_DRAWN)}, got {quantity!r}")
    if axes is None:
        from matplotlib import pyplot

        axes = pyplot.subplots()[1]
    values = np.asarray(getattr(run, quantity), float)  # (s, k, t+1)
    finite = np.where(np.isfinite(values), values, np.nan)
    steps = np.arange(values.shape[2])
    for k, label in enumerate(labels(run.methods)):
        (line,) = axes.plot(steps, np.quantile(values[:, k], 0.5, axis=0, method="lower"), label=label)
        lowest, highest = finite[:, k].min(axis=0), finite[:, k].max(axis=0)
        axes.fill_between(steps, lowest, highest, color=line.get_color(), alpha=0.2, linewidth=0)
    if quantity == "residual_norm" and (finite > 0).any():
        axes.set_yscale("log")
    units, long_name = VARIABLES[quantity]
    axes.set_xlabel("training step t")
    axes.set_ylabel(f"{long_name} ({units})")
    axes.legend()
    return axes
