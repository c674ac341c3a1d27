"""Explicit widths: from which width on the convergence theorem of a method holds, for all networks but a share delta.

The comparison recursion is run on bounds that hold for all networks outside three events: large initial outputs, a Gram
matrix far from its limit, too many neurons near a boundary. It closes if the theorem's own inequality follows for every
step. All bounds are rounded outward; see docs/theory/comparison.md for the derivation.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from proofs_check.rigor.comparison.events import (
    Draw,
    OutputSpread,
    Pairs,
    events_of_counts,
    flip_matrix,
    gram_deviation,
    output_spread,
)
from proofs_check.rigor.comparison.outward import OUTWARD
from proofs_check.rigor.comparison.recursion import (
    Forcing,
    Forward,
    Kernels,
    Linear,
    forward,
    kernels,
    masked_sums,
    masked_variances,
)
from proofs_check.rigor.comparison.responses import Model, Modes, linear_model, modes, step_numbers
from proofs_check.rigor.comparison.setting import Geometry, Inputs, Tuning, geometry
from proofs_check.rigor.comparison.tail import Tail, WeightedResponses, tail, weighted_responses

_FALL = 9.0
_LEVELS = 16
_MARGIN = 1.02
_LONGEST = 200_000_000


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

    @property
    def steps(self) -> int:
        """T, the last step of the recursion."""
        return len(self.kernels.residual_norm) - 1


class Closing(NamedTuple):
    """Whether the theorem is proved at a width, and what each event and step of the proof loses.

    Attributes:
        closes: True if the theorem's inequality is proved for all steps, outside events of total probability delta.
        reason: the step that fails, or "".
        width: m.
        outputs: bound on |f_i(0)|, the largest over i.
        gram: spectral norm of the bound on |H(0) - H_inf|.
        reach_linear: the largest reach b_i of the linear model.
        reach: the largest reach with the effect of flips.
        flips: the largest share of neurons that can flip at a sample.
        forcing: spectral norm of the bound B + |H(0) - H_inf|.
        used: largest ratio of the bound on |V(t)| / |V(0)| to the theorem's, over all steps; at most 1 if it closes.
    """

    closes: bool
    reason: str
    width: int
    outputs: float = math.inf
    gram: float = math.inf
    reach_linear: float = math.inf
    reach: float = math.inf
    flips: float = 1.0
    forcing: float = math.inf
    used: float = math.inf


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
    if n * n * steps > _LONGEST / 2 or n * steps > 90_000:
        return f"the bounds would need {n} x {n} numbers at each of {steps} steps, too many to compute here"
    model, distance = linear_model(shape.gram)
    numbers = step_numbers(tuning)
    rate = (1 - float(tuning.rate) / power) * (1 - 1e-13)
    factor = float(tuning.prefactor) * shape.kappa ** float(1 - tuning.order) * (1 - 1e-13)
    weighted, length = None, steps
    while weighted is None and length < 16 * steps:
        length *= 2
        scalar = modes(model.eigenvalues, tuning, length)
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
        shape, target, tuning, model, distance, scalar, responses, weighted, rate, factor, numbers, variance, sizes
    )  # fmt: skip


def linear_paths(problem: Problem, spread: OutputSpread) -> Linear:
    """Bound the linear model from xi(0) = f(0) - y at the steps 0, ..., T."""
    last, n = problem.steps, len(problem.targets)
    start, start_error = problem.model.entries(problem.modes.start[: last + 1])
    filters, filter_error = problem.model.entries(problem.modes.start_filter[: last + 1])
    size = np.abs(problem.targets).sum()
    residual = (
        np.abs(start @ problem.targets)
        + (start_error[:, :, 0] + n * 2.0**-50 * np.abs(start).max((1, 2))[:, None]) * size
    )
    path_error = (filter_error[:, :, 0] + n * 2.0**-50 * np.abs(filters).max((1, 2))[:, None]) * size
    reach = masked_sums(problem.geometry.kernel, filters @ problem.targets)
    sums = problem.geometry.kernel_size.sum(axis=1)
    reach = reach + path_error * sums + problem.geometry.error * np.abs(filters @ problem.targets).sum(-1)[:, None]
    residual = residual + spread.of(start, start_error[:, :, 0])
    reach = reach + spread.of_masks(problem.mask_variance, problem.mask_size)
    return Linear(residual * OUTWARD, reach * OUTWARD)


def closes(problem: Problem, draw: Draw, delta: float) -> Closing:
    """Decide whether the theorem is proved at a width, for all networks but a share delta.

    Args:
        problem: dataset and method.
        draw: width and law of the neurons.
        delta: failure probability, shared evenly among the events.

    Returns:
        A Closing. The theorem's inequality |V(t)| <= P kappa^(1-p) (1 - c/kappa^p)^t |V(0)| then holds at all steps.

    Cost: O(T^2 n^2); 0.2 s at n = 20, T = 120.

    Source: docs/theory/comparison.md.
    """
    n, width = len(problem.targets), draw.width
    if problem.weighted is None:
        return Closing(False, "the responses of the linear model do not fall at the theorem's rate", width)
    share = delta / (2 if draw.antisymmetric else 3)
    spread = output_spread(problem.geometry, draw, n * (2 * problem.steps + 1), share)
    gram = gram_deviation(problem.geometry, draw, share)
    linear = linear_paths(problem, spread)
    known = {
        "outputs": float(spread.of(np.eye(n)).max()),
        "gram": float(np.linalg.norm(gram, 2)),
        "reach_linear": float(linear.reach.max()),
    }
    gram = (gram + problem.model_distance) * OUTWARD
    failure = share / (_LEVELS * events_of_counts(n))
    sketch = forward(problem.kernels, linear, _sketched(problem, draw, gram, failure), problem.numbers)
    if not sketch.complete or not np.isfinite(sketch.residual).all() or sketch.share[-1] > 1e6:
        return Closing(False, "the bounds grow without end", width, **known)
    levels = _levels(problem, draw, gram, failure, sketch)
    proof = forward(problem.kernels, linear, _stepwise(problem, levels), problem.numbers)
    last = levels[-1]
    known |= {"flips": float(min(1.0, np.diag(last.matrix - gram).max())), "forcing": last.norm}
    if not proof.complete:
        return Closing(False, f"the counts do not suffice at step {len(proof.residual)}", width, **known)
    known["reach"] = float(proof.reach.max())
    rest = tail(
        problem.weighted,
        problem.rate,
        proof.share[-1],
        proof.share_momentum,
        proof.share_effect,
        last.norm,
        problem.numbers,
    )
    if rest is None:
        return Closing(False, "the bound does not fall at the theorem's rate after the last step", width, **known)
    if not _stays(problem, linear, proof, rest, last):
        return Closing(False, "more pairs can flip after the last step", width, **known)
    used = _used(problem, proof.share, rest)
    known["used"] = used
    return Closing(used <= 1, "" if used <= 1 else "the bound is above the theorem's", width, **known)


def _sketched(problem: Problem, draw: Draw, gram: np.ndarray, failure: float) -> Forcing:
    """Make a quick forcing with approximate counts at the exact reach, which only serves to choose the levels."""
    log = -math.log(failure) / max(draw.trials, 1)

    def share_above(p: np.ndarray) -> np.ndarray:
        return np.minimum(p + np.sqrt(2 * p * log) + log * 2 / 3, 1.0)

    def forcing(reach: np.ndarray, path: np.ndarray) -> tuple[np.ndarray, float]:
        pairs = flip_matrix(problem.geometry, draw, reach, problem.geometry.kernel_size @ path, share_above, gram)
        return pairs.matrix, pairs.norm

    return forcing


def _levels(problem: Problem, draw: Draw, gram: np.ndarray, failure: float, sketch: Forward) -> list[Pairs]:
    """Choose reaches and paths at which neurons are counted, and bound the counts of all of them at once."""
    size = np.linalg.norm(sketch.reach, axis=1) / np.linalg.norm(sketch.reach[-1])
    progress = size + np.linalg.norm(sketch.path, axis=1) / np.linalg.norm(sketch.path[-1])
    times = np.searchsorted(progress, np.linspace(0, 2, _LEVELS + 1)[1:-1])
    levels = []
    for time, margin in [*((int(time), _MARGIN) for time in times), (-1, _MARGIN**2)]:
        reach, path = margin * sketch.reach[time], margin * problem.geometry.kernel_size @ sketch.path[time]
        levels.append(flip_matrix(problem.geometry, draw, reach, path, lambda p: draw.share_above(p, failure), gram))
    return levels


def _stepwise(problem: Problem, levels: list[Pairs]) -> Forcing:
    """Make the forcing that takes the first level that covers the reach and the path."""

    def forcing(reach: np.ndarray, path: np.ndarray) -> tuple[np.ndarray, float] | None:
        far = problem.geometry.kernel_size @ path * OUTWARD
        for level in levels:
            if (reach <= level.reach).all() and (far <= level.path).all():
                return level.matrix, level.norm
        return None

    return forcing


def _stays(problem: Problem, linear: Linear, proof: Forward, rest: Tail, last: Pairs) -> bool:
    """Check that no pair beyond those of the last level can flip after step T."""
    assert problem.weighted is not None
    steps, n = problem.steps, len(problem.targets)
    shape, size = problem.geometry, float(np.linalg.norm(linear.residual[0])) * OUTWARD
    rows = np.linalg.norm(shape.kernel_size, axis=1) * OUTWARD
    least = float(problem.model.eigenvalues.min())
    fallen = problem.rate**steps * OUTWARD / least
    moved = (np.abs(problem.modes.jump[steps]).max() / least + problem.weighted.later[steps] * fallen) * OUTWARD
    moved_start = (
        np.abs(problem.modes.start[steps]).max() / least + problem.weighted.later_start[steps] * fallen
    ) * OUTWARD
    reach = problem.kernels.reach.reshape(n, steps + 1, n)[:, ::-1]  # (i, k, l)
    final = reach[:, -1] + (rows * moved)[:, None]
    later = np.maximum(np.maximum.accumulate(reach[:, ::-1], axis=1)[:, ::-1], final[:, None])
    past = np.arange(1, steps + 1)
    brought = np.einsum("isl,sl->i", later[:, steps + 1 - past], proof.effect[past])
    new = np.linalg.norm(later.max(axis=1), axis=1) * last.norm * rest.path * size
    widest = linear.reach.max(axis=0) + rows * moved_start * size
    bound = (widest + np.maximum(brought, 0) + new) * OUTWARD**3
    path = shape.kernel_size @ ((proof.path[-1] + rest.path * size) * OUTWARD) * OUTWARD
    return bool((bound <= last.reach).all() and (path <= last.path).all())


def _used(problem: Problem, share: np.ndarray, rest: Tail) -> float:
    """Return the largest ratio of the bound on |V(t)| / |V(0)|, or |xi(t)| / |xi(0)|, to the theorem's."""
    steps, rate = problem.steps, problem.rate
    claimed = problem.factor * rate ** np.arange(steps + 2) / OUTWARD
    following = rest.share * rate ** (steps + 1) * OUTWARD
    shares = np.append(share, following)
    if problem.tuning.memory:
        before = np.concatenate([shares[:1], shares[:-1]])
        shares = np.hypot(shares, before) * math.sqrt(0.5) * OUTWARD
        later = rest.share * math.sqrt((1 + rate**-2) / 2) * OUTWARD / problem.factor
    else:
        later = rest.share * OUTWARD / problem.factor
    return float(max((shares / claimed)[1:].max(), later))


def least_width(problem: Problem, delta: float, antisymmetric: bool = False, most: float = 2.0**49) -> Closing:
    """Find a width at which the theorem is proved, within 1 % of one at which it is not.

    Args:
        problem: dataset and method.
        delta: failure probability.
        antisymmetric: True for antisymmetric pairs of neurons.
        most: the largest width to try.

    Returns:
        The Closing of that width; of `most` if no width up to it was found to suffice.

    Cost: about 20 calls of `closes`.
    """

    def at(log: float) -> Closing:
        width = min(int(10**log), int(most))
        return closes(problem, Draw(width + width % 2, antisymmetric), delta)

    high = 2.0
    found = at(high)
    while not found.closes and 10**high < most:
        high += 1
        found = at(high)
    low = high - 1
    while found.closes and high - low > 0.004 and high > 0.3:
        middle = (low + high) / 2
        attempt = at(middle)
        low, high, found = (low, middle, attempt) if attempt.closes else (middle, high, found)
    return found
