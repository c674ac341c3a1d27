"""All steps after the last one of the recursion, and the responses of the linear model beyond the last one computed.

Everything is weighted by r^-t with the theorem's rate r. Sums over the responses to a jump beyond step L are
geometric: the state (residual, q) of an eigenvalue after jL + k steps is M^k (M^L)^j times the one before, and |M^L|
is computed.
"""

from typing import NamedTuple

import numpy as np

from proofs_check.rigor.comparison.outward import OUTWARD
from proofs_check.rigor.comparison.responses import Modes

_SAMPLES = 16  # points on the circle, as a multiple of the degree


class WeightedResponses(NamedTuple):
    """Weighted responses r^-k y(k) of the residual.

    Attributes:
        later: (sum over k' >= k of the square of r^-k' |Y(k')|)^(1/2), for k = 0, ..., L; at least its largest term.
        later_start: the same for the gradient start.
        gain: the largest modulus of sum_k y(k) z^-k over |z| = r and all eigenvalues, which is the norm of the
            convolution with Y on square-summable sequences with weights r^-t.
    """

    later: np.ndarray
    later_start: np.ndarray
    gain: float


def weighted_responses(modes: Modes, rate: float, start_momentum: float) -> WeightedResponses | None:
    """Bound the weighted responses at all steps from those up to step L.

    Args:
        modes: the scalar responses up to L.
        rate: r, in (0, 1), a lower bound of the theorem's rate.
        start_momentum: eta gamma, the size of q(0) of the gradient start.

    Returns:
        WeightedResponses, or None if L is too short: the weighted state has not fallen enough by then.

    Source: derived, docs/theory/comparison.md; Ehlich, Zeller 1964 (a trigonometric polynomial of degree L is at most
        1/cos(pi L/N) times its largest modulus at N > 2 L equidistant points).
    """
    last = len(modes.jump) - 1
    weights = (1 / rate) ** np.arange(last + 1) * OUTWARD
    # |M^k| entrywise for each eigenvalue, acting on (residual, q)
    power = np.abs(
        np.stack([np.stack([modes.jump, modes.push], -1), np.stack([modes.jump_momentum, modes.push_momentum], -1)], -2)
    )  # (L+1, n, 2, 2)
    end = (power[last] + 1e-30) * weights[last]
    trace, determinant = end[:, 0, 0] + end[:, 1, 1], end[:, 0, 0] * end[:, 1, 1] - end[:, 0, 1] * end[:, 1, 0]
    if not np.isfinite(end).all() or not (trace < 1e-2).all() or not (np.abs(determinant) < 1e-2).all():
        return None
    # (I - E)^-1 for a nonnegative 2 x 2 matrix with spectral radius below 1
    scale = 1 - trace + determinant
    inverse = np.empty_like(end)
    inverse[:, 0, 0], inverse[:, 1, 1] = (1 - end[:, 1, 1]) / scale, (1 - end[:, 0, 0]) / scale
    inverse[:, 0, 1], inverse[:, 1, 0] = end[:, 0, 1] / scale, end[:, 1, 0] / scale
    beyond = np.einsum("nij,njk->nik", end, inverse) * (1 + 1e-9)  # sum over j >= 1 of E^j
    sums = np.einsum("k,knij->nij", weights, power + 1e-30)
    rest = np.einsum("nij,njk->nik", sums, beyond)[:, 0] * (1 + 1e-9)  # sum over k >= L, per unit of residual and of q
    tail, tail_start = rest[:, 0], rest[:, 0] + start_momentum * rest[:, 1]
    later, later_start = (
        # a sum of squares is at most the square of the sum; the largest eigenvalue may be another one at every k
        np.sqrt(np.cumsum((np.abs(part).max(axis=1) * weights)[::-1] ** 2)[::-1] * OUTWARD + beyond_last.sum() ** 2)
        * OUTWARD
        for part, beyond_last in ((modes.jump, tail), (modes.start, tail_start))
    )
    values = np.abs(np.fft.fft(modes.jump * weights[:, None], n=_SAMPLES * (last + 1), axis=0)).max(axis=0)
    rounding = 1e-12 * (np.abs(modes.jump) * weights[:, None]).sum(axis=0)
    largest = (values + rounding) / np.sqrt(np.cos(np.pi / _SAMPLES)) + tail
    return WeightedResponses(later, later_start, float(largest.max() * OUTWARD))


class Tail(NamedTuple):
    """Bounds for all steps after T, relative to |xi(0)|.

    Attributes:
        share: bound on r^-t |xi(t)| / |xi(0)| for all t > T.
        path: bound on the sum over t > T of |mu(t)| / |xi(0)|.
    """

    share: float
    path: float


def tail(
    responses: WeightedResponses, rate: float, share: float, momentum: float, effect: np.ndarray, norm: float,
    numbers: tuple[float, float, float, float],
) -> Tail | None:  # fmt: skip
    """Bound the residual at all steps after T, given that flips never leave the pairs of the last matrix.

    With |x| the norm of (r^-t x(t)) over t > T, square-summable, A the norm of what the start and the effects up to T
    leave, G the gain of the convolution with Y, w = (p + l/(r - beta))/r that of the filter mu, and k the norm of the
    momentum brought along: |xi| <= A + norm G (k + w |xi|).

    Args:
        responses: weighted responses at the rate r.
        rate: r.
        share: x(T).
        momentum: Q(T) divided by |xi(0)|.
        effect: f(s) for s = 0, ..., T.
        norm: bound on the spectral norm of the last matrix.
        numbers: upper bounds of p, l, beta and eta gamma.

    Returns:
        Tail, or None if the bound does not close.
    """
    step, lift, decay, _ = numbers
    last = len(effect) - 1
    if not decay < rate * (1 - 1e-9) or last + 1 >= len(responses.later):
        return None
    weights = (1 / rate) ** np.arange(last + 3) * OUTWARD
    past = np.arange(1, last + 1)
    brought = responses.later_start[last + 1] + (weights[past] * effect[past]) @ responses.later[last + 1 - past]
    filtered = (step + lift / (rate - decay) * (1 + 1e-6)) / rate * OUTWARD
    first, then = weights[last + 1] * (momentum + step * share), weights[last + 2] * (decay * momentum + lift * share)
    carried = np.hypot(first, then / np.sqrt(1 - (decay / rate) ** 2) * (1 + 1e-6)) * OUTWARD
    feedback = norm * responses.gain * filtered * OUTWARD
    if not feedback < 1:
        return None
    bound = (brought + norm * responses.gain * carried) * OUTWARD / (1 - feedback) * (1 + 1e-9)
    path = (carried + filtered * bound) * rate ** (last + 1) / np.sqrt(1 - rate**2) * (1 + 1e-6)
    return Tail(float(bound), float(path))
