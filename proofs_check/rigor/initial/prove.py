"""Search for a proof, from the first weights alone, that the training of a network reaches zero loss.

Nothing is trained: upper bounds on the residual and on the set of activation patterns that can change run forward from
step to step. The search is in float64 and proves nothing; it finds numbers from which `recheck` proves the claims by
itself, in ball arithmetic.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from proofs_check.rigor.certificates.contraction import Contraction, extreme_eigenvalues
from proofs_check.rigor.certificates.contraction import contraction as bound_rate
from proofs_check.rigor.certificates.problem import Problem, check, matrix
from proofs_check.rigor.certificates.prove import NotProved
from proofs_check.rigor.comparison.recursion import masked_sums
from proofs_check.rigor.initial.pairs import Drawn, Pairs
from proofs_check.rigor.initial.responses import Numbers, Responses, responses

_FALL = 1e-9
_GROWN = 20.0
_LONGEST = 4000
_LARGEST = 20_000_000
_ROUNDS = 60
_RADII = (1.25, 2.0, 8.0)
"""Neurons are followed within this many times the largest path of the linear model; more where that was too few."""
_SHARES = (0.5, 0.25, 0.125, 0.0625)
"""Shares of 1 - rate of the linear model that are tried as 1 - rate of the proof, after the rates that are claimed."""
_SLACK = 1 + 2.0**-10
"""Factor on the sums of responses: room for those after step L, and for another program's rounding."""


class InitialProof(NamedTuple):
    """Numbers from which the convergence of one network follows without running it.

    For k >= 0, |xi(steps + k)| <= rate^k residual and |S(steps + k) - S(steps + k - 1)| <= rate^k movement, entrywise,
    with S the filter of the residual; no pattern ever changes but on `allowed` pairs (neuron, sample).

    Attributes:
        problem: the run that the proof is about.
        bits: precision of the responses of the linear model.
        steps: T, the step up to which the recursion runs.
        horizon: L, the step up to which responses are added up.
        linear: bounds on the eigenvalues of H(0) and on the powers of the linear model.
        rate: r, the proved rate after step T; larger than that of the linear model.
        residual: (n,).
        movement: (n,).
        reach: (n,); a neuron whose pre-activations are all further than this from their kinks never flips.
        allowed: number of pairs that the proof lets change, in any way.
        bounds: upper bounds on |xi(t)|, the Euclidean norm, t = 0, ..., T.
        contraction: pairs (c, rho) with |V(t)| <= c rho^t |V(0)| for all t.
    """

    problem: Problem | Drawn
    bits: int
    steps: int
    horizon: int
    linear: Contraction
    rate: float
    residual: tuple[float, ...]
    movement: tuple[float, ...]
    reach: tuple[float, ...]
    allowed: int
    bounds: tuple[float, ...]
    contraction: tuple[tuple[float, float], ...]


class _Forward(NamedTuple):
    """Bounds up to step T.

    Attributes:
        residual: X(t) >= |xi(t)|, (T+1, n).
        deviation: dS(T) >= |S - S_lin|, (n,).
        widest: the largest dS(t) and path over all masks, (n,).
        momentum: Q(T), (n,).
        pending: V(T), what masked residuals still add by their momentum, (n,).
        path: M(T), (n,).
    """

    residual: np.ndarray
    deviation: np.ndarray
    widest: np.ndarray
    momentum: np.ndarray
    pending: np.ndarray
    path: np.ndarray


class _Tail(NamedTuple):
    residual: np.ndarray
    movement: np.ndarray
    widest: np.ndarray


