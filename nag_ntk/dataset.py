"""Dataset: unit-norm inputs and targets, their kernel, their limit Gram matrix H_inf and its spectrum.

The outputs depend only on the part of a weight in the span of the inputs, and N(0, I) is rotation invariant. So a run
uses the coordinates of the inputs in that span, (n, p) with p = rank <= min(n, d), and draws p normals per neuron.
"""

from collections.abc import Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
import scipy.linalg

from nag_ntk.arrays import masked
from nag_ntk.errors import InputError
from nag_ntk.gram import Spectrum, angles, extreme_eigenvalues, gram_limit
from nag_ntk.parallel import CURE, ParallelRow, dropped_in_words, in_words, parallel_rows

PARALLEL = ("keep", "drop")
"""Choices for rows that are parallel to an earlier one."""


def _real(name: str, values) -> tuple[np.ndarray, float]:
    """Convert values to float64; return the array and the unit roundoff of the original type.

    Raises:
        InputError: with `name` in the message, unless they are a rectangular array of real numbers.
    """
    if masked(values):
        raise InputError(f"{name} is a masked array, whose mask would be lost: remove or impute what it masks")
    try:
        array = np.asarray(values)
    except ValueError:
        raise InputError(f"{name} must be a rectangular array; give every row the same length") from None
    if array.dtype.kind not in "biuf":
        raise InputError(f"{name} must hold real numbers, got dtype {array.dtype}; convert them first")
    roundoff = float(np.finfo(array.dtype).eps) / 2 if array.dtype.kind == "f" else 2.0**-53
    return np.array(array, dtype=np.float64), max(roundoff, 2.0**-53)


def _qr(matrix: np.ndarray, pivoting: bool = False) -> tuple[np.ndarray, np.ndarray]:
    factors: Any = scipy.linalg.qr(matrix, mode="economic", pivoting=pivoting)
    return np.asarray(factors[0]), np.asarray(factors[1])


def _read_only(array: np.ndarray) -> np.ndarray:
    """Make an array read-only, because the callers share it, and return it."""
    array.flags.writeable = False
    return array


def _first_bad(mask: np.ndarray) -> str:
    return str(tuple(int(i) for i in np.argwhere(mask)[0]))


