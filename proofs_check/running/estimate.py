"""Estimated training times: the counted operations of each run, at the rate that short runs of its shape reach.

A rate is measured by `simulate` itself, on all devices, from its second call on, so that compiling is told apart. Wide
networks are measured at a smaller width of the same samples. What the checks, certificates and files take is not in it.
"""

import math
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from nag_ntk import simulate
from nag_ntk.engines import REPRESENTATIONS
from nag_ntk.engines.prepared import Prepared
from proofs_check.running.prepare import RunSetup
from proofs_check.study.load import RunSpec, Study

_STEPS = 4  # of a chunk: few, so that the draw is most of the shorter run, which has one
_CHUNKS = 9  # of the longer run
_TIMES = 3  # the fastest counts: what else the machine does only slows it down
_LARGEST = 2 * 10**7  # operations of a step of the network that is measured
_NARROWEST = 256  # a block of neurons


class Rate(NamedTuple):
    """Measured speed of short runs of one shape.

    Attributes:
        operations: counted operations per second, on all devices together.
        draws: neurons per second that are drawn and looked at before step 0.
        compiling: seconds of the first call beyond those of the second.
    """

    operations: float
    draws: float
    compiling: float


def estimates(study: Study, setups: Mapping[str, RunSetup], plans: Mapping[str, Prepared]) -> dict[str, float]:
    """Estimate the seconds of training of each run, compilation included once for runs of one shape.

    Args:
        study: from proofs_check.study.load.load_study.
        setups: from proofs_check.running.prepare.prepare.
        plans: how each run would be made, `RunSetup.planned`.

    Accuracy: the dense engines within a factor of 2 (measured, docs/resume.md); the screened one, whose neurons at
        risk are only foretold, within a factor of 5.

    Cost: some seconds per kind of run, mostly for compiling.
    """
    rates: dict[Any, Rate] = {}
    compiled: set[Any] = set()
    seconds = {}
    for spec in study.runs:
        plan = plans[spec.name]
        kind = _kind(plan)
        if kind not in rates:
            rates[kind] = _measured(spec, setups[spec.name], plan)
        seconds[spec.name] = _seconds(plan, rates[kind])
        program = (plan.shape, plan.layout.group, plan.inputs.coordinates.shape, len(plan.methods))
        if program not in compiled:
            seconds[spec.name] += rates[kind].compiling
            compiled.add(program)
    return seconds


def _engine(plan: Prepared) -> Any:
    """Return the dense engine of a run, or the one whose rate stands for that of the screened engine."""
    n, rank = plan.inputs.coordinates.shape
    dense = REPRESENTATIONS.get(plan.shape.engine)
    return dense or min(REPRESENTATIONS.values(), key=lambda engine: engine.cost(n, rank))


def _width(plan: Prepared) -> int:
    cost = len(plan.methods) * _engine(plan).cost(*plan.inputs.coordinates.shape)
    return min(plan.shape.width, max(_NARROWEST, _LARGEST // cost))


def _kind(plan: Prepared) -> Any:
    shape, inputs = plan.shape, plan.inputs
    counted = (len(plan.radii), len(plan.overlap_radii))
    engine = _engine(plan).name, len(plan.methods)
    return engine, inputs.coordinates.shape, _width(plan), shape.dtype, shape.recursion, shape.devices, counted


def _measured(spec: RunSpec, setups: RunSetup, plan: Prepared) -> Rate:
    engine, width, devices = _engine(plan), _width(plan), plan.layout.devices
    methods = [method._replace(table=()) for method in setups.methods]  # a table may have fewer steps
    options = {**setups.options(spec), "engine": engine.name, "chunk": _STEPS, "gram_path": False, "probes": ()}

    def timed(chunks: int) -> float:
        start = time.perf_counter()
        simulate(setups.data, methods, width, devices, chunks * _STEPS - 1, **options)
        return time.perf_counter() - start

    first = timed(1)
    short, long = map(min, zip(*((timed(1), timed(_CHUNKS)) for _ in range(_TIMES)), strict=True))
    step = max((long - short) / ((_CHUNKS - 1) * _STEPS), 1e-9)
    before = max(short - step * _STEPS, 1e-9)
    cost = len(plan.methods) * width * engine.cost(*plan.inputs.coordinates.shape)
    return Rate(devices * cost / step, devices * width / before, max(first - short, 0.0))


def _seconds(plan: Prepared, rate: Rate) -> float:
    """Of one run; devices that lack a seed at the end wait for the others."""
    many, devices = len(plan.seeds), plan.layout.devices
    filled = devices * math.ceil(many / devices) / many
    drawn = 0 if plan.shape.engine not in REPRESENTATIONS else many * plan.shape.width / rate.draws
    return filled * (plan.choice.operations / rate.operations + drawn)
