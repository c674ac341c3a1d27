"""Hypothesis strategies that draw degenerate datasets; users may take them for property tests of their own.

Inputs are small integer vectors, each of which stands for its ray. So repetition, antipodes and linear dependence are
exact, and counterexamples are readable. Moves that add a row depending on earlier ones make the degeneracies.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

Row = tuple[int, ...]
Rows = tuple[Row, ...]

SHAPES = (
    (1, 1, 1, "gradient"), (1, 1, 8, "gradient"), (2, 2, 1, "gradient"), (2, 2, 2, "extrapolated"),
    (2, 2, 64, "gradient"), (3, 2, 3, "gradient"), (3, 3, 64, "extrapolated"), (6, 2, 8, "gradient"),
    (6, 3, 64, "gradient"), (6, 3, 4096, "gradient"), (8, 3, 64, "gradient"), (8, 3, 4096, "gradient"),
)  # fmt: skip
"""(n, d, width, start) of the studies that a search runs, from one neuron to wide. A table and not a product of lists,
because JAX takes seconds to compile each new one."""
HUGE = ((3, 2, 65536, "gradient"),)
"""Shapes that are drawn with steps = 0 only: networks that are too wide to train in a search."""
CHUNK = 4
STEPS = (3, 11, 59)
"""Numbers of steps; with step 0 they are multiples of CHUNK, so all share one compiled program."""

_NEARNESS = (3, 10, 100, 10**6)  # a near copy of x is nearness * x + e_k


def rays(dimension: int, largest: int = 5) -> SearchStrategy[Row]:
    """Draw integer vectors that are not zero.

    Args:
        dimension: d, at least 1.
        largest: bound on the size of an entry.
    """
    entry = st.integers(-largest, largest)
    return st.tuples(*[entry] * dimension).filter(any)


@st.composite
def configurations(
    draw: DrawFn,
    sizes: Sequence[int] = (1, 2, 3, 4, 5, 6, 6, 8),
    dimensions: Sequence[int] = (1, 2, 2, 3, 4),
    largest: int = 5,
) -> Rows:
    """Draw inputs that are often degenerate, as rows of integers on their rays.

    The strategy draws one to four free rows and adds rows by at most three kinds of moves until the size is reached:
    the antipode of a row, the antipodes of all rows, a near copy or near antipode, a row near the first row, a sum of
    two rows, a free row, or a positive multiple. At the end it may set the last coordinates of all rows to zero.

    Args:
        draw: supplied by hypothesis, as for every composite strategy.
        sizes: numbers of rows n to choose from; a number that is listed twice is drawn twice as often.
        dimensions: input dimensions d to choose from.
        largest: bound on the entries of free rows; near copies are larger.

    Returns:
        n tuples of d integers, none of them zero.

    Example:
        >>> from hypothesis import find, settings
        >>> quiet = settings(database=None, derandomize=True)
        >>> find(configurations(sizes=(2,)), lambda rows: rows[0] == tuple(-x for x in rows[1]), settings=quiet)
        ((1,), (-1,))
    """
    size, dimension = draw(st.sampled_from(sizes)), draw(st.sampled_from(dimensions))
    free = rays(dimension, largest)
    rows = [draw(free) for _ in range(draw(st.integers(1, min(4, size))))]
    kinds = draw(st.lists(st.sampled_from(_MOVES), min_size=1, max_size=3, unique=True))
    while len(rows) < size:
        kind = draw(st.sampled_from(kinds))
        new = _move(draw, kind, rows, free)
        # only "multiple" may repeat a row: repetition hides all other degeneracies
        rows += new if kind == "multiple" else [row for row in new if row not in rows] or [draw(free)]
    rows = rows[:size]
    low_dimension = draw(st.sampled_from((dimension, *range(2, dimension))))
    # a row that would become zero stays unchanged
    flat = [(*row[:low_dimension], *(0,) * (dimension - low_dimension)) for row in rows]
    return tuple(low if any(low) else row for low, row in zip(flat, rows, strict=True))


_MOVES = ("antipode", "all antipodes", "near", "cluster", "sum", "free", "multiple")


def _move(draw: DrawFn, kind: str, rows: list[Row], free: SearchStrategy[Row]) -> list[Row]:
    row = draw(st.sampled_from(rows))
    if kind == "antipode":
        new = tuple(-x for x in row)
    elif kind == "all antipodes":
        return [tuple(-x for x in each) for each in rows]
    elif kind == "multiple":
        new = tuple(draw(st.integers(1, 3)) * x for x in row)
    elif kind in ("near", "cluster"):
        centre = rows[0] if kind == "cluster" else row
        factor = draw(st.sampled_from(_NEARNESS)) * (draw(st.sampled_from((1, -1))) if kind == "near" else 1)
        new = tuple(factor * x + y for x, y in zip(centre, draw(free), strict=True))
    elif kind == "sum":
        new = tuple(x + y for x, y in zip(row, draw(st.sampled_from(rows)), strict=True))
    else:
        new = draw(free)
    return [new if any(new) else draw(free)]


@st.composite
def targets(draw: DrawFn, size: int) -> tuple[float, ...]:
    """Draw labels: all zero, all alike, signs (so that alike inputs may conflict), small integers, tiny, or huge.

    Args:
        draw: supplied by hypothesis.
        size: n.
    """
    kind = draw(st.sampled_from(("signs", "zero", "alike", "integers", "alternating")))
    scale = draw(st.sampled_from((1.0, 1e-3, 1e3))) if kind != "zero" else 0.0
    if kind == "alternating":
        values = [(-1) ** i for i in range(size)]
    elif kind == "integers":
        values = [draw(st.integers(-3, 3)) for _ in range(size)]
    elif kind == "signs":
        values = [draw(st.sampled_from((1, -1))) for _ in range(size)]
    else:
        values = [1] * size
    return tuple(scale * value for value in values)


@dataclass(frozen=True)
class Trial:
    """A small study of a search: the numbers that its run depends on.

    Attributes:
        inputs: n rows of d floats, of unit norm up to rounding.
        targets: n floats.
        width, seeds, steps, start, key: as for ``nag_ntk.simulate``.
        methods: (name, eta, beta); eta is None for the theorem's tuning.
        delta: failure probability of the probabilistic claims.
    """

    inputs: tuple[tuple[float, ...], ...]
    targets: tuple[float, ...]
    width: int
    seeds: int
    steps: int
    start: str = "gradient"
    methods: tuple[tuple[str, float | None, float], ...] = field(default=())
    key: int = 0
    delta: float = 0.1

    def label(self) -> str:
        """Describe the trial in a line for people."""
        n, d = len(self.inputs), len(self.inputs[0])
        names = ", ".join(name for name, _, _ in self.methods)
        return f"n={n}, d={d}, width {self.width}, {self.seeds} seeds, {self.steps} steps, {self.start} start; {names}"


def unit_rows(rows: Sequence[Sequence[Any]]) -> tuple[tuple[float, ...], ...]:
    """Return the floats nearest to the unit vectors on the given rays, as ``nag_ntk.Dataset`` normalises them.

    Example:
        >>> unit_rows([(3, 4)])
        ((0.6, 0.8),)
    """
    table = np.array([[float(x) for x in row] for row in rows])
    table = table / np.abs(table).max(axis=1, keepdims=True)
    table = table / np.linalg.norm(table, axis=1, keepdims=True)
    return tuple(tuple(row) for row in table.tolist())


_NAMES = ("gradient_descent", "heavy_ball", "nesterov")


@st.composite
def trials(
    draw: DrawFn,
    trains: bool = False,
    shapes: Sequence[tuple[int, int, int, str]] = SHAPES,
    steps: Sequence[int] = STEPS,
    seeds: int = 16,
    tuned: bool = False,
) -> Trial:
    """Draw small studies on degenerate data, all methods at once, with the theorem's tuning or plain numbers.

    Args:
        draw: supplied by hypothesis.
        trains: True to leave out the shapes HUGE, which are not trained.
        shapes: (n, d, width, start) to choose from.
        steps: numbers of steps to choose from.
        seeds: number of initialisations in every run.
        tuned: True to draw only the theorems' tuning and the gradient start.

    Example:
        >>> from hypothesis import find, settings
        >>> quiet = settings(database=None, derandomize=True)
        >>> find(trials(), lambda trial: trial.width > 2 and any(trial.targets), settings=quiet).label()
        'n=1, d=1, width 8, 16 seeds, 3 steps, gradient start; gradient_descent, heavy_ball, nesterov'
    """
    untrained = () if trains or shapes is not SHAPES else HUGE
    size, dimension, width, start = draw(st.sampled_from((*shapes, *untrained)))
    data = draw(configurations(sizes=(size,), dimensions=(dimension,)))
    number = 0 if (size, dimension, width, start) in untrained else draw(st.sampled_from(steps))
    eta: float | None = None if tuned else draw(st.sampled_from((None, 0.5, 0.1, 1e-3)))
    beta = 0.0 if eta is None else draw(st.sampled_from((0.5, 0.9, 0.0)))
    return Trial(
        inputs=unit_rows(data), targets=draw(targets(size)), width=width, seeds=seeds, steps=number,
        start="gradient" if tuned else start,
        methods=tuple((name, eta, beta) for name in _NAMES), key=draw(st.integers(0, 9)),
    )  # fmt: skip
