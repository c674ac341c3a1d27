"""What is measured: shapes of runs, and the data and the method that every contestant of a shape is given."""

from typing import NamedTuple

import numpy as np

from nag_ntk import Dataset, Method, sphere, theorem_tuning

from .record import CONTESTANTS, DENSE, OPTAX, OURS, Cell


class Goal(NamedTuple):
    """A cell and the least ratio to the optax program that is aimed at."""

    cell: Cell
    ratio: float


class Effort(NamedTuple):
    """How much of everything a call measures; FULL and QUICK are the two there are.

    Attributes:
        goals: cells with a target.
        shapes: how many of the random shapes.
        dense: the cell of the dense engine; as many seeds as make two for every device replace its own.
        axes: values along each axis of `BASE`.
        growing: the programs that are timed along the axes.
        peaks: cells whose memory is measured.
        held: the programs whose memory it is.
        rounds: how often each contestant of a cell is timed.
        order: of the square matrices whose product is timed.
    """

    goals: tuple[Goal, ...]
    shapes: int
    dense: Cell
    axes: dict[str, tuple[int, ...]]
    growing: tuple[str, ...]
    peaks: tuple[Cell, ...]
    held: tuple[str, ...]
    rounds: int
    order: int


BASE = Cell(n=64, d=256, m=4096, seeds=4, steps=50)
"""Where the axes of the fitted exponents cross."""

GOALS = (
    Goal(Cell(n=100, d=784, m=4096, seeds=4, steps=100), 15.0),
    Goal(Cell(n=10, d=784, m=8192, seeds=4, steps=100), 40.0),
    Goal(Cell(n=64, d=64, m=4096, seeds=4, steps=100), 1.5),
)
WIDE = Cell(n=256, d=784, m=16_384, seeds=4, steps=24)
"""Its run of 25 observations takes five times the chunk that a run of 4 steps does."""

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
    held=CONTESTANTS,
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
    held=(OURS, OPTAX),
    rounds=2,
    order=1024,
)
"""The figures of the goals are those of smaller cells, which have no target."""


def random_cells(count: int, most: float = 4e10) -> tuple[Cell, ...]:
    """The first `count` of a fixed list of random cells, log-uniform in every direction.

    Args:
        count: how many; a shorter list is the beginning of a longer one.
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
        drawn = {name: round(float(np.exp(rng.uniform(*np.log(ends))))) for name, ends in ranges.items()}
        cell = Cell(**drawn)
        if 4 * cell.m * cell.n * cell.d * cell.steps * cell.seeds <= most:
            cells.append(cell)
    return tuple(cells)


def problem(cell: Cell) -> tuple[Dataset, Method]:
    """Random points on the sphere with fair labels, and Nesterov's method with its theorem's tuning.

    Two inputs in few dimensions may nearly coincide; kappa, and with it the momentum, is then large. All contestants
    are given the same numbers.
    """
    data = sphere(cell.n, cell.d, key=cell.n + cell.d)
    return data, theorem_tuning("nesterov", data)
