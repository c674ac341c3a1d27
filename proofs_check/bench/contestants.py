"""Contestants, the programs that the benchmark times: `nag_ntk.simulate`, its dense engine, optax and PyTorch.

A contestant is prepared for a cell, the shape of a run, before it is timed; every call draws its networks anew.
"""

import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import NamedTuple

import jax
import numpy as np

from nag_ntk import Dataset, simulate
from proofs_check.bench import optax_program, torch_program
from proofs_check.bench.cells import problem
from proofs_check.bench.clock import interleaved
from proofs_check.bench.optax_program import Recorded
from proofs_check.bench.record import DENSE, OPTAX, OPTAX_MAP, OURS, TORCH, Cell, Timing


class Prepared(NamedTuple):
    """A contestant prepared for a cell.

    Attributes:
        run: function that trains and records; it is timed.
        compile_seconds: seconds of compilation; None if the first call of `run` compiles.
        engine: function that returns the name of the engine of the last call, or None.
    """

    run: Callable[[], Recorded]
    compile_seconds: float | None
    engine: Callable[[], str | None]


def ours(cell: Cell, engine: str = "auto", chunk: int | None = None) -> Prepared:
    """Prepare nag_ntk.simulate. Every call makes the Dataset anew, so its time includes the span of the inputs."""
    data, method = problem(cell)
    engines: list[str] = []

    def run() -> Recorded:
        fresh = Dataset(data.inputs, data.targets)
        trajectory = simulate(
            fresh, method, cell.m, cell.seeds, cell.steps, engine=engine, start="extrapolated", chunk=chunk
        )
        engines[:] = [trajectory.engine]
        return Recorded(trajectory.residual[:, 0], trajectory.flips[:, 0])

    return Prepared(run, None, lambda: engines[0] if engines else None)


def dense(cell: Cell, chunk: int | None = None) -> Prepared:
    """Prepare nag_ntk.simulate with the dense engine in coefficient space."""
    return ours(cell, "preactivations", chunk)


def optax(cell: Cell, together: bool = True) -> Prepared:
    """Prepare and compile the optax program, all seeds at once or one after the other."""
    data, method = problem(cell)
    program = jax.jit(optax_program.program(data.inputs, data.targets, method, cell.m, cell.steps, together=together))
    keys = jax.random.split(jax.random.key(0), cell.seeds)
    start = time.perf_counter()
    compiled = program.lower(keys).compile()
    compile_seconds = time.perf_counter() - start
    return Prepared(lambda: jax.tree.map(np.asarray, compiled(keys)), compile_seconds, lambda: None)


def torch(cell: Cell) -> Prepared:
    """Prepare the PyTorch program; nothing is compiled."""
    data, method = problem(cell)
    training = torch_program.train(data.inputs, data.targets, method, cell.steps)
    return Prepared(lambda: training(*torch_program.draw(0, cell.seeds, cell.m, cell.d)), 0.0, lambda: None)


CONTESTANTS: dict[str, Callable[[Cell], Prepared]] = {
    OURS: ours,
    DENSE: dense,
    OPTAX: optax,
    OPTAX_MAP: lambda cell: optax(cell, together=False),
    TORCH: torch,
}


def available(*names: str) -> list[str]:
    """Return the names of contestants, without PyTorch if it is not installed."""
    return [name for name in names if name != TORCH or torch_program.version() is not None]


def time_contestants(cell: Cell, names: Sequence[str], rounds: int) -> list[Timing]:
    """Time contestants in one cell, in turns and after compilation; clear the cache of compiled programs first."""
    jax.clear_caches()
    prepared = {name: CONTESTANTS[name](cell) for name in names}
    first_calls: dict[str, float] = {}
    for name, one in prepared.items():
        if one.compile_seconds is None:
            start = time.perf_counter()
            one.run()
            first_calls[name] = time.perf_counter() - start
    seconds = interleaved({name: one.run for name, one in prepared.items()}, rounds)
    return [
        Timing(
            contestant=name,
            engine=one.engine(),
            # the excess of the first call over a usual one
            compile_seconds=max(first_calls[name] - median(seconds[name]), 0.0)
            if name in first_calls
            else one.compile_seconds,
            seconds=seconds[name],
        )
        for name, one in prepared.items()
    ]
