"""A table that is at hand without a file: the diabetes data bundled with scikit-learn."""

from typing import Any

import numpy as np

from nag_ntk.dataset import Dataset
from nag_ntk.errors import InputError
from nag_ntk.sources.choice import check_positive
from nag_ntk.sources.table import from_table

TARGETS = {
    "standardised": "the progression of the disease minus its mean, divided by its standard deviation, over all rows",
    "median": "+1 where the progression of the disease is above its median over all rows, -1 elsewhere",
}
"""Choices of the targets -> what they are, in words."""


def diabetes(samples: int = 20, labels: str = "standardised", offset: int = 0, *, parallel: str = "keep") -> Dataset:
    """Load a table of 442 patients, ten columns of measurements standardised, rows scaled to unit norm.

    The table is bundled with scikit-learn. Its columns are prepared as by `from_table`.

    Args:
        samples: number of rows, from `offset` on; at most 442 in total.
        labels: "standardised" ((y - mean) / standard deviation of the progression y of the disease, over all rows) or
            "median" (+1 where y is above its median, -1 elsewhere).
        offset: index of the first row.
        parallel: "keep" or "drop" rows that are equal or opposite to an earlier one; see Dataset.

    Returns:
        A Dataset with d = 10.

    Raises:
        InputError: if there are fewer rows, or for unknown labels.

    Source: B. Efron, T. Hastie, I. Johnstone, R. Tibshirani 2004, Least angle regression.

    Example:
        >>> diabetes(4).targets.round(2).tolist(), diabetes(4, "median").targets.tolist()
        ([-0.01, -1.0, -0.14, 0.7], [1.0, -1.0, 1.0, 1.0])
    """
    from sklearn.datasets import load_diabetes

    check_positive("samples", samples)
    if labels not in TARGETS:
        raise InputError(f"labels must be one of {', '.join(TARGETS)}, got {labels!r}")
    bunch: Any = load_diabetes(scaled=False)
    values, progression = np.asarray(bunch.data), np.asarray(bunch.target)
    if labels == "median":
        targets = np.where(progression > np.median(progression), 1.0, -1.0)
    else:
        targets = (progression - progression.mean()) / progression.std()
    table = {**dict(zip(bunch.feature_names, values.T, strict=True)), "progression": targets}
    choice = {"samples": samples, "offset": offset, "parallel": parallel}
    data = from_table(table, "progression", name=f"diabetes-{samples}", **choice)
    origin = {**data.origin, "from": "diabetes, bundled with scikit-learn", "targets": TARGETS[labels]}
    return Dataset(data.inputs, data.targets, name=data.name, origin=origin)