class Dataset:
    """Inputs of unit norm and real targets.

    Args:
        inputs: (n, d) real, rows of unit norm.
        targets: (n,) real.
        normalise: scale each row to unit norm first.
        parallel: what to do with rows that are equal or opposite to an earlier one, up to length and rounding: "keep"
            them, or "drop" them; `origin` then says under "parallel rows" which, and whether their targets differ.
        name: a label for tables and files.
        origin: source and preparation of the data, in words, for the records.

    Attributes:
        inputs: (n, d) float64, read-only.
        targets: (n,) float64, read-only.
        name: the label.
        origin: the given mapping, read-only.

    Raises:
        InputError: for no samples, wrong shapes, a masked array, entries that are complex, text, NaN or infinite,
            zero rows, or rows whose norm differs from 1 by more than rounding (unless normalise is set).

    Cost: O(n d), to drop parallel rows O(n log n) more.

    Example:
        >>> data = Dataset([[3.0, 4.0], [0.0, 2.0]], [1.0, -1.0], normalise=True)
        >>> data.inputs.tolist(), data.size, data.dimension
        ([[0.6, 0.8], [0.0, 1.0]], 2, 2)
        >>> data = Dataset([[3.0, 4.0], [0.0, 2.0], [6.0, 8.0]], [1.0, -1.0, 1.0], normalise=True, parallel="drop")
        >>> data.size, data.origin["parallel rows"]
        (2, '1 of 3 rows dropped: 2 (equal to 0)')
    """

    def __init__(
        self, inputs, targets, *, normalise: bool = False, name: str = "data",
        origin: Mapping[str, str] = MappingProxyType({}), parallel: str = "keep",
    ) -> None:  # fmt: skip
        """Check the arguments and store copies of them."""
        if parallel not in PARALLEL:
            raise InputError(f"parallel must be one of {', '.join(PARALLEL)}, got {parallel!r}")
        rows, roundoff = _real("inputs", inputs)
        labels, _ = _real("targets", targets)
        if rows.ndim != 2:
            raise InputError(f"inputs must be a matrix (n, d), got shape {rows.shape}")
        if rows.shape[0] == 0 or rows.shape[1] == 0:
            raise InputError(f"inputs must hold at least one sample of one entry, got shape {rows.shape}")
        if labels.shape != rows.shape[:1]:
            raise InputError(f"targets must have shape ({rows.shape[0]},), one per input, got {labels.shape}")
        for label, array in (("inputs", rows), ("targets", labels)):
            if not np.isfinite(array).all():
                where = _first_bad(~np.isfinite(array))
                raise InputError(f"{label} must be finite; entry {where} is not: remove or impute it")
        largest = np.abs(rows).max(axis=1)
        if (largest == 0).any():
            raise InputError(f"inputs row {int(np.argmin(largest))} is zero and has no direction; remove it")
        if normalise:
            rows = rows / largest[:, None]
            rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        else:
            with np.errstate(over="ignore"):  # the square of an entry may overflow: a norm of inf
                norms = np.linalg.norm(rows, axis=1)
            excess = np.abs(norms - 1)
            worst = int(np.argmax(excess))
            # dividing by a computed norm leaves a relative error of about (d/2 + 2) u in the norm
            if excess[worst] > (rows.shape[1] + 8) * roundoff:
                raise InputError(
                    f"inputs must have rows of unit norm; row {worst} has norm {norms[worst]:.6g}; scale it, or let "
                    "normalise do so (normalise=True, in a study normalise: true)"
                )
        if parallel == "drop":
            found = parallel_rows(rows, roundoff)
            origin = {**origin, "parallel rows": dropped_in_words(found, labels)}
            others = np.delete(np.arange(len(rows)), [each.row for each in found])
            rows, labels = rows[others], labels[others]
        rows.flags.writeable = labels.flags.writeable = False
        self.inputs, self.targets, self.name = rows, labels, name
        self.origin = MappingProxyType(dict(origin))

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy or another process needs; what is computed from it is computed there."""
        return {"inputs": self.inputs, "targets": self.targets, "name": self.name, "origin": dict(self.origin)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over a state as it is: its rows have been checked."""
        arrays = {name: _read_only(np.array(state[name])) for name in ("inputs", "targets")}
        vars(self).update(state, **arrays, origin=MappingProxyType(dict(state["origin"])))

    def __repr__(self) -> str:
        """Dataset(name, n, d)."""
        return f"Dataset({self.name!r}, n={self.size}, d={self.dimension})"

    @property
    def size(self) -> int:
        """The number of samples, n."""
        return self.inputs.shape[0]

    @property
    def dimension(self) -> int:
        """The input dimension, d."""
        return self.inputs.shape[1]

    @cached_property
    def kernel(self) -> np.ndarray:
        """K = X X^T, (n, n)."""
        return _read_only(self.inputs @ self.inputs.T)

    @cached_property
    def basis(self) -> np.ndarray | None:
        """Orthonormal columns Q (d, p) that span the inputs; None stands for the identity (p = d)."""
        transposed = self.inputs.T
        if self.size >= self.dimension and np.linalg.matrix_rank(self.inputs) == self.dimension:
            return None
        # smaller columns are rounding errors: Householder QR is backward stable to a small multiple of (n + d) u
        cutoff = 4 * (self.size + self.dimension) * np.finfo(np.float64).eps
        columns, triangle = _qr(transposed)
        diagonal = np.abs(np.diag(triangle))
        # an unpivoted diagonal does not reveal the rank: an early small pivot magnifies the noise after it
        if diagonal.min() > np.sqrt(np.finfo(np.float64).eps):
            return _read_only(columns * np.where(np.diag(triangle) < 0, -1.0, 1.0))
        columns, triangle = _qr(transposed, pivoting=True)
        keep = np.abs(np.diag(triangle)) > cutoff
        return _read_only(columns[:, keep] * np.where(np.diag(triangle)[keep] < 0, -1.0, 1.0))

    @cached_property
    def coordinates(self) -> np.ndarray:
        """The coordinates of the inputs in their span, (n, p); the kernel K is the same."""
        return self.inputs if self.basis is None else _read_only(self.inputs @ self.basis)

    @property
    def singular(self) -> bool:
        """True if lambda_0 = lambda_min(H_inf) is 0 up to rounding; then no theorem states a tuning."""
        return bool(self.spectrum.lambda_0 <= self.size * np.finfo(np.float64).eps * self.spectrum.lambda_top)

    @property
    def parallel_rows(self) -> tuple[ParallelRow, ...]:
        """The rows that are equal or opposite to an earlier one up to rounding, each with the number of that one.

        Cost: O(n d + n log n); computed anew each time.

        Example:
            >>> [tuple(each) for each in Dataset([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]], [1.0, -1.0, 1.0]).parallel_rows]
            [(2, 0, False)]
        """
        return parallel_rows(self.inputs)

    @property
    def why_singular(self) -> str:
        """The rows that make lambda_0 0 up to rounding, and the cure, in words; "" if lambda_0 is not.

        Without parallel rows these are the two rows at the least angle. Equal rows with different targets are told.

        Cost: O(n^2 d).

        Example:
            >>> print(Dataset([[1.0, 0.0], [1.0, 0.0]], [1.0, -1.0]).why_singular.partition(" (")[0])
            row 1 equals row 0 with another target: keep one of each
        """
        if not self.singular:
            return ""
        found = self.parallel_rows
        if found:
            return f"{in_words(found, self.targets)}: {CURE}"
        theta = np.array(angles(self.inputs))
        np.fill_diagonal(theta, np.inf)
        row, other = sorted(int(index) for index in np.unravel_index(np.argmin(theta), theta.shape))
        return f"rows {row} and {other} are closest, {theta[row, other]:.2g} rad apart: remove one of them"

    @cached_property
    def gram_limit(self) -> np.ndarray:
        """H_inf, (n, n); see nag_ntk.gram_limit."""
        return _read_only(np.array(gram_limit(self.inputs)))

    @cached_property
    def spectrum(self) -> Spectrum:
        """The working spectrum from the extreme eigenvalues of H_inf."""
        return Spectrum(*(float(value) for value in extreme_eigenvalues(self.gram_limit)))
