"""A bound on the distance of the exact run from its shadow (flow.py): one number, updated at every step.

The shadow is a network that moves by given numbers, so it is known exactly. The exact run minus the shadow is
e = (e_w, e_v), the difference of the weights and of the momentum terms, in units of 1 / sqrt m. As long as both have
the same pattern,
    e(t+1) = N(eta J J^T) e(t) + defect,    ||J J^T|| = ||H||,
where N is the matrix of contraction.py, J J^T has the eigenvalues of H and otherwise 0, and `defect` is the rounding of
the step. Two bounds are used in turn. With a quadratic form P such that ||N(z)||_P <= r for every z in [0, eta ||H||],
|e|_P grows by at most the factor r in a step, with or without flips. In a stretch without flips ||N^k|| <= B for all k,
so |e| is at most B times its value at the start of the stretch plus B times the sum of the defects since.
"""

import math
from typing import NamedTuple

import numpy as np
from flint import arb

from proofs_check.rigor.certificates.contraction import Contraction
from proofs_check.rigor.certificates.problem import Problem, ball, root

LOW = 64
"""Precision in bits of bounds, and of the first evaluation of a sign."""


class Metric(NamedTuple):
    """The form |e_w|^2 + 2 cross <e_w, e_v> + weight |e_v|^2, positive definite."""

    cross: float
    weight: float

    @property
    def gap(self) -> arb:
        """The determinant, weight - cross^2."""
        return arb(self.weight) - arb(self.cross) ** 2


def growth(problem: Problem, metric: Metric, high: arb) -> arb:
    """Compute r with ||N(eta G)||_P <= r for every symmetric G with spectrum in [0, high].

    It suffices to take the larger root r of det(N^T P N - r^2 P) = 0 at both ends, because N is affine in z and
    z -> |N(z) e|_P^2 is convex.
    Without momentum e_v = 0 and r = max(1, eta high - 1).

    Example:
        >>> descent = Problem(((1.0,),), (0.5,), ((1.0,),), (1,), 0.5, 0.0, 0.0)
        >>> float(growth(descent, Metric(0.0, 1.0), arb(1)))
        1.0
    """
    top = ball(problem.eta) * high
    if problem.beta == 0 and problem.gamma == 0:
        return (top - 1).max(arb(1)).upper()
    beta, gain = ball(problem.beta), ball(problem.gamma)
    c, p, worst = arb(metric.cross), arb(metric.weight), arb(0)
    for z in (arb(0), top):
        a, b = 1 - (1 + gain) * z, (gain - beta * (1 + gain)) * z
        m11, m12, m22 = (
            a * a + 2 * c * a * b + p * b * b,
            a + c * (a * beta + b) + p * b * beta,
            1 + (2 * c + p * beta) * beta,
        )
        trace = (p * m11 - 2 * c * m12 + m22) / metric.gap
        turn = a * beta - b
        worst = worst.max((trace + root(trace * trace - 4 * turn * turn)) / 2)
    return worst.sqrt().upper()


def best_metric(problem: Problem, high: float) -> Metric:
    """Search in float64 for the form with nearly the smallest growth; `growth` makes the result rigorous."""
    if problem.beta == 0 and problem.gamma == 0:
        return Metric(0.0, 1.0)
    eta, beta, gain = (np.float64(float(x)) for x in (problem.eta, problem.beta, problem.gamma))
    slope, log, wide = 0.0, 1.5, 1.0
    for _ in range(12):
        u, v = np.meshgrid(slope + wide * np.linspace(-1, 1, 41), log + 4 * wide * np.linspace(-1, 1, 41))
        u = np.clip(u, -0.999, 0.999)
        p, worst = np.exp(v), np.zeros_like(u)
        c = u * np.sqrt(p)
        for z in (np.float64(0), eta * high):
            a, b = 1 - (1 + gain) * z, (gain - beta * (1 + gain)) * z
            m11, m12, m22 = (
                a * a + 2 * c * a * b + p * b * b,
                a + c * (a * beta + b) + p * b * beta,
                1 + (2 * c + p * beta) * beta,
            )
            trace = (p * m11 - 2 * c * m12 + m22) / (p - c * c)
            worst = np.maximum(worst, trace + np.sqrt(np.maximum(trace**2 - 4 * (a * beta - b) ** 2, 0)))
        best = np.unravel_index(np.argmin(worst), worst.shape)
        slope, log, wide = float(u[best]), float(v[best]), wide / 2
    return Metric(slope * math.exp(log / 2), math.exp(log))


def power_bound(problem: Problem, contraction: Contraction) -> arb:
    """Compute B with ||N(eta J J^T)^k|| <= B for all k; J J^T has the eigenvalue 0 besides those of H.

    r^k + s k r^(k-1) <= 1 + s / (1 - r), and N(0)^k = [[1, g(k)], [0, beta^k]] with g(k) <= 1 / (1 - beta).
    """
    steady = 1 + contraction.shear / (1 - arb(contraction.rate))
    return steady.max((2 + 1 / (1 - ball(problem.beta)) ** 2).sqrt()).upper()


class Distance:
    """A bound on the distance |(e_w, e_v)| of the exact run from its shadow at one step.

    Args:
        problem: the run.
        metric: the form P.

    Attributes:
        bound: the bound, as a ball; its upper end counts.
    """

    def __init__(self, problem: Problem, metric: Metric) -> None:
        """Start with a distance of 0; `start` sets it."""
        self.problem, self.metric = problem, metric
        self.plain = problem.beta == 0 and problem.gamma == 0
        total = 1 + arb(metric.weight)
        # |e| <= |e|_P sqrt(trace / det), |e|_P <= |e| sqrt(trace); without momentum both are |e_w|
        self._out = arb(1) if self.plain else (total / metric.gap).sqrt().upper()
        self._in = arb(1) if self.plain else total.sqrt().upper()
        self._weight = arb(metric.weight).sqrt().upper()
        self._form, self._calm, self._sum = arb(0), None, arb(0)

    def start(self, speed: arb, high: arb) -> None:
        """Set the distance at step 0, where `speed` is the rounding error of Q in the shadow."""
        self._form = (self._weight * speed * self._scale(high)).upper()

    def _scale(self, high: arb) -> arb:
        return (len(self.problem.weights) * high).sqrt()

    @property
    def bound(self) -> arb:
        """The bound on |(e_w, e_v)|, as a ball; its upper end counts."""
        return (self._form * self._out if self._calm is None else self._calm * self._sum).upper()

    def advance(self, r: arb, high: arb, first: arb, second: arb) -> None:
        """Update the bound for one step: r from `growth`, high >= ||H||, `first` and `second` defects of S and Q."""
        scale = self._scale(high)
        self._form = (r * self._form + scale * (first + self._weight * second)).upper()
        self._sum = (self._sum + scale * (first + second)).upper()

    def calm(self, contraction: Contraction) -> None:
        """Bound the distance by powers of N from this step on; the pattern is constant until `stir` is called."""
        self._sum = self.bound
        self._calm = power_bound(self.problem, contraction)

    def stir(self) -> None:
        """Bound the distance by the form P again, because the pattern changes."""
        if self._calm is not None:
            self._form = (self.bound * self._in).upper()
            self._calm = None

    @property
    def calmed(self) -> bool:
        """True between a call of `calm` and the next call of `stir`."""
        return self._calm is not None
