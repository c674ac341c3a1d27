"""Description of a run for the engines: checked arguments, the chosen engine, and the plan of the execution."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from nag_ntk.method import Method
from nag_ntk.network import Network
from nag_ntk.run import plan
from nag_ntk.run.inputs import Inputs, Shape
from nag_ntk.run.probe import Probe


class EngineChoice(NamedTuple):
    """The engine of a run, the size of its state, and its cost.

    Attributes:
        engine: its name.
        columns: width -> number of columns of the state; called with other widths for advice if the run does not fit.
        rows: length of a column.
        thresholds: (n,), the screened engine's initial thresholds; empty for a dense engine.
        host_bytes: bytes per column that lie on the host beside the state.
        operations: number over the whole run; for the screened engine the number that a dense engine does in the same
            time.
    """

    engine: str
    columns: Callable[[int], int]
    rows: int
    thresholds: np.ndarray
    host_bytes: int = 0
    operations: float = 0


class Prepared(NamedTuple):
    """A run whose arguments are checked and whose execution is planned.

    Attributes:
        methods: the k methods.
        seeds: the seed numbers.
        steps: T.
        initial: the given initial network, in the span of the inputs, or None.
        radii: R values of |S_i(R)|.
        overlap_radii: R values of the overlaps.
        probes: the user's quantities, measured during the run.
        inputs: arrays of the compiled programs.
        schedules: coefficients of the methods at the steps 0, ..., T, (k, T+1, 3), see schedule.py.
        shape: static configuration of the compiled programs.
        choice: the engine, the size of its state and its cost.
        layout: chunks, groups, devices, and the bytes that are needed.
        gram_interval: number of steps between two recorded H(t).
        memory_limit: bytes that may be used.
    """

    methods: tuple[Method, ...]
    seeds: Sequence[int]
    steps: int
    initial: Network | None
    radii: np.ndarray
    overlap_radii: np.ndarray
    probes: tuple[Probe, ...]
    inputs: Inputs
    schedules: np.ndarray
    shape: Shape
    choice: EngineChoice
    layout: plan.Plan
    gram_interval: int
    memory_limit: int | float
