"""Contestants of the benchmark: ours, our dense engine, and the programs of optax_program.py and torch_program.py.

A contestant is prepared for a cell before it is timed; every call draws its networks anew.
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
        run: trains and records; it is timed.
        compile_seconds: None if the first call compiles.
        engine: returns the name of the engine of the last call, or None.
    """

    run: Callable[[], Recorded]
    compile_seconds: float | None
    engine: Callable[[], str | None]


def ours(cell: Cell, engine: str = "auto", chunk: int | None = None) -> Prepared:
    """Prepare nag_ntk.simulate. Every call makes the Dataset anew: finding the inputs' span is part of the time."""
    data, method = problem(cell)
    used: list[str] = []

    def run() -> Recorded:
        fresh = Dataset(data.inputs, data.targets)
        trajectory = simulate(
            fresh, method, cell.m, cell.seeds, cell.steps, engine=engine, start="extrapolated", chunk=chunk
        )
        used[:] = [trajectory.engine]
        return Recorded(trajectory.residual[:, 0], trajectory.flips[:, 0])

    return Prepared(run, None, lambda: used[0] if used else None)


def dense(cell: Cell, chunk: int | None = None) -> Prepared:
    """Prepare nag_ntk.simulate with the dense engine in coefficient space."""
    return ours(cell, "preactivations", chunk)


def optax(cell: Cell, together: bool = True) -> Prepared:
    """Prepare and compile the optax program, all seeds at once or one after the other."""
    data, method = problem(cell)
    program = jax.jit(optax_program.program(data.inputs, data.targets, method, cell.m, cell.steps, together=together))
    keys = jax.random.split(jax.random.key(0), cell.seeds)
    began = time.perf_counter()
    compiled = program.lower(keys).compile()
    spent = time.perf_counter() - began
    return Prepared(lambda: jax.tree.map(np.asarray, compiled(keys)), spent, lambda: None)


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
    """Return the names, without PyTorch where it is not installed."""
    return [name for name in names if name != TORCH or torch_program.version() is not None]


def time_contestants(cell: Cell, names: Sequence[str], rounds: int) -> list[Timing]:
    """Time contestants in one cell, in turns, each compiled before; earlier compilations are dropped first."""
    jax.clear_caches()
    prepared = {name: CONTESTANTS[name](cell) for name in names}
    first: dict[str, float] = {}
    for name, one in prepared.items():
        if one.compile_seconds is None:
            began = time.perf_counter()
            one.run()
            first[name] = time.perf_counter() - began
    seconds = interleaved({name: one.run for name, one in prepared.items()}, rounds)
    return [
        Timing(
            contestant=name,
            engine=one.engine(),
            # the excess of the first call over a usual one
            compile_seconds=max(first[name] - median(seconds[name]), 0.0) if name in first else one.compile_seconds,
            seconds=seconds[name],
        )
        for name, one in prepared.items()
    ]
