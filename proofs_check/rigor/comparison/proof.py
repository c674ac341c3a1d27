"""Proof of the convergence theorem at one width, for all networks but a share delta.

The comparison recursion is run on bounds that hold for all networks outside three events: large initial outputs, a Gram
matrix far from its limit, too many neurons near a boundary. It closes if the theorem's own inequality follows for every
step. All bounds are rounded outward; see docs/theory/comparison.md for the derivation.
"""

import math
from typing import NamedTuple

import numpy as np

from proofs_check.rigor.comparison.events import (
    Draw,
    Pairs,
    Reached,
    events_of_counts,
    flip_matrix,
    gram_deviation,
    output_spread,
)
from proofs_check.rigor.comparison.outward import OUTWARD
from proofs_check.rigor.comparison.problem import Problem, linear_paths
from proofs_check.rigor.comparison.recursion import Forcing, Forward, Linear, forward
from proofs_check.rigor.comparison.tail import Tail, tail

_LEVELS = 16
_MARGINS = (1.03, 1.1, 1.3)
_ENLARGEMENTS = 8


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
        "reach_linear": float((linear.reach + linear.spread).max()),
    }
    gram = (gram + problem.model_distance) * OUTWARD
    failure = share / (_LEVELS * events_of_counts(n))
    sketched = _sketched(problem, draw, gram, failure)
    sketch = forward(problem.kernels, linear, sketched, problem.numbers)
    if not sketch.complete or not np.isfinite(sketch.residual).all() or sketch.share[-1] > 1e6:
        return Closing(False, "the bounds grow without end", width, **known)
    draft = sketched(problem.steps, sketch.extra[-1], sketch.path[-1])
    attempt = Closing(False, "the bound does not fall at the theorem's rate after the last step", width, **known)
    if draft is None:
        return attempt
    for margin in _MARGINS:
        levels = _levels(problem, draw, linear, gram, failure, sketch, draft[1], margin)
        if levels is None:
            return attempt
        attempt = _attempt(problem, linear, levels, attempt)
        if attempt.closes or not attempt.reason.startswith("more pairs"):
            break
    return attempt


def _attempt(problem: Problem, linear: Linear, levels: list[tuple[int, Pairs]], known: Closing) -> Closing:
    """Run the recursion on counts that were bounded beforehand."""
    proof = forward(problem.kernels, linear, _stepwise(levels), problem.numbers)
    last = levels[-1][1]
    known = known._replace(flips=last.flips, forcing=last.norm)
    if not proof.complete:
        return known._replace(reason=f"more pairs can flip than were counted at step {len(proof.residual)}")
    known = known._replace(reach=float(proof.reach.max()))
    rest = _rest(problem, proof, last.norm)
    if rest is None:
        return known
    extra, path = _final(problem, linear, proof, rest, last.norm)
    if not ((extra <= last.reached.extra).all() and (path <= last.reached.path).all()):
        return known._replace(reason="more pairs can flip than were counted after the last step")
    used = _used(problem, proof.share, rest)
    return known._replace(closes=used <= 1, reason="" if used <= 1 else "the bound is above the theorem's", used=used)


def _reached(problem: Problem, time: int, extra: np.ndarray, path: np.ndarray) -> Reached:
    """Describe the neurons that can flip up to a step."""
    known = problem.known
    own = known.own
    return Reached(known.reach[time], own.range[time], own.with_active[time], own.largest[time], extra, path)


def _sketched(problem: Problem, draw: Draw, gram: np.ndarray, failure: float) -> Forcing:
    """Make a quick forcing with approximate counts, which only serves to choose the levels.

    The counts are taken again when the reach or the path has grown by half a per cent.
    """
    log = -math.log(failure) / max(draw.trials, 1)

    def share_above(p: np.ndarray, _: bool) -> np.ndarray:
        return np.minimum(p + np.sqrt(2 * p * log) + log * 2 / 3, 1.0)

    counted, pairs = np.full(3, -1.0), None

    def forcing(time: int, extra: np.ndarray, path: np.ndarray) -> tuple[np.ndarray, float] | None:
        nonlocal counted, pairs
        if not (extra.max() < 1e9 and path.max() < 1e9):
            return None
        sizes = np.array([problem.known.own.range[time].sum(), extra.sum(), path.sum()])
        if pairs is None or (sizes > counted * 1.005).any():
            reached = _reached(problem, time, extra, path)
            counted, pairs = sizes, flip_matrix(problem.geometry, draw.width, reached, share_above, gram)
        return pairs.matrix, pairs.norm

    return forcing