def prove_initial(problem: Problem | Drawn, contraction: Sequence[tuple[float, float]] = ()) -> InitialProof:
    """Find a proof that this run reaches zero loss from its first weights alone, or raise with the reason.

    Args:
        problem: the run, with its weights or with how they are drawn; its start is "gradient" or "extrapolated".
        contraction: pairs (c, rho); claimed are those with |V(t)| <= c rho^t |V(0)| for all t.

    Returns:
        An InitialProof in float64; whether it is one, `recheck` decides.

    Raises:
        ProblemError: see `problem.check`.
        NotProved: with the reason: H(0) has no positive least eigenvalue, the method does not contract on it, too many
            pairs can flip at this width, or the problem is too large.

    Accuracy:
        The bounds are those of the theory up to float64 rounding.

    Cost:
        O(m n p + T^2 n^2 + T N n) operations, N the number of neurons that come near a kink.

    Source:
        derived; docs/initial-certificates.md.

    Example:
        >>> proof = prove_initial(Problem(((1.0,),), (0.5,), ((1.0,),), (1,), 0.5, 0.0, 0.0))
        >>> proof.allowed, round(proof.rate, 9)
        (0, 0.75)
    """
    if problem.start == "state":
        raise NotProved("a proof at initialisation begins with the first weights, not with two steps of a run")
    check(_with_weights(problem))
    pairs, numbers = Pairs(problem), Numbers.of(problem)
    linear = _linear(problem, pairs)
    rates = [rho for _, rho in contraction] + [1 - (1 - linear.rate) * share for share in _SHARES]
    rates = [rate for rate in dict.fromkeys(rates) if max(linear.rate, numbers.decay) < rate < 1]
    if not rates:
        raise NotProved(f"the momentum {numbers.decay!r} decays more slowly than the linear model")
    steps = max(8, math.ceil(math.log(_FALL) / math.log(linear.rate)))
    if steps > _LONGEST or steps * len(pairs.kernel) ** 2 > _LARGEST:
        raise NotProved(f"the linear model has the rate {linear.rate!r}: {steps} steps are needed, too many")
    answer = responses(pairs.gram, pairs.residual, numbers, 4 * steps)
    furthest = np.maximum(masked_sums(pairs.kernel, answer.path[: steps + 1]).max(axis=0), 1e-300)
    for share in _RADII:
        pairs.select(share * furthest)
        forward = _forward(pairs, answer, numbers, steps)
        rate, tail = _first_tail(pairs, answer, numbers, forward, steps, rates)
        if (tail.widest * _SLACK < share * furthest).all():
            break
    else:
        raise NotProved("more neurons come near a kink than are followed: the width is too small")
    sizes = np.linalg.norm(forward.residual, axis=1)
    memory = problem.beta != 0 or problem.gamma != 0  # V(t) = [xi(t); xi(t-1)], not xi(t)
    shown = [pair for pair in contraction if _contracts(memory, sizes, tail.residual, rate, *pair)]
    return InitialProof(
        problem, 128 + 2 * answer.last, steps, answer.last, linear, rate, tuple(tail.residual.tolist()),
        tuple(tail.movement.tolist()), tuple((tail.widest * _SLACK).tolist()), pairs.count, tuple(sizes.tolist()),
        tuple(shown),
    )  # fmt: skip


def _with_weights(problem: Problem | Drawn) -> Problem:
    """Return the problem itself, or with one neuron in place of those that are drawn."""
    if isinstance(problem, Problem):
        return problem
    row = (0.0,) * len(problem.inputs[0])
    return Problem(
        problem.inputs, problem.targets, (row,), (1,), problem.eta, problem.beta, problem.gamma, problem.start
    )


def _linear(problem: Problem | Drawn, pairs: Pairs) -> Contraction:
    """Bound the eigenvalues of H(0) and the rate of the linear model."""
    ends = extreme_eigenvalues(matrix(pairs.gram.tolist()))
    if ends is None or not ends[0] > 0:
        raise NotProved("H(0) is not shown to be positive definite: the width is too small, or inputs are too near")
    # the exact H(0) is within rounding of this one
    low, high = ends[0] * (1 - 1e-9) - 1e-13 * ends[1], ends[1] * (1 + 1e-9)
    found = bound_rate(problem.eta, problem.beta, problem.gamma, low, high) if low > 0 else None
    if found is None:
        raise NotProved(f"the linear model does not contract on the eigenvalues {ends[0]:.3g} to {ends[1]:.3g} of H(0)")
    return found


def _forward(pairs: Pairs, answer: Responses, numbers: Numbers, steps: int) -> _Forward:
    """Run the recursion up to step T."""
    n = len(pairs.kernel)
    jumps = np.concatenate(
        [np.abs(part[: steps + 1]) for part in (answer.filter, answer.change, answer.residual)], axis=1
    )  # fmt: skip
    drives = np.concatenate(
        [np.abs(part[: steps + 1]) for part in (answer.driven_filter, answer.driven_change, answer.driven)], axis=1
    )  # fmt: skip
    ahead = np.zeros((steps + 1, 3 * n))  # what flips so far add to dS, to the movement and to the residual, by step
    paths = masked_sums(pairs.kernel, answer.path[: steps + 1])
    moves = np.abs(np.diff(answer.path[: steps + 1], axis=0, prepend=answer.path[:1]))
    residual = np.zeros((steps + 1, n))
    residual[0] = np.abs(pairs.residual)
    momentum, pending, path = numbers.push * residual[0], np.zeros(n), np.zeros(n)
    deviation, widest, masked = np.zeros(n), np.zeros(n), np.zeros(n)
    effects, lift, first = pairs.effects(), abs(numbers.lift), np.linalg.norm(residual[0])
    for t in range(1, steps + 1):
        most = momentum + numbers.step * residual[t - 1]  # mu(t)
        momentum = numbers.decay * momentum + lift * residual[t - 1]
        pending = numbers.decay * pending + lift * masked
        path = path + most
        deviation, change, added = ahead[t].reshape(3, n)
        widest = np.maximum(widest, paths[t] + pairs.size @ deviation)
        reach = pairs.own_reach(answer.path[t], deviation)
        if pairs.advance(t, reach, path, momentum, numbers.decay, path):
            effects = pairs.effects()
        forced = effects[1] @ np.minimum(moves[t] + change, most) + effects[2] @ most
        residual[t] = np.abs(answer.start[t]) + added + forced
        masked = effects[0] @ residual[t]
        if not np.linalg.norm(residual[t]) < _GROWN * first:
            raise NotProved(
                f"from the first weights alone the residual could grow {_GROWN:g} times by step {t}, with "
                f"{pairs.count} pairs that may flip: the width is too small for a proof at initialisation"
            )
        ahead[t + 1 :] += jumps[1 : steps + 1 - t] @ forced + drives[1 : steps + 1 - t] @ masked
    return _Forward(residual, deviation, widest, momentum, pending, path)


