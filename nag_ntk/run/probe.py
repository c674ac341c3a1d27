"""Probes: quantities that a user defines and that `simulate` measures at regular steps of a run."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import numpy as np

from nag_ntk.dataset import Dataset
from nag_ntk.errors import InputError
from nag_ntk.precision import resolve_dtype


class Snapshot(NamedTuple):
    """One network at one step, in the floating type of the run: the argument of a probe's function.

    Vectors are coordinates in an orthonormal basis of the span of the inputs, which has dimension p. Lengths and inner
    products are those of R^d, and v @ data.basis.T is the vector in R^d (data.basis is None if p = d).

    Attributes:
        step: (), t.
        inputs: (n, p), the inputs.
        targets: (n,).
        signs: (m,), a_r, -1 or +1.
        initial: (m, p), w_r(0).
        movement: (m, p), w_r(t) - w_r(0), not rounded against w_r(0).
        preactivations: (m, n), w_r(t).x_i.
        residual: (n,), f(x_i) - y_i.
    """

    step: Any
    inputs: Any
    targets: Any
    signs: Any
    initial: Any
    movement: Any
    preactivations: Any
    residual: Any

    @property
    def weights(self) -> Any:
        """(m, p), w_r(t)."""
        return self.initial + self.movement

    @property
    def pattern(self) -> Any:
        """(m, n) bool, True where neuron r is active on sample i: w_r(t).x_i >= 0."""
        return self.preactivations >= 0


@dataclass(frozen=True)
class Probe:
    """A quantity of the user that `simulate` records as trajectory.probes[name].

    Attributes:
        name: small letters, digits, _ and -.
        measure: Snapshot -> one array of numbers of a fixed shape, by functions of JAX (it is compiled).
        every: the quantity is measured at the steps 0, every, 2 every, ... up to T.

    Raises:
        InputError: for an invalid name, a measure that is not a function, or `every` below 1.

    Cost: per seed, method and measurement that of `measure`, of drawing the network again if W(0) is used, and of one
        product for the pre-activations. A whole network must fit into memory.

    Example:
        >>> import nag_ntk, jax.numpy as jnp
        >>> nag_ntk.enable_float64()
        >>> data, method = nag_ntk.sphere(3, 2), nag_ntk.gradient_descent(0.1)
        >>> moved = Probe("moved", lambda network: jnp.sum(network.movement**2), every=2)
        >>> run = nag_ntk.simulate(data, method, width=64, seeds=2, steps=5, probes=[moved])
        >>> run.probes["moved"].steps.tolist(), run.probes["moved"].values.shape
        ([0, 2, 4], (2, 1, 3))
    """

    name: str
    measure: Callable[[Snapshot], Any]
    every: int = 10

    def __post_init__(self) -> None:
        """Check the fields."""
        if not isinstance(self.name, str) or not re.fullmatch("[a-z0-9_-]+", self.name):
            raise InputError(f"a probe's name is small letters, digits, _ and -, got {self.name!r}")
        if not callable(self.measure):
            raise InputError(f"the probe {self.name} needs a function to measure, got {self.measure!r}")
        if isinstance(self.every, bool) or not isinstance(self.every, int) or self.every < 1:
            raise InputError(f"the probe {self.name} needs a whole number of steps of at least 1, got {self.every!r}")


def checked(probes: Sequence[Probe]) -> tuple[Probe, ...]:
    """Check that all elements are probes with different names, and return them.

    Raises:
        InputError: for other elements, or two probes of one name.
    """
    listed = tuple(probes)
    if not all(isinstance(probe, Probe) for probe in listed):
        raise InputError("probes must be a sequence of nag_ntk.Probe")
    names = [probe.name for probe in listed]
    if len(set(names)) < len(names):
        raise InputError(f"two probes are called {next(name for name in names if names.count(name) > 1)}")
    return listed


def measured_type(probe: Probe, data: Dataset, width: int, dtype: str | None = None) -> jax.ShapeDtypeStruct:
    """Return the shape and type of a probe's measurement without computing it.

    Raises:
        InputError: if the measurement is not one array of real numbers.
        Exception: whatever `measure` raises.
    """
    real = resolve_dtype(dtype)
    (n, rank), step = data.coordinates.shape, jax.ShapeDtypeStruct((), np.int32)
    shapes = [(n, rank), (n,), (width,), (width, rank), (width, rank), (width, n), (n,)]
    snapshot = Snapshot(step, *(jax.ShapeDtypeStruct(shape, real) for shape in shapes))
    result = jax.eval_shape(probe.measure, snapshot)
    if not isinstance(result, jax.ShapeDtypeStruct) or np.dtype(result.dtype).kind not in "biuf":
        raise InputError(f"the probe {probe.name} must measure one array of real numbers, got {result}")
    return result