def _levels(
    problem: Problem, draw: Draw, linear: Linear, gram: np.ndarray, failure: float, sketch: Forward, norm: float,
    margin: float,
) -> list[tuple[int, Pairs]] | None:  # fmt: skip
    """Choose steps at which neurons are counted, and bound the counts of all of them at once.

    The last level covers all steps after the sketch too. It is enlarged until it covers what its own matrix, which is
    larger than that of the sketch with the norm `norm`, makes possible. None if it does not come to rest.
    """

    def level(time: int, extra: np.ndarray, path: np.ndarray) -> Pairs:
        return flip_matrix(problem.geometry, draw.width, _reached(problem, time, extra, path), share_above, gram)

    def share_above(p: np.ndarray, signed: bool) -> np.ndarray:
        return draw.share_above(p, failure, signed)

    for _ in range(_ENLARGEMENTS):
        rest = _rest(problem, sketch, norm)
        if rest is None:
            return None
        extra, path = _final(problem, linear, sketch, rest, norm)
        last = level(problem.steps, margin * extra, margin * path)
        if last.norm <= norm:
            break
        norm = last.norm * margin
    else:
        return None
    size = np.linalg.norm(sketch.reach, axis=1) / np.linalg.norm(sketch.reach[-1])
    progress = size + np.linalg.norm(sketch.path, axis=1) / np.linalg.norm(sketch.path[-1])
    times = np.searchsorted(progress, np.linspace(0, 2, _LEVELS + 1)[1:-1]).tolist()
    levels = [(time, level(time, margin * sketch.extra[time], margin * sketch.path[time])) for time in times]
    return [*levels, (problem.steps, last)]


def _stepwise(levels: list[tuple[int, Pairs]]) -> Forcing:
    """Make the forcing that takes the first level that covers the step, the extra reach and the path."""

    def forcing(time: int, extra: np.ndarray, path: np.ndarray) -> tuple[np.ndarray, float] | None:
        for last, pairs in levels:
            if time <= last and (extra <= pairs.reached.extra).all() and (path <= pairs.reached.path).all():
                return pairs.matrix, pairs.norm
        return None

    return forcing


def _rest(problem: Problem, run: Forward, norm: float) -> Tail | None:
    """Bound the steps after T, given a bound on the norm of the last matrix."""
    assert problem.weighted is not None
    return tail(
        problem.weighted, problem.rate, run.share[-1], run.share_momentum, run.share_effect, norm, problem.numbers
    )


def _final(
    problem: Problem, linear: Linear, run: Forward, rest: Tail, norm: float
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Bound the extra reach and the path over all steps, those after T included, (n,) each."""
    assert problem.weighted is not None
    steps, n = problem.steps, len(problem.targets)
    shape, size = problem.geometry, float(np.linalg.norm(linear.residual[0])) * OUTWARD
    rows = np.linalg.norm(shape.kernel_size, axis=1) * OUTWARD
    least = float(problem.model.eigenvalues.min())
    fallen = problem.rate**steps * OUTWARD / least
    # how far the filter of a jump, and of the start, still moves: |R(k) - R(T)| <= (|Y(k)| + |Y(T)|) / lambda_min
    moved, moved_start = (
        (np.abs(part[steps]).max() / least + later[steps] * fallen) * OUTWARD
        for part, later in (
            (problem.modes.jump, problem.weighted.later),
            (problem.modes.start, problem.weighted.later_start),
        )
    )
    reach = problem.kernels.reach.reshape(n, steps + 1, n)[:, ::-1]  # (i, k, l)
    final = reach[:, -1] + (rows * moved)[:, None]
    later = np.maximum(np.maximum.accumulate(reach[:, ::-1], axis=1)[:, ::-1], final[:, None])
    past = np.arange(1, steps + 1)
    brought = np.einsum("isl,sl->i", later[:, steps + 1 - past], run.effect[past])
    new = np.linalg.norm(later.max(axis=1), axis=1) * norm * rest.path * size
    spread = linear.spread.max(axis=0) + rows * moved_start * size
    extra = (spread + brought + new) * OUTWARD**3
    return extra, (run.path[-1] + rest.path * size) * OUTWARD


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
