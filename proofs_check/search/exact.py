"""Rounding of a nearly degenerate float configuration to small integers, and shrinking of an exact counterexample.

Rows that are equal or opposite lie on one line. They are changed together, because a counterexample depends on them
being parallel.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import combinations

import numpy as np

from proofs_check.rigor.enclosure import primitive_rows

Row = tuple[int, ...]
Rows = tuple[Row, ...]
Refuted = Callable[[Rows], bool]

_SCALES = (1, 2, 3, 4, 5, 6, 8, 12, 24, 60, 10**3, 10**5)
_CLOSE = (1e-1, 1e-2, 1e-4, 1e-7)


def snap(points: np.ndarray) -> Iterator[Rows]:
    """Yield exact configurations near a float one, the simplest first.

    A row within a tolerance of another row or its opposite becomes exactly equal or opposite to it. Every other row is
    rounded to multiples of 1/q of its largest entry, in the given coordinates and in two orthonormal frames of the
    rows, in which a configuration of low rank has coordinates near zero.

    Args:
        points: (n, d), finite, rows not zero.

    Yields:
        n rows of d integers, each configuration once.

    Example:
        >>> next(snap(np.array([[0.6, 0.8], [-0.6000001, -0.7999999]])))
        ((1, 1), (-1, -1))
    """
    seen: set[Rows] = set()
    rotated = points @ np.linalg.svd(points)[2].T
    onto_first = points @ _frame(points).T
    for scale in _SCALES:
        for close in _CLOSE:
            for table in (points, rotated, onto_first):
                rows = _rounded(table, scale, close)
                if rows is not None and rows not in seen:
                    seen.add(rows)
                    yield rows


def _frame(points: np.ndarray) -> np.ndarray:
    """Return orthonormal rows, the first along the first point, the next in the plane of the first two, and so on."""
    d = points.shape[1]
    columns, triangle = np.linalg.qr(np.concatenate([points.T, np.eye(d)], axis=1))
    return (columns * np.where(np.diag(triangle[:, :d]) < 0, -1.0, 1.0)).T


def _rounded(table: np.ndarray, scale: int, close: float) -> Rows | None:
    rows: list[Row] = []
    for i, point in enumerate(table):
        row = None
        for j in range(i):
            sign = next((s for s in (1, -1) if np.linalg.norm(point - s * table[j]) < close), None)
            if sign is not None:
                row = tuple(sign * x for x in rows[j])
                break
        if row is None:
            row = tuple(int(x) for x in np.rint(point / np.abs(point).max() * scale))
        rows.append(row)
    return tuple(primitive_rows(rows))


def size(rows: Rows) -> tuple[int, int, int, int]:
    """Return the size that shrinking reduces: rows, dimensions, sum of |entries|, number of negative entries."""
    entries = [x for row in rows for x in row]
    return len(rows), len(rows[0]), sum(map(abs, entries)), sum(x < 0 for x in entries)


def shrink(rows: Rows, refuted: Refuted, most: int = 2000) -> Rows:
    """Shrink a witness: fewer rows, then fewer dimensions, then smaller integers, as long as it stays a witness.

    Args:
        rows: a witness of integers, no row zero.
        refuted: function that decides exactly if a configuration is a witness.
        most: largest number of candidates to check.

    Returns:
        A witness none of whose neighbours is smaller (unless `most` was reached), opposite rows side by side.

    Example:
        >>> shrink(((3, 4, 0), (9, 12, 0), (0, 5, 1)), lambda rows: len(set(primitive_rows(rows))) < len(rows))
        ((1,), (1,))
    """
    attempts = 0
    seen = {rows}
    improved = True
    while improved and attempts < most:
        improved = False
        for candidate in _smaller(rows):
            if candidate in seen or not all(map(any, candidate)) or size(candidate) >= size(rows):
                continue
            seen.add(candidate)
            attempts += 1
            if refuted(candidate):
                rows, improved = candidate, True
                break
            if attempts >= most:
                break
    ordered = tuple(sorted(rows, key=lambda row: (min(row, _opposite(row)), row), reverse=True))
    return ordered if refuted(ordered) else rows


def _smaller(rows: Rows) -> Iterator[Rows]:
    n, d = len(rows), len(rows[0])
    for count in (2, 1):  # pairs first: one row of an antipodal pair may be no witness
        for dropped in combinations(range(n), count):
            if count < n:
                yield tuple(row for i, row in enumerate(rows) if i not in dropped)
    if d > 1:
        for k in range(d):
            yield tuple(row[:k] + row[k + 1 :] for row in rows)
    yield tuple(primitive_rows(rows))
    lines = list(dict.fromkeys(max(row, _opposite(row)) for row in rows))
    for line in lines:
        for new in _simpler(line):
            yield tuple(_on_line(row, line, new) for row in rows)
    for k in range(d):
        yield tuple(tuple(-x if i == k else x for i, x in enumerate(row)) for row in rows)


def _opposite(row: Row) -> Row:
    return tuple(-x for x in row)


def _simpler(line: Row) -> Iterable[Row]:
    d = len(line)
    unit = [tuple(int(i == k) for i in range(d)) for k in range(d)]
    yield from unit
    for a, b in combinations(range(d), 2):
        yield tuple(int(i in (a, b)) for i in range(d))
    yield tuple(np.sign(line).tolist())
    for k, x in enumerate(line):
        for smaller in dict.fromkeys((0, abs(x), x // 2, x - (x > 0) + (x < 0))):
            if smaller != x:
                yield (*line[:k], smaller, *line[k + 1 :])
    half = tuple(int(x / 2) for x in line)
    if half != line:
        yield half


def _on_line(row: Row, line: Row, new: Row) -> Row:
    if row == line:
        return new
    return _opposite(new) if row == _opposite(line) else row
