"""A dataset and a method, with everything that the comparison recursion needs and that does not depend on the width."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from proofs_check.rigor.comparison.events import OutputSpread
from proofs_check.rigor.comparison.outward import OUTWARD
from proofs_check.rigor.comparison.paths import OwnPaths, own_paths
from proofs_check.rigor.comparison.recursion import Kernels, Linear, kernels, masked_sums, masked_variances
from proofs_check.rigor.comparison.responses import Model, Modes, linear_model, modes, step_numbers
from proofs_check.rigor.comparison.setting import Geometry, Tuning, geometry
from proofs_check.rigor.comparison.tail import WeightedResponses, weighted_responses
from proofs_check.rigor.enclosure.gram import Inputs

_FALL = 9.0
_LONGEST = 100_000_000

_Entries = tuple[np.ndarray, np.ndarray]
"""Matrices, (T+1, n, n), and a bound on the error of their entries, (T+1, 1, 1)."""


class Known(NamedTuple):
    """The linear model from xi(0) = -y at the steps 0, ..., T.

    Attributes:
        residual: bound on |xi(t)|, (T+1, n).
        reach: largest |sum_j K_ij a_j S_j(s)| over all masks a and s <= t, (T+1, n).
        own: mean ranges of the own paths.
    """

    residual: np.ndarray
    reach: np.ndarray
    own: OwnPaths


class Problem(NamedTuple):
    """A dataset and a method, with the responses of their linear model; one for all widths.

    Attributes:
        geometry: of the inputs.
        targets: y, (n,).
        tuning: the method and its theorem.
        model: the linear model next to H_inf.
        model_distance: bound on the entries of its difference from H_inf.
        modes: its scalar responses.
        kernels: its responses up to step T.
        weighted: its responses at all steps, weighted by the theorem's rate; None if they could not be bounded.
        rate: lower bound of the theorem's rate.
        factor: lower bound of the theorem's factor.
        numbers: upper bounds of p, l, beta and eta gamma.
        mask_variance: bound on v.G v over all v = sum_j K_ij a_j R_j(t), a a mask, R the filter of the start, (T+1, n).
        mask_size: the same for |v|_1.
        known: the linear model from xi(0) = -y.
    """

    geometry: Geometry
    targets: np.ndarray
    tuning: Tuning
    model: Model
    model_distance: float
    modes: Modes
    kernels: Kernels
    weighted: WeightedResponses | None
    rate: float
    factor: float
    numbers: tuple[float, float, float, float]
    mask_variance: np.ndarray
    mask_size: np.ndarray
    known: Known

    @property
    def steps(self) -> int:
        """T, the last step of the recursion."""
        return len(self.kernels.residual_norm) - 1


def prepare(inputs: Inputs, targets: Sequence[float] | np.ndarray, tuning: Tuning) -> Problem | str:
    """Compute what all widths share.

    Args:
        inputs: n rows; only their directions matter.
        targets: y, (n,).
        tuning: the method and its theorem.

    Returns:
        A Problem; or a sentence that says why no width is computed: lambda_0 > 0 is not proved, or too large data.

    Cost: O(n L) ball operations, L a few times kappa (gradient descent) or sqrt kappa: 1 s at n = 20, kappa = 100.
    """
    shape = geometry(inputs)
    n = len(shape.kernel)
    if not shape.kappa >= 1:
        return "lambda_0 > 0 is not proved, so no width is computed"
    power = shape.kappa ** float(tuning.order)
    steps = math.ceil(-_FALL / math.log1p(-float(tuning.linear_rate) / power)) if power > tuning.linear_rate else 12
    steps = max(steps, 12)
    if n * n * steps > _LONGEST or n * steps > 90_000:
        return f"the bounds would need {n} x {n} numbers at each of {steps} steps, too many to compute here"
    model, distance = linear_model(shape.gram)
    numbers = step_numbers(tuning)
    rate = (1 - float(tuning.rate) / power) * (1 - 1e-13)
    factor = float(tuning.prefactor) * shape.kappa ** float(1 - tuning.order) * (1 - 1e-13)
    weighted, length = None, steps
    while weighted is None and length < 16 * steps:
        length *= 2
        try:
            scalar = modes(model.eigenvalues, tuning, length)
        except ArithmeticError:
            return "the linear model grows with these numbers of the method, so no width is computed"
        weighted = weighted_responses(scalar, rate, numbers[3])
    responses = kernels(model, scalar, shape.kernel, shape.error, steps)
    target = np.asarray(targets, float)
    filters, filter_error = model.entries(scalar.start_filter[: steps + 1])
    error = n * (
        filter_error[:, :, 0] * shape.kernel_size.sum(1) + n * shape.error * np.abs(filters).max((1, 2))[:, None]
    )
    # sqrt(v.G v) <= |v|_1, as G_ii = 1/2
    variance = (np.sqrt(masked_variances(shape.kernel, filters, shape.second_moment)) + error) ** 2 * OUTWARD
    sizes = (masked_sums(shape.kernel, filters.swapaxes(1, 2)).sum(axis=1) + error) * OUTWARD
    return Problem(
        shape, target, tuning, model, distance, scalar, responses, weighted, rate, factor, numbers, variance, sizes,
        _known(shape, model.entries(scalar.start[: steps + 1]), (filters, filter_error), target),
    )  # fmt: skip


def linear_paths(problem: Problem, spread: OutputSpread) -> Linear:
    """Bound the linear model from xi(0) = f(0) - y at the steps 0, ..., T."""
    start, error = problem.model.entries(problem.modes.start[: problem.steps + 1])
    residual = problem.known.residual + spread.of(start, error[:, :, 0])
    random = spread.of_masks(problem.mask_variance, problem.mask_size)
    return Linear(residual * OUTWARD, problem.known.reach, random)


def _known(shape: Geometry, starts: _Entries, filtered: _Entries, targets: np.ndarray) -> Known:
    """Bound the linear model from xi(0) = -y: `starts` and `filtered` are its residuals and filters from xi(0) = I."""
    n = len(targets)
    (start, _), (filters, _) = starts, filtered
    size = np.abs(targets).sum()
    error, path_error = (
        (part[:, :, 0] + n * 2.0**-50 * np.abs(matrices).max(axis=(1, 2))[:, None]) * size
        for matrices, part in (starts, filtered)
    )
    path = filters @ targets
    sums = shape.kernel_size.sum(axis=1)
    reach = masked_sums(shape.kernel, path) + path_error * sums + shape.error * np.abs(path).sum(-1)[:, None]
    own = own_paths(shape.kernel, shape.sine, path, path_error[:, 0] + shape.error * np.abs(path).max(axis=1))
    return Known((np.abs(start @ targets) + error) * OUTWARD, np.maximum.accumulate(reach) * OUTWARD, own)
