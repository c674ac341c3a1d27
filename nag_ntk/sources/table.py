"""A dataset from a table of the user: a CSV file, a data frame or a mapping of columns."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nag_ntk.dataset import Dataset
from nag_ntk.errors import InputError
from nag_ntk.sources.columns import Table, read_table

LABELS = ("values", "pair", "one")


def from_table(
    source: Any, target: str, columns: Sequence[str] | None = None, standardise: bool = True, *,
    parallel: str = "keep", labels: str = "values", classes: Sequence[Any] = (), samples: int | None = None,
    offset: int = 0, delimiter: str | None = None, name: str | None = None,
) -> Dataset:  # fmt: skip
    """Make a dataset from a table: a CSV file with a header line, a pandas DataFrame, or a mapping of columns.

    Every input column is standardised, x -> (x - mean) / sqrt(mean((x - mean)^2)), over all rows of the table; then
    every row is scaled to length 1. What was done is told in `origin`, and so in the manifest of a study.

    Args:
        source: the path of a file (UTF-8, at most 2^30 bytes), or anything with `columns` and `[name]` such as a
            DataFrame of pandas or polars, or a mapping from names to N values each.
        target: name of the column with the targets.
        columns: names of the d input columns; None for all other columns that hold numbers, in their order. Then
            columns of text, and when standardising columns that are constant, are left out, and `origin` names them; a
            constant column that is asked for by name is an error.
        standardise: standardise the input columns. False leaves them as they are.
        parallel: "keep" or "drop" rows that are equal or opposite to an earlier one, after all else; see Dataset.
        labels: how targets are made: "values" (the numbers of the column), "pair" (-1 for the first of two classes, +1
            for the second, other rows are left out) or "one" (+1 for the one class, -1 for all others).
        classes: with "pair" the two values of the target column, with "one" the one; else none.
        samples: number of rows, from `offset` on; None for all.
        offset: rows to skip first, counted among those of the classes that are used.
        delimiter: the character between the fields of a file; None takes the one of , ; tab | that splits the header
            into most names.
        name: a label for tables and files; None for the name of the file, or "table".

    Returns:
        A Dataset of float64 inputs (n, d) and targets (n,).

    Raises:
        InputError: in one sentence, with column and line (of a file, its header included; else the row, from 0): for a
            missing value, text among numbers, NaN, infinity, unknown or repeated names, rows of different lengths; for
            a file that is missing, empty or no UTF-8; for a row that is zero, as one of all means is.

    Cost: O(N d); a file takes some 100 bytes of memory for each of its fields.

    Example:
        >>> table = {"height": [1.0, 2.0, 3.0], "age": [20, 60, 40], "kind": ["a", "b", "b"], "price": [5.0, 7.0, 8.0]}
        >>> data = from_table(table, "price", parallel="drop")
        >>> data.inputs.round(3).tolist(), data.targets.tolist()
        ([[-0.707, -0.707], [0.0, 1.0], [1.0, 0.0]], [5.0, 7.0, 8.0])
        >>> data.origin["inputs"]
        "'height', 'age'; left out: 'kind' (text)"
        >>> from_table(table, "kind", labels="pair", classes=["a", "b"]).targets.tolist()
        [-1.0, 1.0, 1.0]
    """
    if labels not in LABELS:
        raise InputError(f"labels must be one of {', '.join(LABELS)}, got {labels!r}")
    table = read_table(source, delimiter)
    targets, used, told = _targets(table, target, labels, classes)
    names, left_out = _chosen(table, target, columns, standardise)
    values = np.stack([table.numbers(each) for each in names], axis=1)
    if standardise:
        scaled = [_standardised(values[:, index]) for index in range(len(names))]
        constant = [each for each, column in zip(names, scaled, strict=True) if column is None]
        if constant and columns is not None:
            raise InputError(
                f"{table.title}: column {constant[0]!r} is constant, so it cannot be standardised and tells nothing; "
                "leave it out of columns, or set standardise to false"
            )
        left_out += [f"{each!r} (constant)" for each in constant]
        names = [each for each in names if each not in constant]
        if not names:
            raise InputError(f"{table.title} has no input column that is not constant")
        values = np.stack([column for column in scaled if column is not None], axis=1)
    rows = _rows(table, used, samples, offset)
    means = f"columns minus their mean, divided by their standard deviation, over all {len(values)} rows; then "
    origin = {
        "from": Path(source).name if isinstance(source, str | Path) else f"a table, {type(source).__name__}",
        "inputs": ", ".join(map(repr, names)) + (f"; left out: {', '.join(left_out)}" if left_out else ""),
        "targets": told,
        "rows": f"{offset} to {offset + len(rows) - 1}{'' if len(used) == len(values) else ' of these classes'}",
        "normalisation": f"{means if standardise else ''}rows scaled to length 1",
    }
    title = name or (Path(source).stem if isinstance(source, str | Path) else "table")
    zero = rows[~values[rows].any(axis=1)]
    if zero.size:
        why = " after its columns are standardised" if standardise else ""
        raise InputError(
            f"{table.title}, {table.line} {table.lines[zero[0]]}: the inputs are all zero{why}, without a direction; "
            "remove the row"
        )
    return Dataset(values[rows], targets[rows], normalise=True, name=title, origin=origin, parallel=parallel)


def _chosen(table: Table, target: str, columns: Sequence[str] | None, standardise: bool) -> tuple[list[str], list[str]]:
    """Return the input columns, and those left out because they hold text."""
    if columns is None:
        others = [name for name in table.columns if name != target]
        if "" in others:
            raise InputError(
                f"{table.title}: column {list(table.columns).index('') + 1} has no name and may be an index; "
                "name it, or list the input columns in columns"
            )
        names = [name for name in others if table.is_numeric(name)]
        if not names:
            raise InputError(f"{table.title} has no column of numbers beside {target!r}")
        return names, [f"{name!r} (text)" for name in others if name not in names]
    if isinstance(columns, str) or not columns:
        raise InputError(f"columns must be a list of at least one name, got {columns!r}")
    names = list(columns)
    for index, name in enumerate(names):
        table.column(name)
        if name in names[:index]:
            raise InputError(f"columns lists {name!r} twice")
        if name == target:
            raise InputError(f"columns lists the target {name!r}, so the answer would be among the inputs; remove it")
    return names, []


def _standardised(values: np.ndarray) -> np.ndarray | None:
    """Return (x - mean) / standard deviation, (N,), or None for a constant column; the scale of x cannot overflow."""
    _, exponent = np.frexp(np.abs(values).max())
    centred = np.ldexp(values, -exponent)
    if (values == values[0]).all():
        return None
    centred = centred - centred[0]  # so that a large mean costs no digits of the differences
    centred = centred - centred.mean()
    return centred / np.sqrt(np.mean(centred**2))


def _targets(table: Table, target: str, labels: str, classes: Sequence[Any]) -> tuple[np.ndarray, np.ndarray, str]:
    """Return targets of all rows, the numbers of the rows that are used, and a description."""
    values = table.column(target)
    every = np.arange(len(values))
    needed = {"values": 0, "pair": 2, "one": 1}[labels]
    wanted = [classes] if isinstance(classes, str) else list(classes)
    if len(wanted) != needed or len({str(each) for each in wanted}) < needed:
        counted = ("no classes", "one class", "two different classes")[needed]
        raise InputError(f'labels "{labels}" need {counted}, got {wanted}')
    if labels == "values":
        if not table.is_numeric(target):
            found = list(dict.fromkeys(str(value) for value in values))
            raise InputError(
                f"{table.title}: the target {target!r} holds text ({', '.join(map(repr, found[:3]))}"
                f"{', ...' if len(found) > 3 else ''}); give labels pair and classes {found[:2]} for targets -1 "
                f"and +1, or labels one and classes {found[:1]}"
            )
        return table.numbers(target), every, f"the numbers in column {target!r}"
    table.refuse_missing(target)
    matches = [np.array([_same(value, each) for value in values]) for each in wanted]
    for each, found in zip(wanted, matches, strict=True):
        if not found.any():
            present = list(dict.fromkeys(str(value) for value in values))[:8]
            raise InputError(f"{table.title}: no value of {target!r} is {each!r}; it has {', '.join(present)}")
    signs = np.where(matches[-1], 1.0, -1.0)
    if labels == "one":
        return signs, every, f"+1 where {target!r} is {wanted[0]}, -1 elsewhere"
    used = np.flatnonzero(matches[0] | matches[1])
    return signs, used, f"-1 where {target!r} is {wanted[0]}, +1 where it is {wanted[1]}; other rows left out"


def _same(value: Any, wanted: Any) -> bool:
    """Return True if a value of a column is the class that was asked for; "1", 1 and 1.0 are one class."""
    if str(value).strip() == str(wanted).strip():
        return True
    try:
        return float(value) == float(wanted)
    except (TypeError, ValueError):
        return False


def _rows(table: Table, used: np.ndarray, samples: int | None, offset: int) -> np.ndarray:
    end = len(used) if samples is None else offset + samples
    if not 0 <= offset < end <= len(used):
        raise InputError(f"{table.title} has {len(used)} rows that are used; rows {offset} to {end} were asked for")
    return used[offset:end]
