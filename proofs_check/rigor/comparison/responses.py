"""Responses of the linear model xi(t) = xi(0) - H S(t): how residual and filter answer to a jump, at every step.

The filter S of the residual obeys S(t+1) = S(t) + q(t) + p xi(t), q(t+1) = beta q(t) + l xi(t), p = eta (1 + gamma),
l = eta (beta (1 + gamma) - gamma). With a constant symmetric H everything is a function of H, so one scalar sequence
for each eigenvalue is enough. The sequences are computed in balls wide enough for all steps.
"""

from fractions import Fraction
from typing import NamedTuple

import numpy as np
from flint import arb, ctx

from proofs_check.rigor.comparison.outward import OUTWARD
from proofs_check.rigor.comparison.setting import Tuning

_UNIT = 2.0**-53
_TINY = 1e-30


class Modes(NamedTuple):
    """Scalar responses at the steps 0, ..., L for each of the n eigenvalues; (L+1, n) each.

    Attributes:
        jump: y(k), the residual after a jump from 0 to 1 with q = 0.
        filter: r(k), its filter S.
        jump_momentum: its q.
        push: the residual k steps after q was set to 1, residual and S being 0.
        push_momentum: its q.
        start: the residual that starts at 1 with q(0) = -eta gamma (gradient start).
        start_filter: its filter S.
    """

    jump: np.ndarray
    filter: np.ndarray
    jump_momentum: np.ndarray
    push: np.ndarray
    push_momentum: np.ndarray
    start: np.ndarray
    start_filter: np.ndarray


class Model(NamedTuple):
    """A linear model whose matrix H has exactly known eigenvalues, and eigenvectors up to rounding.

    H is V' diag(eigenvalues) V'^T with V' the orthogonal matrix next to the float64 matrix V.

    Attributes:
        vectors: V, (n, n).
        eigenvalues: (n,), float64 numbers taken as exact.
        defect: bound on |V - V'| and on |V^T V - I|, spectral norms.
    """

    vectors: np.ndarray
    eigenvalues: np.ndarray
    defect: float

    def entries(self, modes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Evaluate the matrices V' diag(modes(k)) V'^T.

        Args:
            modes: (L, n), with errors of at most 1e-30.

        Returns:
            The matrices, (L, n, n), and a bound on the error of their entries, (L, 1, 1).
        """
        n = len(self.eigenvalues)
        matrices = np.matmul(self.vectors * modes[:, None, :], self.vectors.T)
        error = (3 * self.defect + 8 * n * _UNIT) * np.abs(modes).max(axis=1) + _TINY
        return matrices, error[:, None, None]


def linear_model(matrix: np.ndarray) -> tuple[Model, float]:
    """Diagonalise a symmetric matrix; return the model next to it, and a bound on the distance of their entries.

    Example:
        >>> model, distance = linear_model(np.array([[2.0, 1.0], [1.0, 2.0]]))
        >>> model.eigenvalues.round(12).tolist(), distance < 1e-13
        ([1.0, 3.0], True)
    """
    n = len(matrix)
    values, vectors = np.linalg.eigh(matrix)
    gap = np.linalg.norm(vectors.T @ vectors - np.eye(n)) * OUTWARD + 4 * n * n * _UNIT
    model = Model(vectors, values, float(gap))
    near, error = model.entries(values[None, :])
    distance = np.abs(near[0] - matrix).max() + error.max() + 4 * n * _UNIT * np.abs(values).max()
    return model, float(distance * OUTWARD)


def modes(eigenvalues: np.ndarray, tuning: Tuning, steps: int) -> Modes:
    """Compute the scalar responses of a method for each eigenvalue.

    Args:
        eigenvalues: (n,), float64 numbers taken as exact.
        tuning: the method; its numbers are taken as exact.
        steps: L.

    Returns:
        Modes, each number with an absolute error of at most 1e-30 + 2^-53 times its size.

    Raises:
        ArithmeticError: the balls grew too wide; raise the precision.

    Cost: about 20 n L ball operations of 2 L bits.

    Example:
        >>> from fractions import Fraction
        >>> one = Fraction(1)
        >>> descent = Tuning(0.5, 0.0, 0.0, one, one / 2, one, one, False)
        >>> modes(np.array([1.0]), descent, 3).jump[:, 0].tolist()
        [1.0, 0.5, 0.25, 0.125]
    """
    with ctx.workprec(160 + 2 * steps):
        eta, beta, gamma = (arb(number) for number in (tuning.eta, tuning.beta, tuning.gamma))
        step, lift = eta * (1 + gamma), eta * (beta * (1 + gamma) - gamma)
        zero, one = arb(0), arb(1)
        parts = [
            [_follow(arb(value), step, lift, beta, *first, steps) for value in eigenvalues.tolist()]
            for first in ((one, zero), (zero, one), (one, -eta * gamma))
        ]
    jump, push, start = (np.array(part).transpose(2, 1, 0) for part in parts)  # three numbers, step, eigenvalue
    return Modes(jump[0], jump[1], jump[2], push[0], push[2], start[0], start[1])


def _follow(value: arb, step: arb, lift: arb, beta: arb, residual: arb, momentum: arb, steps: int) -> list[list[float]]:
    """Follow one eigenvalue: the floats (residual, filter, momentum) at the steps 0, ..., steps."""
    origin, total = residual, arb(0)
    record = []
    for _ in range(steps + 1):
        record.append([_float(residual), _float(total), _float(momentum)])
        total, momentum = total + momentum + step * residual, beta * momentum + lift * residual
        residual = origin - value * total
    return record


def _float(ball: arb) -> float:
    if not ball.rad() < 1e-31:
        raise ArithmeticError(f"the precision does not suffice for this number of steps: {ball}")
    return float(ball.mid())


def step_numbers(tuning: Tuning) -> tuple[float, float, float, float]:
    """Return upper bounds of p, l, beta and eta gamma: p = eta (1 + gamma), l = |eta (beta (1 + gamma) - gamma)|.

    Example:
        >>> from fractions import Fraction
        >>> one = Fraction(1)
        >>> step_numbers(Tuning(0.5, 0.25, 0.0, one / 2, one / 4, one, one, True))[2]
        0.25
    """
    eta, beta, gamma = (Fraction(number) for number in (tuning.eta, tuning.beta, tuning.gamma))
    exact = eta * (1 + gamma), abs(eta * (beta * (1 + gamma) - gamma)), eta * gamma
    step, lift, push = (float(number) * OUTWARD for number in exact)
    return step, lift, tuning.beta, push
