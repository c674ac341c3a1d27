"""Own paths: how far the linear model moves the pre-activation of a neuron on average, given its initial pattern.

Before its first flip a neuron r moves z_rj by -(a_r/sqrt m) f_r(t) with f_r(t) = sum_l K_jl A_rl S_l(t), A its initial
pattern. The largest |f_r| over all patterns is attained by hardly any neuron; what counts flips is the mean range
E(max_s f_r + max_s(-f_r)), given that w_r lies on the boundary of sample j. Second and third moments of the patterns of
a Gaussian vector are arcsines of the angles, so the mean range has a bound in closed form.
"""

from typing import NamedTuple

import numpy as np

from proofs_check.rigor.comparison.outward import OUTWARD

_SLACK = 1e-13


class OwnPaths(NamedTuple):
    """Bounds on the mean range of the own linear paths up to each step, given that w lies on the boundary of sample j.

    The range of a path is its largest positive plus its largest negative value. The mean of both sides of the boundary.

    Attributes:
        range: E(range), (T+1, n).
        with_active: E(range 1{A_i = 1}), (T+1, n, n), entry [t, i, j]; i != j.
        largest: largest |S_l| up to each step, (T+1, n).
    """

    range: np.ndarray
    with_active: np.ndarray
    largest: np.ndarray


def own_paths(kernel: np.ndarray, sine: np.ndarray, filters: np.ndarray, error: np.ndarray) -> OwnPaths:
    """Bound the mean ranges for a path S(0), ..., S(T) of the filter.

    A path from 0 to f(t) with total variation V has a range of at most (V + |f(t)|)/2, and E |v.A| <= sqrt(E (v.A)^2),
    E |v.A| 1{A_i = 1} <= sqrt(E (v.A)^2 1{A_i = 1} / 2). With P_kl = P(A_k = A_l = 1) = 1/4 + asin(rho_kl)/(2 pi), rho
    the correlations given z_j = 0: E A_k A_l = P_kl, E A_k A_l A_i = (P_kl + P_ki + P_li)/2 - 1/4.

    Args:
        kernel: K, (n, n).
        sine: lower bounds of the sines of the angles, (n, n).
        filters: S, (T+1, n), with S(0) = 0.
        error: bound on the error of the entries of S(t), (T+1,).

    Returns:
        OwnPaths.

    Accuracy: at most 1.1 to 1.8 times the mean range in the cases tried (5 to 20 points, the three methods).

    Cost: O(T n^3).

    Source: derived, docs/theory/comparison.md; Sheppard 1899 (the arcsine law).

    Example:
        >>> S = np.array([[0.0, 0.0], [1.0, -1.0]])
        >>> paths = own_paths(np.eye(2), 1 - np.eye(2), S, np.zeros(2))
        >>> paths.range.round(6).tolist()
        [[0.0, 0.0], [0.5, 0.5]]
    """
    last, n = filters.shape
    ranges, with_active = np.zeros((last, n)), np.zeros((last, n, n))
    for j in range(n):
        others = np.arange(n) != j
        both = _both_active(kernel, sine, j)[np.ix_(others, others)]
        path = filters[:, others] * kernel[j, others]
        for side in (0.0, 1.0):
            own = side * filters[:, j]
            ends = _mean_sizes(path, own, both)
            steps = _mean_sizes(np.diff(path, axis=0, prepend=0), np.diff(own, prepend=0), both)
            one, joint = (
                (np.cumsum(step, axis=0) + end) * 0.5 for step, end in zip(steps, ends, strict=True)
            )  # fmt: skip
            ranges[:, j] += one / 2
            with_active[:, others, j] += joint / 2
    # an error of the path changes its range by at most twice the largest change of f
    moved = 2 * np.maximum.accumulate(error)[:, None] * np.abs(kernel).sum(axis=1) + _SLACK
    ranges = (np.maximum.accumulate(ranges, axis=0) + moved) * OUTWARD
    with_active = (np.maximum.accumulate(with_active, axis=0) + moved[:, None, :]) * OUTWARD
    largest = np.maximum.accumulate(np.abs(filters) + error[:, None], axis=0) * OUTWARD
    return OwnPaths(ranges, with_active, largest)


def _both_active(kernel: np.ndarray, sine: np.ndarray, j: int) -> np.ndarray:
    """Compute P(A_k = A_l = 1) given z_j = 0, (n, n); row and column j are not used."""
    safe = np.maximum(sine[j], 1e-12)
    correlation = (kernel - np.outer(kernel[j], kernel[j])) / np.outer(safe, safe)
    result = 0.25 + np.arcsin(np.clip(correlation, -1, 1)) / (2 * np.pi)
    np.fill_diagonal(result, 0.5)
    return result


def _mean_sizes(vectors: np.ndarray, own: np.ndarray, both: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bound E |own + v.A| and E |own + v.A| 1{A_i = 1} for each row, (T+1,) and (T+1, n-1)."""
    product, total = vectors @ both, vectors.sum(axis=1)
    square = (vectors * product).sum(axis=1)
    slack = _SLACK * (np.abs(vectors).sum(axis=1) + np.abs(own)) ** 2
    mean = own**2 + own * total + square
    first, second = own[:, None], total[:, None]
    with_active = first**2 / 2 + 2 * first * product + (square[:, None] + 2 * product * second - second**2 / 2) / 2
    return np.sqrt(np.maximum(mean, 0) + slack), np.sqrt((np.maximum(with_active, 0) + slack[:, None]) / 2)
