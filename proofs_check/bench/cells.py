"""Shapes of the measured runs, with the data and the method that all contestants of a shape are given."""

from typing import NamedTuple

import numpy as np

from nag_ntk import Dataset, Method, sphere, theorem_tuning
from proofs_check.bench.record import CONTESTANTS, DENSE, OPTAX, OURS, Cell


class Goal(NamedTuple):
    """A cell with a target: the least ratio of the optax program's time to ours."""

    cell: Cell
    ratio: float


class Effort(NamedTuple):
    """Amount of measurements in a call: FULL or QUICK.

    Attributes:
        goals: cells with a target.
        shapes: number of random shapes.
        dense: the cell of the dense engine; its number of seeds is replaced by two per device.
        axes: values along each axis of `BASE`.
        growing: programs that are timed along the axes.
        peaks: cells whose peak memory is measured.
        measured: programs whose peak memory is measured.
        rounds: number of times that each contestant of a cell is timed.
        order: of the square matrices whose product is timed.
    """

    goals: tuple[Goal, ...]
    shapes: int
    dense: Cell
    axes: dict[str, tuple[int, ...]]
    growing: tuple[str, ...]
    peaks: tuple[Cell, ...]
    measured: tuple[str, ...]
    rounds: int
    order: int


BASE = Cell(n=64, d=256, m=4096, seeds=4, steps=50)
"""Cell in which the axes of the fitted exponents cross."""

GOALS = (
    Goal(Cell(n=100, d=784, m=4096, seeds=4, steps=100), 15.0),
    Goal(Cell(n=10, d=784, m=8192, seeds=4, steps=100), 40.0),
    Goal(Cell(n=64, d=64, m=4096, seeds=4, steps=100), 1.5),
)
WIDE = Cell(n=256, d=784, m=16_384, seeds=4, steps=24)
"""Cell of the dense engine: its run of 25 observations takes five times the chunk of a run of 4 steps."""

FULL = Effort(
    goals=GOALS,
    shapes=20,
    dense=WIDE,
    axes={
        "n": (32, 64, 128, 256),
        "d": (128, 256, 512, 1024),
        "m": (2048, 4096, 8192, 16_384),
        "seeds": (2, 4, 8, 16),
        "steps": (25, 50, 100, 200),
    },
    growing=(OURS, DENSE, OPTAX),
    peaks=(*(goal.cell.replaced(steps=5) for goal in GOALS), WIDE.replaced(steps=5)),
    measured=CONTESTANTS,
    rounds=3,
    order=2048,
)
QUICK = Effort(
    goals=tuple(Goal(goal.cell.replaced(m=goal.cell.m // 4, steps=10), goal.ratio) for goal in GOALS[1:]),
    shapes=1,
    dense=Cell(n=128, d=128, m=4096, seeds=4, steps=24),
    axes={"m": (512, 1024, 2048)},
    growing=(DENSE,),
    peaks=(GOALS[2].cell.replaced(steps=5),),
    measured=(OURS, OPTAX),
    rounds=2,
    order=1024,
)
"""Smaller cells; the ratios of their goals are no targets."""


def random_cells(count: int, most: float = 4e10) -> tuple[Cell, ...]:
    """Return the first `count` of a fixed list of random cells, log-uniform in every direction.

    Args:
        count: number of cells; a shorter list is the beginning of a longer one.
        most: cells in which the weights alone take more than this many operations, 4 m n d a step and seed, are left
            out: the optax program would take minutes.

    Example:
        >>> random_cells(2) == random_cells(20)[:2]
        True
    """
    rng = np.random.default_rng(20)
    ranges = {"n": (2, 300), "d": (2, 1000), "m": (256, 16_384), "seeds": (1, 8), "steps": (10, 200)}
    cells: list[Cell] = []
    while len(cells) < count:
        values = {name: round(float(np.exp(rng.uniform(*np.log(ends))))) for name, ends in ranges.items()}
        cell = Cell(**values)
        if 4 * cell.m * cell.n * cell.d * cell.steps * cell.seeds <= most:
            cells.append(cell)
    return tuple(cells)


def problem(cell: Cell) -> tuple[Dataset, Method]:
    """Make the data and the method of a cell: random points on the sphere, Nesterov's method with its theorem's tuning.

    Two inputs in few dimensions may nearly coincide; kappa, and with it the momentum, is then large. All contestants
    are given the same numbers.
    """
    data = sphere(cell.n, cell.d, key=cell.n + cell.d)
    return data, theorem_tuning("nesterov", data)
