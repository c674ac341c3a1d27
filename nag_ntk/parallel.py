"""Parallel rows: inputs that are equal or opposite up to rounding, found, named in words, and dropped.

Equal inputs make the limit Gram matrix singular, opposite ones do where their directions are linearly dependent
(docs/theory/gram-positive.md); the theorems speak of inputs no two of which are parallel.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

_UNIT = 2.0**-53
"""Unit roundoff of float64."""
_SHOWN = 3
"""Rows named in a message; the others are counted."""

CURE = 'keep one of each (parallel="drop" of Dataset, from_npz and from_table, in a study parallel: drop)'
"""Remedy for parallel rows, the end of a message."""


class ParallelRow(NamedTuple):
    """A row that is parallel to an earlier one.

    Attributes:
        row: its number, from 0.
        first: number of the first row that it is parallel to.
        opposite: whether they have opposite directions; else they are equal.
    """

    row: int
    first: int
    opposite: bool


def parallel_rows(rows: np.ndarray, roundoff: float = _UNIT) -> tuple[ParallelRow, ...]:
    """Find the rows that are equal to an earlier row, or opposite to it, up to length and rounding.

    Rows x, y count as parallel if |x/|x| - y/|y|| or |x/|x| + y/|y|| is at most 6 r + (d + 8) u, r the unit roundoff
    of the numbers given, u = 2^-53. That is what rounding can make of two rows with one direction: an entry is rounded
    when it is written and, by whoever scaled the row, in up to two divisions, 3 r for each of two rows; the lengths
    computed here have a relative error of at most (d/2 + 2) u, and the divisions by them one of u, twice each; the
    rest, 2 u, covers products of these errors.

    Args:
        rows: (n, d) float64, finite, none of them zero.
        roundoff: r.

    Returns:
        One entry for each such row, in their order. Each is compared with the rows that are not parallel to an earlier
        one, so leaving out the rows that are named here leaves no two parallel.

    Cost: O(n d + n log n) where few rows are parallel, O(c n d) with c classes in the worst case; memory O(n d).

    Example:
        >>> parallel_rows(np.array([[3.0, 4.0], [1.0, 0.0], [-0.6, -0.8]]))
        (ParallelRow(row=2, first=0, opposite=True),)
    """
    n, d = rows.shape
    directions = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    bound = 6 * roundoff + (d + 8) * _UNIT
    # |p.x| of parallel rows differ by at most the bound and the rounding of two inner products, 2 (d + 1) u: only rows
    # next to each other in this order can be parallel. Which p is chosen matters for the cost alone.
    probe = np.random.default_rng(0).standard_normal(d)
    heights = np.abs(directions @ (probe / np.linalg.norm(probe)))
    order = np.argsort(heights, kind="stable")
    ends = np.flatnonzero(np.diff(heights[order]) > bound + 2 * (d + 1) * _UNIT) + 1
    found = []
    for start, end in zip([0, *ends.tolist()], [*ends.tolist(), n], strict=True):
        members = np.sort(order[start:end])
        while len(members) > 1:
            first, others = members[0], members[1:]
            apart = np.linalg.norm(directions[others] - directions[first], axis=1)
            against = np.linalg.norm(directions[others] + directions[first], axis=1)
            near = np.minimum(apart, against) <= bound
            found += [
                ParallelRow(int(row), int(first), bool(opposite))
                for row, opposite in zip(others[near], (against < apart)[near], strict=True)
            ]
            members = others[~near]
    return tuple(sorted(found))


def in_words(found: Sequence[ParallelRow], targets: np.ndarray | None = None) -> str:
    """Name parallel rows, the first few of them, with their number; equal rows come first.

    Args:
        found: from `parallel_rows`, at least one.
        targets: (n,) or None; equal rows with different targets are told where it is given.

    Example:
        >>> in_words([ParallelRow(142, 101, False)])
        'row 142 equals row 101'
        >>> in_words([ParallelRow(2, 0, True), ParallelRow(3, 1, False)], np.array([1.0, 1.0, 1.0, -1.0]))
        '2 rows are parallel to earlier ones (row 3 equals row 1 with another target, row 2 is opposite to row 0)'
    """
    names = []
    for row, first, opposite in sorted(found, key=lambda each: each.opposite)[:_SHOWN]:
        differs = targets is not None and not opposite and targets[row] != targets[first]
        relation = "is opposite to" if opposite else "equals"
        names.append(f"row {row} {relation} row {first}{' with another target' if differs else ''}")
    if len(found) == 1:
        return names[0]
    return (
        f"{len(found)} rows are parallel to earlier ones ({', '.join(names)}{', ...' if len(found) > _SHOWN else ''})"
    )


def dropped_in_words(found: Sequence[ParallelRow], targets: np.ndarray) -> str:
    """Say which rows were dropped and why, all of them, for the record of a dataset.

    Args:
        found: from `parallel_rows`; may be empty.
        targets: (n,), the targets before any was dropped.

    Example:
        >>> dropped_in_words([ParallelRow(2, 0, True), ParallelRow(3, 1, False)], np.array([1.0, 1.0, 1.0, -1.0]))
        '2 of 4 rows dropped: 2 (opposite of 0), 3 (equal to 1); 1 of them equal to a row with another target: 3'
    """
    if not found:
        return f"none among {len(targets)} rows"
    which = [f"{row} ({'opposite of' if opposite else 'equal to'} {first})" for row, first, opposite in found]
    text = f"{len(found)} of {len(targets)} rows dropped: {', '.join(which)}"
    conflicts = [str(each.row) for each in found if not each.opposite and targets[each.row] != targets[each.first]]
    if conflicts:
        text += f"; {len(conflicts)} of them equal to a row with another target: {', '.join(conflicts)}"
    return text
