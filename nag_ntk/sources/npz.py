"""Reader of a user's dataset from a file that numpy.savez wrote."""

from pathlib import Path

from nag_ntk.dataset import Dataset
from nag_ntk.errors import InputError
from nag_ntk.sources.formats import npz


def from_npz(
    path: str | Path, inputs: str = "inputs", targets: str = "targets", normalise: bool = False, *,
    samples: int | None = None, offset: int = 0, parallel: str = "keep",
) -> Dataset:  # fmt: skip
    """Read a dataset from a local NumPy .npz file; object arrays (pickles) are refused.

    Args:
        path: the file.
        inputs: name of the (n, d) array in the file.
        targets: name of the (n,) array in the file.
        normalise: scale the rows to unit norm.
        samples: number of rows, from `offset` on; None for all.
        offset: index of the first row.
        parallel: "keep" or "drop" rows that are equal or opposite to an earlier one of those read; see Dataset. The
            record counts rows from 0 at the first one read.

    Returns:
        A Dataset.

    Raises:
        InputError: if the file is missing or not a .npz file, if an array is missing, if there are fewer rows, or for
            invalid data (see Dataset).

    Example:
        >>> from_npz("no-such-file.npz")
        Traceback (most recent call last):
        nag_ntk.errors.InputError: no dataset file at no-such-file.npz
    """
    source = Path(path)
    if not source.is_file():
        raise InputError(f"no dataset file at {source}")
    rows, labels = npz(source, (inputs, targets))
    origin = {
        "from": source.name,
        "normalisation": "rows scaled to length 1" if normalise else "none: the rows have length 1",
    }
    if samples is not None or offset:
        count = len(rows) if rows.ndim else 0
        end = count if samples is None else offset + samples
        if not 0 <= offset < end <= count:
            raise InputError(f"{source} has {count} rows; rows {offset} to {end} were asked for")
        rows, labels = rows[offset:end], labels[offset:end] if labels.ndim else labels
        origin["rows"] = f"{offset} to {end - 1}"
    try:
        return Dataset(rows, labels, normalise=normalise, name=source.stem, origin=origin, parallel=parallel)
    except InputError as error:
        raise InputError(f"{source}: {error}") from None