def _first_tail(
    pairs: Pairs, answer: Responses, numbers: Numbers, forward: _Forward, steps: int, rates: Sequence[float]
) -> tuple[float, _Tail]:
    """Return the first rate at which the argument about all steps after T closes, and its bounds."""
    kept = pairs.copy_state()
    for rate in rates[:-1]:
        try:
            return rate, _tail(pairs, answer, numbers, forward, steps, rate)
        except NotProved:
            pairs.set_state(kept)
    return rates[-1], _tail(pairs, answer, numbers, forward, steps, rates[-1])


def _tail(
    pairs: Pairs, answer: Responses, numbers: Numbers, forward: _Forward, steps: int, rate: float
) -> _Tail:  # fmt: skip
    """Find bounds on residual and movement after step T, and the pairs that can flip then."""
    weights = rate ** -np.arange(answer.last + 1.0)
    total = {
        name: np.tensordot(weights, np.abs(getattr(answer, name)), 1)
        for name in ("residual", "change", "driven", "driven_change", "late", "late_change")
    }
    late, late_change = (
        np.tensordot(weights, np.abs(part @ pairs.gram), 1) for part in (answer.late, answer.late_change)
    )
    kept, sums = forward.momentum, numbers.step / rate + abs(numbers.lift) / (rate * (rate - numbers.decay))
    after = rate / (1 - rate)
    for _ in range(_ROUNDS):
        masked, moved, both = pairs.effects()
        # (residual, movement) <= first + matrix (residual, movement), see docs/initial-certificates.md
        first = np.concatenate([
            total["residual"] @ (forward.residual[-1] + both @ kept / rate) + late @ kept
            + total["late"] @ forward.pending,
            total["change"] @ (forward.residual[-1] + both @ kept / rate) + kept / rate + late_change @ kept
            + total["late_change"] @ forward.pending,
        ])  # fmt: skip
        matrix_ = np.block([
            [sums * total["residual"] @ both + total["driven"] @ masked, total["residual"] @ moved],
            [sums * total["change"] @ both + total["driven_change"] @ masked, total["change"] @ moved],
        ])  # fmt: skip
        first, matrix_ = first * _SLACK, matrix_ * _SLACK
        if not np.abs(np.linalg.eigvals(matrix_)).max() < 1:
            raise NotProved(
                f"after step {steps} the {pairs.count} pairs that may flip could undo the contraction at the rate "
                f"{rate!r}: the width is too small for a proof at initialisation"
            )
        residual, movement = np.split(np.linalg.solve(np.eye(len(first)) - matrix_, first), 2)
        deviation = forward.deviation + movement * after
        path = forward.path + (kept / rate + sums * residual) * after
        reach = pairs.own_reach(answer.path[steps], deviation)
        if not pairs.advance(steps, reach, forward.path, np.zeros_like(path), numbers.decay, path):
            widest = np.maximum(forward.widest, masked_sums(pairs.kernel, answer.path[steps]) + pairs.size @ deviation)
            return _Tail(residual, movement, widest)
    raise NotProved(f"the pairs that may flip after step {steps} were not all found in {_ROUNDS} rounds")


def _contracts(
    memory: bool, sizes: np.ndarray, residual: np.ndarray, rate: float, factor: float, claimed: float
) -> bool:  # fmt: skip
    """Return True if |V(t)| <= factor claimed^t |V(0)| at every step, with room for rounding."""
    before = np.concatenate([sizes[:1], sizes[:-1]])
    size = np.hypot(sizes, before) if memory else sizes
    allowed = factor * size[0] * claimed ** np.arange(len(sizes)) * (1 - 1e-9)
    later = np.linalg.norm(residual) * (math.hypot(1, 1 / rate) if memory else 1.0)
    return factor >= 1 and rate <= claimed and bool((size[1:] <= allowed[1:]).all()) and bool(later <= allowed[-1])
