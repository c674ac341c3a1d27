"""Estimate the training time of each run: its counted operations, at the rate that short runs of its shape reach.

A rate is measured with `simulate` itself, on all devices, and without its first call, which compiles. A wide network is
measured at a smaller width, with the same samples. The time of checks, certificates and files is not included.
"""

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from nag_ntk import simulate
from nag_ntk.engines import REPRESENTATIONS, is_batched, optimised, representation_of, screened
from nag_ntk.engines.prepared import Prepared
from proofs_check.running.prepare import RunSetup
from proofs_check.study.load import RunSpec, Study

_STEPS_PER_CHUNK = 4  # few, so that drawing the network takes most of the short run, which has one chunk
_CHUNKS_OF_LONG_RUN = 9
_REPETITIONS = 3  # the fastest counts: other work on the machine only slows a run down
_MAX_STEP_OPERATIONS = 2 * 10**7  # of the network that is measured
_MIN_WIDTH = 256  # a block of neurons


class Rate(NamedTuple):
    """Measured speed of short runs of one shape.

    Attributes:
        operations: counted operations per second, on all devices together.
        draws: neurons per second that are drawn and evaluated before step 0.
        compiling: seconds by which the first call, which compiles, exceeds the second.
    """

    operations: float
    draws: float
    compiling: float


def estimates(
    study: Study, setups: Mapping[str, RunSetup], plans: Mapping[str, Sequence[Prepared]]
) -> dict[str, float]:
    """Estimate the seconds of training of each run, compilation included once for runs of one shape.

    Args:
        study: from proofs_check.study.load.load_study.
        setups: run name -> setup, from proofs_check.running.prepare.prepare.
        plans: run name -> plans of its parts, from `RunSetup.planned`.

    Returns:
        Run name -> seconds.

    Accuracy: within a factor of 2 for the dense engines (measured, docs/resume.md); within a factor of 5 for the
        screened engine, whose number of neurons that may flip can only be predicted.

    Cost: some seconds per shape of run, mostly for compiling.
    """
    rates: dict[Any, Rate] = {}
    compiled: set[Any] = set()
    seconds = {}
    for spec in study.runs:
        seconds[spec.name] = 0.0
        for plan in plans[spec.name]:
            kind = _kind(plan)
            if kind not in rates:
                rates[kind] = _measure_rate(spec, setups[spec.name], plan)
            seconds[spec.name] += _seconds(plan, rates[kind])
            program = (plan.shape, plan.layout.group, plan.inputs.coordinates.shape, len(plan.methods))
            if program not in compiled:
                seconds[spec.name] += rates[kind].compiling
                compiled.add(program)
    return seconds


def _engine(plan: Prepared) -> str:
    """Return the engine of a run, or the dense one whose rate stands for that of the screened engine."""
    n, rank = plan.inputs.coordinates.shape
    if plan.shape.engine != screened.NAME:
        return plan.shape.engine
    return min(REPRESENTATIONS.values(), key=lambda each: each.cost(n, rank)).name


def _cost(plan: Prepared) -> int:
    """Return the operations of a step per neuron of a seed, under all methods."""
    if plan.inputs.original is not None:
        return len(plan.methods) * optimised.cost(*plan.inputs.original.shape)
    return len(plan.methods) * representation_of(_engine(plan)).cost(*plan.inputs.coordinates.shape)


def _seeds(plan: Prepared) -> int:
    """Return the number of seeds with which the rate of a run is measured: as many as are trained side by side."""
    return plan.layout.group if is_batched(plan.shape.engine) else plan.layout.devices


def _width(plan: Prepared) -> int:
    """Return the width at which the rate of a run is measured."""
    cost = _cost(plan) * (_seeds(plan) if is_batched(plan.shape.engine) else 1)
    return min(plan.shape.width, max(_MIN_WIDTH, _MAX_STEP_OPERATIONS // cost // 2 * 2))  # even, for neurons in pairs


def _kind(plan: Prepared) -> Any:
    """Return a key that agrees for runs of the same rate."""
    shape, inputs = plan.shape, plan.inputs
    counted = (shape.deviation, len(plan.radii), len(plan.overlap_radii))
    engine = _engine(plan), len(plan.methods), _seeds(plan)
    if plan.inputs.original is not None:
        engine += tuple(method.rule for method in plan.methods)
    program = shape.dtype, shape.init, shape.recursion, shape.devices
    return engine, inputs.coordinates.shape, _width(plan), program, counted


def _measure_rate(spec: RunSpec, setups: RunSetup, plan: Prepared) -> Rate:
    width, seeds = _width(plan), _seeds(plan)
    methods = [method._replace(table=()) for method in plan.methods]  # a table may have fewer steps
    options = {
        **setups.options(spec),
        "engine": _engine(plan),
        "chunk": _STEPS_PER_CHUNK,
        "gram_path": False,
        "probes": (),
    }

    def timed(chunks: int) -> float:
        start = time.perf_counter()
        simulate(setups.data, methods, width, seeds, chunks * _STEPS_PER_CHUNK - 1, **options)
        return time.perf_counter() - start

    first = timed(1)
    short, long = map(min, zip(*((timed(1), timed(_CHUNKS_OF_LONG_RUN)) for _ in range(_REPETITIONS)), strict=True))
    step = max((long - short) / ((_CHUNKS_OF_LONG_RUN - 1) * _STEPS_PER_CHUNK), 1e-9)
    drawing = max(short - step * _STEPS_PER_CHUNK, 1e-9)
    return Rate(seeds * width * _cost(plan) / step, seeds * width / drawing, max(first - short, 0.0))


def _seconds(plan: Prepared, rate: Rate) -> float:
    """Return the seconds of one run without compiling; devices that have no seed left wait for the others."""
    seeds, devices = len(plan.seeds), plan.layout.devices
    filled = devices * math.ceil(seeds / devices) / seeds
    drawn = 0 if plan.shape.engine == screened.NAME else seeds * plan.shape.width / rate.draws
    return filled * (plan.choice.operations / rate.operations + drawn)
