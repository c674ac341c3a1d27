"""Choice of the engine of a run: the engine that the user names, or the one with the fewest operations."""

import jax
import numpy as np

from nag_ntk.engines import screened
from nag_ntk.engines.dense.preactivations import PREACTIVATIONS
from nag_ntk.engines.dense.weights import WEIGHTS
from nag_ntk.engines.prepared import EngineChoice
from nag_ntk.engines.representation import Representation
from nag_ntk.errors import InputError
from nag_ntk.network import Network, residual
from nag_ntk.run.inputs import Inputs, Shape

REPRESENTATIONS = {each.name: each for each in (WEIGHTS, PREACTIVATIONS)}
"""Representations of the movement in the dense engine, by name."""

_BATCHED = "batched-"


def batched(representation: str) -> str:
    """Return the name of the batched engine of a representation.

    Example:
        >>> batched("weights")
        'batched-weights'
    """
    return _BATCHED + representation


def is_batched(engine: str) -> bool:
    """Return True for the name of a batched engine."""
    return engine.startswith(_BATCHED)


def representation_of(engine: str) -> Representation:
    """Return the representation of the movement in a dense or batched engine, by the engine's name.

    Example:
        >>> representation_of("batched-weights").name, representation_of("preactivations").name
        ('weights', 'preactivations')
    """
    return REPRESENTATIONS[engine.removeprefix(_BATCHED)]


_COMPILE_COST = 5 * 10**10
"""Cost of compiling the screened engine, some seconds, in operations."""
_STEP_COST = 400_000
"""Cost of a step of the screened engine without any neuron at risk, in operations."""
_MAX_SURVEY_COST = 10**13
"""Largest cost in operations (hours of time) of a survey of all neurons that "auto" accepts; above, name the engine."""
_ACTIVE_SHARE, _WARM_UP_STEPS = 0.05, 100
"""Share of the neurons at risk that is evaluated late in a run; number of first steps in which all are evaluated."""
_NEURON_COST_RATIO = 2.5
"""Cost of evaluating a neuron in the screened engine, sorting included, over its cost in the dense engine."""


_NETWORK_COST, _BATCH_COST = 40_000, 150_000
"""Fixed cost in operations, on a CPU, of a step of one network in a dense engine, and of a step of a batched engine."""
_PAIR_COST = 60
"""Extra operations of a batched engine over a dense one, on a CPU, per step, neuron and sample."""


def _is_batched_cheaper(shape: Shape, n: int, networks: int) -> bool:
    """Return True if a batched engine is cheaper than a dense one: on accelerators, and for small networks on CPUs.

    An accelerator waits for the host at every turn of the dense engines' loops. On a CPU the dense engines keep a
    network in the cache, look at patterns only where they may change, and pay for every network and step.

    Args:
        shape: of the run.
        n: number of samples.
        networks: number of networks that are trained together.
    """
    if jax.default_backend() != "cpu":
        return True
    extra = _PAIR_COST * n * shape.width * (1 + (shape.recursion or shape.deviation))
    return _BATCH_COST + networks * extra < networks * _NETWORK_COST


def _screened(shape: Shape, inputs: Inputs, schedules: np.ndarray, network: Network | None) -> EngineChoice:
    """Describe the screened engine for this run, with `operations` left at 0."""
    n = len(inputs.targets)
    initial = None if network is None else np.asarray(residual(network, inputs.coordinates, inputs.targets))
    if shape.init == "antisymmetric":
        initial = -np.asarray(inputs.targets)  # f = 0
    thresholds = screened.initial_thresholds(shape, schedules, inputs, initial)

    def columns(width: int) -> int:
        # thresholds shrink like the root of the width
        return screened.columns(n, screened.expected_at_risk(width, thresholds * np.sqrt(shape.width / width)))

    host_bytes = 2 * screened.column_bytes(n, shape.dtype, shape.deviation)  # the surveys, and their padded copies
    return EngineChoice(screened.NAME, columns, n, thresholds, host_bytes)


def choose_engine(
    shape: Shape, inputs: Inputs, schedules: np.ndarray, seeds: int, network: Network | None = None,
    spread: bool = False, probed: bool = False,
) -> EngineChoice:  # fmt: skip
    """Choose the engine of a run.

    Operations are counted over all steps, methods and seeds. The cost of a dense engine is its cost per neuron times m.
    A batched engine takes the place of a dense one where it is cheaper. The cost of the screened engine is a fixed
    amount per step, the evaluation of the neurons at risk (all in the first steps, few later), the survey of all
    neurons, and the longer compilation.

    Args:
        shape: its engine is a name or "auto".
        inputs: as for every engine.
        schedules: (k, T+1, 3).
        seeds: number of seeds.
        network: the given initial network, or None.
        spread: True if a network lies on several devices, which takes a dense engine.
        probed: True if there are probes, which take a dense engine.

    Raises:
        InputError: if the user names the screened engine and it cannot do the run.
    """
    n, rank = inputs.coordinates.shape
    methods, steps = schedules.shape[:2]
    seed_steps = steps * methods * seeds
    survey_cost = seeds * shape.width * (2 * n * n + 20 * n)
    fixed_cost = _COMPILE_COST + survey_cost + seed_steps * _STEP_COST

    def screened_choice() -> EngineChoice:
        choice = _screened(shape, inputs, schedules, network)
        evaluated = min(1.0, _ACTIVE_SHARE + _WARM_UP_STEPS / steps) * choice.columns(shape.width)
        return choice._replace(
            operations=fixed_cost + seed_steps * evaluated * _NEURON_COST_RATIO * (2 * n * n + 12 * n)
        )

    if shape.engine == screened.NAME:
        if spread:
            raise InputError('engine="screened" keeps all neurons of a network on one device, in one process')
        if probed:
            raise InputError('engine="screened" does not hold all neurons, so it cannot measure probes; leave them out')
        return screened_choice()
    cheapest = min(REPRESENTATIONS.values(), key=lambda each: each.cost(n, rank))
    representation = REPRESENTATIONS.get(shape.engine.removeprefix(_BATCHED), cheapest)
    name = shape.engine
    if name == "auto":
        name = representation.name
        if _is_batched_cheaper(shape, n, methods * seeds):
            name = batched(name)
    cost = seed_steps * shape.width * representation.cost(n, rank)
    dense = EngineChoice(name, lambda width: width, representation.rows(n, rank), np.empty(0), operations=cost)
    if shape.engine != "auto" or spread or probed or cost <= fixed_cost or survey_cost > _MAX_SURVEY_COST:
        return dense
    choice = screened_choice()
    return choice if choice.operations < cost else dense
