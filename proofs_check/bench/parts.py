"""Parts of the benchmark, a function each; programs on the same shape ("cell") are timed in turns."""

from collections.abc import Callable

import jax

from proofs_check.bench import ceiling, peak
from proofs_check.bench.cells import BASE, Effort, random_cells
from proofs_check.bench.clock import exponent, interleaved
from proofs_check.bench.contestants import available, dense, time_contestants
from proofs_check.bench.record import (
    DENSE,
    OPTAX,
    OPTAX_MAP,
    OURS,
    TORCH,
    Ceiling,
    Cell,
    Comparison,
    Dense,
    Growth,
    Peak,
    Timing,
)

Note = Callable[[str], None]


def words(cell: Cell) -> str:
    """Describe a cell on one line.

    Example:
        >>> words(Cell(n=10, d=784, m=8192, seeds=4, steps=100))
        'n=10 d=784 m=8192, 4 seeds, 100 steps'
    """
    return f"n={cell.n} d={cell.d} m={cell.m}, {cell.seeds} seeds, {cell.steps} steps"


def goals(effort: Effort, note: Note) -> list[Comparison]:
    """Time `nag_ntk.simulate` against every other program in the cells that have a target."""
    results = []
    for goal in effort.goals:
        note(f"against other programs: {words(goal.cell)}")
        timings = time_contestants(goal.cell, available(OURS, OPTAX, OPTAX_MAP, TORCH), effort.rounds)
        results.append(Comparison(cell=goal.cell, target=goal.ratio, timings=timings))
    return results


def shapes(effort: Effort, note: Note) -> list[Comparison]:
    """Time `nag_ntk.simulate` against both optax programs in random cells; the target is a ratio of 1."""
    results = []
    for cell in random_cells(effort.shapes):
        note(f"random shapes: {words(cell)}")
        timings = time_contestants(cell, [OURS, OPTAX, OPTAX_MAP], effort.rounds)
        results.append(Comparison(cell=cell, target=1.0, timings=timings))
    return results


def ceilings(effort: Effort, note: Note) -> Ceiling:
    """Measure the best rates of matrix products and copies on this machine."""
    note("matrix products and copies")
    return ceiling.measure(effort.order, max(effort.rounds, 3))


def dense_engine(effort: Effort, note: Note) -> Dense:
    """Time a short and a long run of the dense engine, a run with half the seeds, and a matrix product, in turns.

    With chunks of one length the short and the long run are one compiled program, the run of half the seeds another.
    """
    devices = len(jax.local_devices())
    cell = effort.dense.replaced(seeds=2 * devices)
    note(f"dense engine and product: {words(cell)}")
    jax.clear_caches()
    short_steps = (cell.steps + 1) // 5 - 1
    cells = {
        "short": cell.replaced(steps=short_steps),
        "long": cell,
        "half": cell.replaced(seeds=devices),
    }
    prepared = {name: dense(one, chunk=short_steps + 1) for name, one in cells.items()}
    for one in prepared.values():
        one.run()
    runs = {name: one.run for name, one in prepared.items()}
    runs |= {f"product {name}": call for name, call in ceiling.products(effort.order).items()}
    seconds = interleaved(runs, max(effort.rounds, 3))
    timings = {
        name: Timing(contestant=DENSE, engine=one.engine(), seconds=seconds[name]) for name, one in prepared.items()
    }
    rounds = zip(*(seconds[name] for name in runs if name.startswith("product")), strict=True)
    rates = [2.0 * effort.order**3 / min(each) for each in rounds]
    return Dense(cell=cell, short_steps=short_steps, half_seeds=devices, products=rates, **timings)


def growth(effort: Effort, note: Note) -> list[Growth]:
    """Fit the exponent of the time along every axis through the cell BASE."""
    results = []
    for axis, values in effort.axes.items():
        timings: dict[str, list[Timing]] = {}
        for value in values:
            cell = BASE.replaced(**{axis: value})
            note(f"growth with {axis}: {words(cell)}")
            for timing in time_contestants(cell, effort.growing, effort.rounds):
                timings.setdefault(timing.contestant, []).append(timing)
        for contestant, row in timings.items():
            b, low, high = exponent(values, [timing.best for timing in row])
            results.append(
                Growth(
                    contestant=contestant, axis=axis, values=list(values), timings=row, exponent=b, low=low, high=high
                )
            )
    return results


def peaks(effort: Effort, note: Note) -> list[Peak]:
    """Measure the peak memory of every program in every cell, each in a process of its own."""
    results = []
    for cell in effort.peaks:
        for name in available(*effort.measured):
            note(f"peak memory of {name}: {words(cell)}")
            results.append(peak.measure(name, cell))
    return results
