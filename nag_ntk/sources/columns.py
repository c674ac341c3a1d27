"""Columns of a table: read from a CSV file, a data frame or a mapping, with places for messages."""

import csv
import io
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Number
from pathlib import Path
from typing import Any

import numpy as np

from nag_ntk.arrays import masked
from nag_ntk.errors import InputError
from nag_ntk.sources.formats import MAX_ARRAY_BYTES

DELIMITERS = (",", ";", "\t", "|")
"""Characters that are tried as the delimiter of a file where none is given."""
_MISSING = frozenset(("", "na", "n/a", "nan", "null", "none", "?"))
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?|[+-]?inf(inity)?", re.IGNORECASE)


@dataclass(frozen=True)
class Table:
    """Columns of one length, with the place of each row for messages.

    Attributes:
        title: name of the table in messages.
        columns: name -> N values, numbers, texts or other objects.
        lines: (N,) line of each row in its file, or its number from 0.
        line: "line" or "row", what `lines` counts.
    """

    title: str
    columns: Mapping[str, Sequence[Any] | np.ndarray]
    lines: Sequence[int]
    line: str

    def column(self, name: str) -> Sequence[Any] | np.ndarray:
        """Return the values of a column.

        Raises:
            InputError: for an unknown name.
        """
        if name not in self.columns:
            raise InputError(f"{self.title} has no column {name!r}; it has {_listed(self.columns)}")
        return self.columns[name]

    def is_numeric(self, name: str) -> bool:
        """Return True if at least one value of a column is a number."""
        values = self.columns[name]
        if isinstance(values, np.ndarray) and values.dtype.kind != "O":
            return values.dtype.kind in "biuf"
        return any(number == number for number in map(_number, values) if number is not None)  # NaN: a missing value

    def numbers(self, name: str) -> np.ndarray:
        """Return a column as (N,) float64.

        Raises:
            InputError: for an unknown name, a missing value, a value that is no number, NaN or infinity.
        """
        values = self.column(name)
        if isinstance(values, np.ndarray) and values.dtype.kind in "biuf":
            numbers = values.astype(np.float64)
        else:
            numbers = np.empty(len(values))
            for index, value in enumerate(values):
                if is_missing(value):
                    raise InputError(f"{self._at(name, index)}: the value is missing; fill it in or remove the row")
                number = _number(value)
                if number is None:
                    raise InputError(f"{self._at(name, index)}: {_shown(value)} is no number")
                numbers[index] = number
        wrong = np.flatnonzero(~np.isfinite(numbers))
        if wrong.size:
            value = numbers[wrong[0]]
            what = "the value is missing (NaN); fill it in" if np.isnan(value) else f"{value} is not finite; correct it"
            raise InputError(f"{self._at(name, int(wrong[0]))}: {what} or remove the row")
        return numbers

    def refuse_missing(self, name: str) -> None:
        """Refuse a column with a missing value.

        Raises:
            InputError: naming the first one.
        """
        for index, value in enumerate(self.column(name)):
            if is_missing(value) or value != value:
                raise InputError(f"{self._at(name, index)}: the value is missing; fill it in or remove the row")

    def _at(self, name: str, index: int) -> str:
        return f"{self.title}, column {name!r}, {self.line} {self.lines[index]}"


def is_missing(value: Any) -> bool:
    """Return True for an empty text, a word such as NA, None, and the missing values of pandas; NaN is a number here.

    Example:
        >>> [is_missing(value) for value in (None, " ", "N/A", "0", 0)]
        [True, True, True, False, False]
    """
    if isinstance(value, str):
        return value.strip().lower() in _MISSING
    return value is None or type(value).__name__ in ("NAType", "NaTType")


