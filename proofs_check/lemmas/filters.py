"""The filter S of a run, and the same for the linear model of H(0), which the lemmas about psi = f - f(0) + H(0) S share.

S(0) = 0, q(0) = -eta gamma xi(0) or 0,  S(t+1) = S + q + eta (1+gamma) xi(t),  q(t+1) = beta q + eta (beta (1+gamma) - gamma) xi(t)
"""

import numpy as np

from nag_ntk import Method, Trajectory
from nag_ntk.run.trajectory import Deviation
from nag_ntk.schedule import coefficients, initial_momentum
from proofs_check.lemma import Run


def deviation(run: Run) -> Deviation:
    """Return what the run recorded of the deviation; ValueError if it did not."""
    if run.trajectory.deviation is None:
        raise ValueError("the run did not record the deviation from the linear model")
    return run.trajectory.deviation


def table(method: Method, steps: int, dtype: str) -> np.ndarray:
    """Return the coefficients of the steps as the engines use them, rounded to the floating type of the run."""
    return coefficients(method, steps).astype(dtype).astype(float)


def filtered(trajectory: Trajectory, *, momentum: bool = True) -> np.ndarray:
    """Compute S, (s, k, t+1, n), from the recorded residuals; without its momentum term q where that is asked for."""
    residual = np.asarray(trajectory.residual, float)
    result = np.zeros_like(residual)
    for k, method in enumerate(trajectory.methods):
        term = -initial_momentum(method, trajectory.start) * residual[:, k, 0]
        for t, (movement_step, decay, momentum_step) in enumerate(table(method, trajectory.steps, trajectory.dtype)):
            result[:, k, t + 1] = result[:, k, t] + momentum * term + movement_step * residual[:, k, t]
            term = decay * term + momentum_step * residual[:, k, t]
    return result


def modes(method: Method, eigenvalues: np.ndarray, steps: int, start: float) -> tuple[np.ndarray, np.ndarray]:
    """Compute the residual and the filter of the linear model from the residual 1, one eigenvalue at a time.

    Args:
        method: any method.
        eigenvalues: (s, n), of H.
        steps: T.
        start: q(0) = -start.

    Returns:
        Residuals and filters, (s, T+1, n) each; infinite or NaN where the model leaves the floating range.

    Example:
        >>> from nag_ntk import gradient_descent
        >>> residual, moved = modes(gradient_descent(0.5), np.array([[1.0]]), 2, 0.0)
        >>> residual.ravel().tolist(), moved.ravel().tolist()
        ([1.0, 0.5, 0.25], [0.0, 0.5, 0.75])
    """
    moved, term = np.zeros_like(eigenvalues), np.full_like(eigenvalues, -start)
    residuals, filters = [np.ones_like(eigenvalues)], [moved]
    with np.errstate(over="ignore", invalid="ignore"):
        for movement_step, decay, momentum_step in coefficients(method, steps):
            moved = moved + term + movement_step * residuals[-1]
            term = decay * term + momentum_step * residuals[-1]
            filters.append(moved)
            residuals.append(1 - eigenvalues * moved)
    return np.stack(residuals, axis=1), np.stack(filters, axis=1)


def linear_reach(kernel: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """Compute b, (..., t+1, n): the largest sqrt(m) |z(s) - z(0)|, s <= t, of neurons of any pattern that never flipped.

    Args:
        kernel: K, (n, n).
        moved: S, (..., t+1, n).
    """
    up, down, plus, minus = (np.maximum(x, 0) for x in (kernel, -kernel, moved, -moved))
    sides = np.maximum(plus @ up + minus @ down, plus @ down + minus @ up)
    return np.maximum.accumulate(sides, axis=-2)


def rounding(trajectory: Trajectory) -> np.ndarray:
    """Bound the rounding error of each entry of psi, computed in either way, (s, k, t+1, 1).

    4 gamma_(m+8+4(T+1)) (sqrt m max_i mean_r |z_ri(0)| + sigma(t)) + 4 gamma_N sigma(t) + 4 u max |xi|, see
    docs/theory/output-decomposition.md.
    """
    width, reach = trajectory.width, trajectory.reach
    scale = np.sqrt(width) * trajectory.mean_size.max(-1)[:, None, None] + reach
    sums = trajectory.rounding(width + 8 + 4 * (trajectory.steps + 1))
    largest = np.maximum.accumulate(np.abs(trajectory.residual).max(-1), axis=-1)
    bound = 4 * sums * scale + 4 * trajectory.movement_rounding * reach + 4 * trajectory.rounding(1) * largest
    return bound[..., None]
