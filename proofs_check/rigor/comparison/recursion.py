"""The comparison recursion: from bounds at earlier steps, bounds on flips, on their effect and on the residual.

Notation of docs/theory/comparison.md. The residual of the network is that of a linear model plus the response to what
flips do to the outputs: xi(t) = xi_lin(t) + sum_{s<=t} Y(t-s) dpsi(s) with |dpsi(s)| <= F(s) mu(s). The recursion runs
upper bounds forward: mu from |xi| of the steps before, the reach b of the linear paths from dpsi of the steps before, F
from the pairs within the reach, then |xi|. It needs no assumption on the width: it ends, or its numbers stay bounded.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from proofs_check.rigor.comparison.outward import MOST_ROUNDINGS, OUTWARD
from proofs_check.rigor.comparison.responses import Model, Modes

_MANY = 64

Forcing = Callable[[int, np.ndarray, np.ndarray], tuple[np.ndarray, float] | None]
"""Function (step t, extra reach, path M) -> (matrix F, a bound on its spectral norm), or None without a bound."""


class Kernels(NamedTuple):
    """Bounds on the responses of the linear model to a jump, k = 0, ..., T steps later.

    Attributes:
        residual: |Y(k)|, entrywise, as one (n, (T+1) n) matrix, the last block first.
        reach: max over masks a in {0,1}^n of |sum_j K_ij a_j R_jl(k)|, in the same form.
        residual_norm: |Y(k)|, spectral norm, (T+1,).
        start_norm: the same for the gradient start, (T+1,).
    """

    residual: np.ndarray
    reach: np.ndarray
    residual_norm: np.ndarray
    start_norm: np.ndarray


class Linear(NamedTuple):
    """Bounds on the linear model from the start, at the steps 0, ..., T.

    Attributes:
        residual: |xi_lin(t)|, (T+1, n).
        reach: max over masks a of |sum_j K_ij a_j S_lin,j(t)| for the known part of S_lin, (T+1, n).
        spread: the same for its random part, (T+1, n).
    """

    residual: np.ndarray
    reach: np.ndarray
    spread: np.ndarray


class Forward(NamedTuple):
    """Bounds that the recursion reached, at the steps 0, ..., T' (T' = T unless the forcing ended it).

    Attributes:
        residual: X(t) >= |xi(t)|, (T'+1, n).
        reach: b(t), so that sqrt(m) |z(t) - z(0)| <= b(t) before the first flip of a neuron, (T'+1, n).
        extra: the part of b(t) beyond the known part of the linear model, (T'+1, n).
        path: M(t), the sum of mu, (T'+1, n).
        effect: bound on |dpsi(t)|, (T'+1, n).
        share: x(t) >= |xi(t)| / |xi(0)|, for every xi(0), (T'+1,).
        share_effect: bound on |dpsi(t)| / |xi(0)|, (T'+1,).
        momentum, share_momentum: Q(T'), (n,), and the same divided by |xi(0)|.
        complete: T' = T.
    """

    residual: np.ndarray
    reach: np.ndarray
    extra: np.ndarray
    path: np.ndarray
    effect: np.ndarray
    share: np.ndarray
    share_effect: np.ndarray
    momentum: np.ndarray
    share_momentum: float
    complete: bool


def masked_sums(kernel: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Compute max over masks a in {0,1}^n of |sum_j K_ij a_j v_j|: all positive terms, or all negative ones.

    Args:
        kernel: K, (n, n).
        vectors: (..., n) stacked vectors v.

    Returns:
        (..., n).

    Example:
        >>> masked_sums(np.array([[1.0, 0.5], [0.5, 1.0]]), np.array([[2.0, -3.0]])).tolist()
        [[2.0, 3.0]]
    """
    plus, minus = np.maximum(kernel, 0), np.maximum(-kernel, 0)
    up, down = np.maximum(vectors, 0), np.maximum(-vectors, 0)
    return np.maximum(up @ plus.T + down @ minus.T, down @ plus.T + up @ minus.T)


def masked_variances(kernel: np.ndarray, filters: np.ndarray, moments: np.ndarray) -> np.ndarray:
    """Bound max over masks a in {0,1}^n of v.G v, v = sum_j K_ij a_j R_j, for every sample i.

    v.G v = a.D a with D_jl = K_ij K_il (R G R^T)_jl. It is at most the sum of the positive D_jl, and, as a = (1 + s)/2
    with s in {-1,1}^n and the root is a seminorm, at most (sqrt(1.D 1) + sqrt(n |D|))^2 / 4; the second bound costs n
    eigen-decompositions per step and is left out for more than 64 samples.

    Args:
        kernel: K, (n, n).
        filters: R, (T+1, n, n).
        moments: G, (n, n), positive semidefinite up to rounding.

    Returns:
        (T+1, n).

    Example:
        >>> masked_variances(np.eye(2), np.eye(2)[None], np.eye(2)).round(6).tolist()
        [[1.0, 1.0]]
    """
    n = len(kernel)
    result = np.empty(filters.shape[:2])
    for t, matrix in enumerate(filters):
        joint = kernel[:, :, None] * kernel[:, None, :] * (matrix @ moments @ matrix.T)
        slack = 1e-12 * np.abs(joint).sum(axis=(1, 2))
        positive = np.maximum(joint, 0).sum(axis=(1, 2))
        if n > _MANY:
            result[t] = positive + slack
            continue
        whole = np.maximum(joint.sum(axis=(1, 2)), 0) + slack
        alternating = n * np.linalg.eigvalsh(joint)[:, -1] + n * slack
        result[t] = np.minimum(positive, (np.sqrt(whole) + np.sqrt(alternating)) ** 2 / 4) + slack
    return result


def _in_reverse(blocks: np.ndarray) -> np.ndarray:
    """Lay (T+1, n, n) out as (n, (T+1) n), the last block first, so that a sum over the past is one product."""
    return np.ascontiguousarray(np.concatenate(list(blocks[::-1]), axis=1))


def kernels(model: Model, modes: Modes, kernel: np.ndarray, error: float, steps: int) -> Kernels:
    """Bound the responses to a jump at the steps 0, ..., T.

    Args:
        model: the linear model.
        modes: its scalar responses, at least T steps.
        kernel: K, (n, n).
        error: bound on the error of its entries.
        steps: T.

    Raises:
        ValueError: more roundings than OUTWARD pays for.

    Cost: 3 (T+1) n^2 numbers.
    """
    n = len(kernel)
    if n * (steps + 1) + 1000 > MOST_ROUNDINGS:
        raise ValueError(f"{n} samples and {steps} steps need more roundings than are paid for")
    jump, jump_error = model.entries(modes.jump[: steps + 1])
    filters, filter_error = model.entries(modes.filter[: steps + 1])
    # a row of a matrix of columns: masks act on the index that K and R share
    reach = masked_sums(kernel, filters.swapaxes(1, 2)).swapaxes(1, 2)
    sums = np.abs(kernel).sum(axis=1)[:, None]
    reach = (reach + sums * filter_error + n * error * np.abs(filters).max(axis=(1, 2), keepdims=True)) * OUTWARD
    return Kernels(
        _in_reverse((np.abs(jump) + jump_error) * OUTWARD), _in_reverse(reach),
        np.abs(modes.jump[: steps + 1]).max(axis=1) * OUTWARD, np.abs(modes.start[: steps + 1]).max(axis=1) * OUTWARD,
    )  # fmt: skip


def forward(
    kernels: Kernels, linear: Linear, forcing: Forcing, numbers: tuple[float, float, float, float]
) -> Forward:  # fmt: skip
    """Run the comparison recursion.

    Args:
        kernels: of the linear model, up to step T.
        linear: of the start, up to step T.
        forcing: bounds the effect of the pairs that can flip up to a step, given the extra reach and the path so far.
        numbers: upper bounds of p, l, beta and eta gamma; see `responses.step_numbers`.

    Returns:
        Forward; every number of it is an upper bound, roundings included.

    Cost: O(T^2 n^2).

    Source: docs/theory/comparison.md.
    """
    step, lift, decay, push = numbers
    last, n = len(linear.residual) - 1, linear.residual.shape[1]
    residual, reach, extra, path, effect = (np.zeros((last + 1, n)) for _ in range(5))
    share, share_effect = np.zeros(last + 1), np.zeros(last + 1)
    residual[0], share[0] = linear.residual[0], kernels.start_norm[0]
    momentum, share_momentum = push * residual[0], push * share[0]
    moved, sums, widest, spread = (np.zeros(n) for _ in range(4))
    reached = 0
    for t in range(1, last + 1):
        mu = (momentum + step * residual[t - 1]) * OUTWARD
        share_mu = (share_momentum + step * share[t - 1]) * OUTWARD
        momentum = (decay * momentum + lift * residual[t - 1]) * OUTWARD
        share_momentum = (decay * share_momentum + lift * share[t - 1]) * OUTWARD
        sums = (sums + mu) * OUTWARD
        past = effect[1:t].reshape(-1)
        moved = np.maximum(moved, kernels.reach[:, (last - t + 1) * n : last * n] @ past)
        widest = np.maximum(widest, linear.reach[t])
        spread = np.maximum(spread, linear.spread[t])
        more = (moved + spread) * OUTWARD
        force = forcing(t, more, sums)
        if force is None or not np.isfinite(residual[t - 1]).all():
            break
        matrix, norm = force
        effect[t] = matrix @ mu * OUTWARD
        share_effect[t] = norm * share_mu * OUTWARD
        past = effect[1 : t + 1].reshape(-1)
        residual[t] = (linear.residual[t] + kernels.residual[:, (last - t + 1) * n : (last + 1) * n] @ past) * OUTWARD
        share[t] = (kernels.start_norm[t] + kernels.residual_norm[t - 1 :: -1] @ share_effect[1 : t + 1]) * OUTWARD
        reach[t], extra[t], path[t] = (widest + more) * OUTWARD, more, sums
        reached = t
    upto = slice(reached + 1)
    return Forward(
        residual[upto], reach[upto], extra[upto], path[upto], effect[upto], share[upto], share_effect[upto], momentum,
        share_momentum, reached == last,
    )  # fmt: skip
