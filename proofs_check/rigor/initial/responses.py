"""Responses of the linear model of one network to what flips add: float64, for the search of a proof.

The filter S of the residual obeys S(t+1) = S + q + p xi, q(t+1) = beta q + l xi, p = eta (1 + gamma),
l = eta (beta (1 + gamma) - gamma), and xi(t) = xi(0) - H(0) S(t) without flips.
"""

from typing import NamedTuple

import numpy as np

from proofs_check.rigor.certificates.problem import Problem
from proofs_check.rigor.initial.pairs import Drawn


class Numbers(NamedTuple):
    """p, l, beta and c of a method and its start: q(0) = -c xi(0)."""

    step: float
    lift: float
    decay: float
    push: float

    @classmethod
    def of(cls, problem: Problem | Drawn) -> "Numbers":
        """Compute the numbers of a problem."""
        eta, beta, gamma = float(problem.eta), float(problem.beta), float(problem.gamma)
        push = eta * gamma if problem.start == "gradient" else 0.0
        return cls(eta * (1 + gamma), eta * (beta * (1 + gamma) - gamma), beta, push)


class Responses(NamedTuple):
    """Responses k = 0, ..., L steps later; matrices are (L+1, n, n).

    Attributes:
        residual: Y(k), the residual after a jump of it from 0 to I.
        change: R(k) - R(k-1), what the filter moves then; 0 at k = 0.
        filter: R(k).
        driven: P(k), the residual k steps after I has entered the filter.
        driven_change, driven_filter: the same of the filter.
        late: Z(k) = sum_u beta^(u-1) Y(k-u), the residual under a forcing that decays with the momentum.
        late_change: the same sum of `change`.
        start: the linear model from xi(0), (L+1, n).
        path: its filter, (L+1, n).
    """

    residual: np.ndarray
    change: np.ndarray
    filter: np.ndarray
    driven: np.ndarray
    driven_change: np.ndarray
    driven_filter: np.ndarray
    late: np.ndarray
    late_change: np.ndarray
    start: np.ndarray
    path: np.ndarray

    @property
    def last(self) -> int:
        """L."""
        return len(self.start) - 1


def responses(gram: np.ndarray, residual: np.ndarray, numbers: Numbers, last: int) -> Responses:
    """Follow the linear model.

    Args:
        gram: H(0), (n, n).
        residual: xi(0), (n,).
        numbers: of the method.
        last: L.

    Returns:
        Responses.

    Cost:
        O(L n^3).

    Example:
        >>> answer = responses(np.eye(1), np.ones(1), Numbers(0.5, 0.0, 0.0, 0.0), 2)
        >>> answer.residual[:, 0, 0].tolist(), answer.driven[:, 0, 0].tolist()
        ([1.0, 0.5, 0.25], [0.0, 0.5, 0.25])
    """
    jump, filtered, momentum = _follow(gram, np.eye(len(gram)), 0.0, numbers, last)
    start, path, _ = _follow(gram, residual, numbers.push, numbers, last)
    change = _shifted(numbers.step * jump + momentum)
    late, late_change, late_filter = (_delayed(part, numbers) for part in (jump, change, filtered))
    driven, driven_change, driven_filter = (
        numbers.step * _shifted(part) + numbers.lift * _shifted(sums)
        for part, sums in ((jump, late), (change, late_change), (filtered, late_filter))
    )
    return Responses(
        jump, change, filtered, driven, driven_change, driven_filter, late, late_change, start, path
    )  # fmt: skip


def _follow(
    gram: np.ndarray, residual: np.ndarray, push: float, numbers: Numbers, last: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    total, momentum = np.zeros_like(residual), -push * residual
    residuals, filters, momenta = [], [], []
    for _ in range(last + 1):
        residuals.append(residual)
        filters.append(total)
        momenta.append(momentum)
        change = momentum + numbers.step * residual
        momentum = numbers.decay * momentum + numbers.lift * residual
        # by its change, as sums weighted with rate^-k need its relative accuracy
        total, residual = total + change, residual - gram @ change
    return np.array(residuals), np.array(filters), np.array(momenta)


def _delayed(values: np.ndarray, numbers: Numbers) -> np.ndarray:
    """Compute Z(k) = sum_{u=1..k} beta^(u-1) values(k-u)."""
    result = np.zeros_like(values)
    for k in range(1, len(values)):
        result[k] = values[k - 1] + numbers.decay * result[k - 1]
    return result


def _shifted(values: np.ndarray) -> np.ndarray:
    return np.concatenate([np.zeros_like(values[:1]), values[:-1]])
