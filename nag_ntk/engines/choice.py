"""Which engine a run takes: the one that was asked for, or the one with the fewest counted operations."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from nag_ntk.engines import screened
from nag_ntk.engines.preactivations import PREACTIVATIONS
from nag_ntk.engines.weights import WEIGHTS
from nag_ntk.errors import InputError
from nag_ntk.network import Network, residual
from nag_ntk.problem import Problem, Shape

REPRESENTATIONS = {found.name: found for found in (WEIGHTS, PREACTIVATIONS)}
"""Representations of the movement that the dense engine can use, by name."""

_COMPILED = 5 * 10**10
"""Operations' worth of compiling the screened engine: some seconds."""
_STEP = 400_000
"""Operations' worth of a step of the screened engine, however few neurons are at risk."""
_LONGEST = 10**13
"""Operations of looking at every neuron that "auto" takes upon itself: hours. Whoever wants more names the engine."""
_AWAKE, _WARMING = 0.05, 100
"""Share of the neurons at risk that is evaluated late in a run, and the first steps, in which all are."""
_DEARER = 2.5
"""What evaluating one costs against a neuron of the dense engine, sorting included."""


class Choice(NamedTuple):
    """An engine, how many columns of how many rows its state has, and the screened engine's first thresholds.

    `columns` is a function of the width: the run's own, or another that would have been asked for. `copied` are bytes
    per column that the host holds beside the state. `operations` are counted over the whole run, those of the screened
    engine as many as a dense one would do in its time.
    """

    engine: str
    columns: Callable[[int], int]
    rows: int
    thresholds: np.ndarray
    copied: int = 0
    operations: float = 0


def _screened(shape: Shape, problem: Problem, paces: np.ndarray, network: Network | None) -> Choice:
    n = len(problem.targets)
    known = None if network is None else np.asarray(residual(network, problem.coordinates, problem.targets))
    limits = screened.guess(shape, paces, problem, known)

    def columns(width: int) -> int:
        """Thresholds shrink like the root of the width."""
        return screened.columns(n, screened.expected_at_risk(width, limits * np.sqrt(shape.width / width)))

    copied = 2 * screened.column_bytes(n, shape.dtype)  # what the draw leaves, as it came and filled up
    return Choice(screened.NAME, columns, n, limits, copied)


def choose(
    shape: Shape, problem: Problem, paces: np.ndarray, seeds: int, network: Network | None = None, spread: bool = False,
    probed: bool = False,
) -> Choice:  # fmt: skip
    """The engine of a run; shape.engine is a name or "auto".

    `spread` asks for a network on several devices, `probed` for all neurons at once; both take a dense engine.

    Counted over all steps, methods and seeds: a dense engine's cost per neuron times m; for the screened one a fixed
    amount per step, the neurons at risk that are awake (all in the first steps, few later), looking at every neuron
    once, and its longer compilation.
    """
    n, rank = problem.coordinates.shape
    count, looked = paces.shape[:2]
    trained = looked * count * seeds
    once = seeds * shape.width * (2 * n * n + 20 * n)
    least = _COMPILED + once + trained * _STEP

    def counted() -> Choice:
        found = _screened(shape, problem, paces, network)
        awake = min(1.0, _AWAKE + _WARMING / looked) * found.columns(shape.width)
        return found._replace(operations=least + trained * awake * _DEARER * (2 * n * n + 12 * n))

    if shape.engine == screened.NAME:
        if spread:
            raise InputError('engine="screened" keeps all neurons of a network on one device, in one process')
        if probed:
            raise InputError('engine="screened" does not hold all neurons, so it cannot measure probes; leave them out')
        return counted()
    cheapest = min(REPRESENTATIONS.values(), key=lambda found: found.cost(n, rank))
    chosen = REPRESENTATIONS.get(shape.engine, cheapest)
    name = chosen.name if shape.engine == "auto" else shape.engine
    cost = trained * shape.width * chosen.cost(n, rank)
    dense = Choice(name, lambda width: width, chosen.rows(n, rank), np.empty(0), operations=cost)
    if shape.engine != "auto" or spread or probed or cost <= least or once > _LONGEST:
        return dense
    found = counted()
    return found if found.operations < cost else dense