def read_table(source: Any, delimiter: str | None = None) -> Table:
    """Read a table from a CSV file, a data frame (anything with `columns`), or a mapping of names to values.

    Raises:
        InputError: for another source, a file that is missing, too large, not UTF-8, empty, without a header, or with
            rows of different lengths; for columns of different lengths, or names that are repeated or no texts.
    """
    if isinstance(source, str | Path):
        return _from_file(Path(source), delimiter)
    if delimiter is not None:
        raise InputError("delimiter belongs to a file; this table is none: leave it out")
    if isinstance(source, Mapping):
        names = list(source)
    elif hasattr(source, "columns") and hasattr(source, "__getitem__"):
        names = list(source.columns)
    else:
        raise InputError(
            f"source must be the path of a CSV file, a data frame or a mapping from names of columns to values, "
            f"got {type(source).__name__}"
        )
    _check_names(names, "the table")
    columns = {name: _values(name, source[name]) for name in names}
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        first, other = names[0], next(name for name in names if lengths[name] != lengths[names[0]])
        raise InputError(
            f"the columns of a table have one length; {first!r} has {lengths[first]} values, "
            f"{other!r} has {lengths[other]}"
        )
    if not lengths or not lengths[names[0]]:
        raise InputError("the table is empty; it needs at least one row")
    return Table("the table", columns, range(lengths[names[0]]), "row")


def _from_file(path: Path, delimiter: str | None) -> Table:
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n'):
        raise InputError(f"delimiter must be one character, neither a quote nor a line end, got {delimiter!r}")
    if not path.is_file():
        raise InputError(f"no table at {path}")
    if path.stat().st_size > MAX_ARRAY_BYTES:
        raise InputError(f"{path} has more than {MAX_ARRAY_BYTES:,} bytes")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is no text in UTF-8 (byte {error.start}); save it as UTF-8") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    try:
        return _parsed(path, text, delimiter)
    except csv.Error as error:
        raise InputError(f"{path} is no readable CSV file: {error}") from None


def _parsed(path: Path, text: str, delimiter: str | None) -> Table:
    if delimiter is None:
        first = next((line for line in text.splitlines() if line.strip()), "")
        delimiter = max(DELIMITERS, key=lambda each: len(next(csv.reader([first], delimiter=each), [])))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True)
    header: list[str] = []
    rows, lines = [], []
    start = 1
    for fields in reader:
        line, start = start, reader.line_num + 1
        fields = [field.strip() for field in fields]
        if fields in ([], [""]):
            continue
        if not header:
            header = fields
            _check_header(header, path, line)
            continue
        if len(fields) != len(header):
            raise InputError(
                f"{path}, line {line}: {len(fields)} fields, where the header has {len(header)}; the delimiter "
                f"is taken to be {delimiter!r}"
            )
        rows.append(fields)
        lines.append(line)
    if not header:
        raise InputError(f"{path} is empty; it needs a header line with the names of the columns, and rows")
    if not rows:
        raise InputError(f"{path} has a header and no rows")
    return Table(str(path), dict(zip(header, zip(*rows, strict=True), strict=True)), lines, "line")


def _check_header(header: list[str], path: Path, line: int) -> None:
    if all(_number(name) is not None for name in header):
        raise InputError(f"{path}, line {line}: numbers only; put a header there, with the names of the columns")
    _check_names(header, str(path))


def _check_names(names: list[Any], title: str) -> None:
    wrong = [name for name in names if not isinstance(name, str)]
    if wrong:
        raise InputError(f"{title} has a column whose name is no text: {_shown(wrong[0])}; rename it")
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise InputError(f"{title} has several columns called {repeated[0]!r}; give each a name of its own")


def _values(name: str, given: Any) -> np.ndarray:
    if masked(given):
        raise InputError(f"column {name!r} is a masked array, whose mask would be lost: remove or impute what it masks")
    try:
        values = np.asarray(given)
    except ValueError:
        raise InputError(f"column {name!r} must have one axis; its values differ in length") from None
    if values.ndim != 1:
        raise InputError(f"column {name!r} must have one axis, got shape {values.shape}")
    return values


def _number(value: Any) -> float | None:
    """Return a value as a float, or None if it is no real number; "1_000" and "nan" are none."""
    if isinstance(value, str):
        text = value.strip()
        return float(text) if _NUMBER.fullmatch(text) else None
    if isinstance(value, Number) and not isinstance(value, complex | np.complexfloating):
        try:
            return float(value)  # pyright: ignore[reportArgumentType]
        except (OverflowError, TypeError, ValueError):
            return None
    return None


def _shown(value: Any) -> str:
    text = repr(str(value)) if isinstance(value, str) else repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def _listed(names: Mapping[str, Any] | Sequence[str]) -> str:
    shown = ", ".join(map(repr, list(names)[:8]))
    return f"{shown} and {len(names) - 8} more" if len(names) > 8 else shown
