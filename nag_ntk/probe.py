"""Probes: quantities of a user's own, measured on the networks of a run every so many steps."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import PartitionSpec

from nag_ntk import neurons
from nag_ntk.dataset import Dataset
from nag_ntk.engines import REPRESENTATIONS
from nag_ntk.errors import InputError
from nag_ntk.network import Network, seed_key
from nag_ntk.precision import HIGHEST, resolve_dtype
from nag_ntk.problem import SEEDS, Problem, Shape, over_mesh
from nag_ntk.state import State, partition
from nag_ntk.step import pushed


class Snapshot(NamedTuple):
    """One network at one step, in the floating type of the run; what a probe measures.

    Vectors are in an orthonormal basis of the span of the inputs, p = its dimension: lengths and inner products are
    those of R^d, and v @ data.basis.T is the vector itself (data.basis is None where p = d).

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
        """(m, n) bool, whether neuron r is active on sample i: w_r(t).x_i >= 0."""
        return self.preactivations >= 0


@dataclass(frozen=True)
class Probe:
    """A quantity that `simulate` records besides its own: trajectory.probes[name].

    Attributes:
        name: small letters, digits, _ and -.
        measure: Snapshot -> one array of numbers of a fixed shape, by functions of JAX (it is compiled).
        every: it is measured at the steps 0, every, 2 every, ... up to T.

    Raises:
        InputError: for another name, a measure that is no function, or `every` below 1.

    Cost: per seed, method and measurement that of `measure`, of drawing the network again if W(0) is used, and of one
        product for the pre-activations. All of one network is held at once.

    Example:
        >>> import nag_ntk
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
        """See the class."""
        if not isinstance(self.name, str) or not re.fullmatch("[a-z0-9_-]+", self.name):
            raise InputError(f"a probe's name is small letters, digits, _ and -, got {self.name!r}")
        if not callable(self.measure):
            raise InputError(f"the probe {self.name} needs a function to measure, got {self.measure!r}")
        if isinstance(self.every, bool) or not isinstance(self.every, int) or self.every < 1:
            raise InputError(f"the probe {self.name} needs a whole number of steps of at least 1, got {self.every!r}")


def checked(probes: Sequence[Probe]) -> tuple[Probe, ...]:
    """Probes of different names.

    Raises:
        InputError: for anything else.
    """
    listed = tuple(probes)
    if not all(isinstance(probe, Probe) for probe in listed):
        raise InputError("probes must be a sequence of nag_ntk.Probe")
    names = [probe.name for probe in listed]
    if len(set(names)) < len(names):
        raise InputError(f"two probes are called {next(name for name in names if names.count(name) > 1)}")
    return listed


def measured(probe: Probe, data: Dataset, width: int, dtype: str | None = None) -> jax.ShapeDtypeStruct:
    """Shape and type of what a probe measures, found without computing anything.

    Raises:
        InputError: if that is not one array of numbers.
        Exception: whatever `measure` raises.
    """
    real = resolve_dtype(dtype)
    (n, rank), whole = data.coordinates.shape, jax.ShapeDtypeStruct((), np.int32)
    shapes = [(n, rank), (n,), (width,), (width, rank), (width, rank), (width, n), (n,)]
    like = Snapshot(whole, *(jax.ShapeDtypeStruct(shape, real) for shape in shapes))
    found = jax.eval_shape(probe.measure, like)
    if not isinstance(found, jax.ShapeDtypeStruct) or np.dtype(found.dtype).kind not in "biuf":
        raise InputError(f"the probe {probe.name} must measure one array of real numbers, got {found}")
    return found


def _whole(blocks, width: int):
    """(B, rows, L) -> (m, rows): neurons first, without those that fill up."""
    return blocks.swapaxes(0, 1).reshape(blocks.shape[1], -1)[:, :width].T


@partial(jax.jit, static_argnums=(0, 2))
def probe_now(shape: Shape, problem: Problem, probes: tuple[Probe, ...], begun, seeds, network: Network | None):
    """What probes measure at the step that the states are about to be observed at: name -> (s, k, ...).

    Args:
        shape: as for the dense engines, all neurons of a network on one device.
        problem: likewise.
        probes: those that are due.
        begun: (starts, states) of a group of seeds.
        seeds: their numbers, from which W(0) is drawn again.
        network: the given one, or None.
    """
    engine = REPRESENTATIONS[shape.engine]
    rank = problem.coordinates.shape[1]
    root = jnp.sqrt(jnp.asarray(shape.width, shape.dtype))

    def one_seed(problem, start, states, seed):
        operator = engine.operator(problem.coordinates)
        drawn = neurons.drawn(shape, seed_key(problem.key, seed), rank) if network is None else network
        signs = start.signs.reshape(-1)[: shape.width]

        def one(state: State):
            def of_block(parts):
                origin, sign, *held = parts
                now = pushed(engine, operator, state, *held)[0]
                changed = origin - sign[None, :] * engine.response(operator, now)[0]
                return changed, -sign[None, :] * engine.movement(problem.coordinates, now)

            parts = (start.preactivation, start.signs, state.movement, state.speed, state.pattern)
            preactivations, movement = (_whole(found, shape.width) for found in jax.lax.map(of_block, parts))
            outputs = jnp.dot(jnp.maximum(preactivations, 0).T, signs, precision=HIGHEST)
            snapshot = Snapshot(
                step=state.step, inputs=problem.coordinates, targets=problem.targets, signs=jnp.round(signs * root),
                initial=jnp.asarray(drawn.weights), movement=movement, preactivations=preactivations,
                residual=outputs - problem.targets,
            )  # fmt: skip
            return {probe.name: jnp.asarray(probe.measure(snapshot)) for probe in probes}

        return jax.lax.map(one, states)

    def all_seeds(problem, begun, seeds):
        return jax.lax.map(lambda parts: one_seed(problem, *parts), (*begun, seeds))

    split = PartitionSpec(SEEDS)
    return over_mesh(shape, all_seeds, (partition(shape.recursion), split), split)(problem, begun, seeds)
