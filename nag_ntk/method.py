"""One family of methods: gradient descent, heavy ball and Nesterov are three numbers (eta, beta, gamma).

    w(t+1) = w(t) + beta (w(t) - w(t-1)) - eta (1+gamma) grad L(w(t)) + eta gamma grad L(w(t-1))

A fourth number, the delay r, lets the momentum grow with the step: beta and gamma are multiplied by t / (t + r).

Two starts exist. "gradient": w(-1) = w(0) and grad L(w(-1)) = grad L(w(0)), the start of the residual recursion.
"extrapolated": w(-1) = w(0) and grad L(w(-1)) = 0, the textbook two-line Nesterov.
"""

import math
from typing import NamedTuple

import numpy as np

from nag_ntk.errors import InputError

STARTS = ("gradient", "extrapolated")


class Method(NamedTuple):
    """A member of the family of methods.

    Attributes:
        name: a label.
        eta: step size.
        beta: momentum.
        gamma: weight of the change of the gradient; 0 for heavy ball, beta for Nesterov.
        delay: with r > 0 the momentum at step t is beta t / (t + r), and gamma likewise; with 0 it is constant.
    """

    name: str
    eta: float
    beta: float
    gamma: float
    delay: float = 0.0

    @property
    def has_memory(self) -> bool:
        """Whether a step depends on the step before: false for gradient descent only."""
        return self.beta != 0 or self.gamma != 0

    def schedule(self, steps: int) -> np.ndarray:
        """(steps, 3): eta, beta and gamma at the steps 0, 1, ...

        Example:
            >>> nesterov_increasing(0.5).schedule(3).tolist()
            [[0.5, 0.0, 0.0], [0.5, 0.25, 0.25], [0.5, 0.4, 0.4]]
        """
        t = np.arange(steps, dtype=float)
        ramp = t / (t + self.delay) if self.delay else np.ones(steps)
        return np.stack([np.full(steps, self.eta), self.beta * ramp, self.gamma * ramp], axis=1)


def _method(name: str, eta: float, beta: float, gamma: float) -> Method:
    try:
        values = [float(v) for v in (eta, beta, gamma)]
    except (TypeError, ValueError):
        raise InputError(f"{name}: eta and beta must be real numbers, got eta={eta!r}, beta={beta!r}") from None
    if not (math.isfinite(values[0]) and values[0] > 0):
        raise InputError(f"{name}: the step size eta must be positive and finite, got {eta!r}")
    if not 0 <= values[1] < 1:
        raise InputError(f"{name}: the momentum beta must lie in [0, 1), got {beta!r}")
    return Method(name, *values)


def gradient_descent(eta: float) -> Method:
    """Gradient descent, (eta, 0, 0).

    Args:
        eta: step size, positive, finite.

    Raises:
        InputError: if it is not.

    Example:
        >>> gradient_descent(0.5)
        Method(name='gradient_descent', eta=0.5, beta=0.0, gamma=0.0, delay=0.0)
    """
    return _method("gradient_descent", eta, 0.0, 0.0)


def heavy_ball(eta: float, beta: float) -> Method:
    """Polyak's heavy ball, (eta, beta, 0).

    Args:
        eta: step size, positive, finite.
        beta: momentum in [0, 1).

    Raises:
        InputError: if either is out of range.

    Source: Polyak 1964; in this setting Wang, Lin, Abernethy 2021, arXiv 2010.01618.

    Example:
        >>> heavy_ball(0.5, 0.9).gamma
        0.0
    """
    return _method("heavy_ball", eta, beta, 0.0)


def nesterov(eta: float, beta: float) -> Method:
    """Nesterov's method with constant momentum, (eta, beta, beta).

    Args:
        eta: step size, positive, finite.
        beta: momentum in [0, 1).

    Raises:
        InputError: if either is out of range.

    Source: Liu, Pan, Tao 2021, arXiv 2107.01832.

    Example:
        >>> nesterov(0.5, 0.9).gamma
        0.9
    """
    return _method("nesterov", eta, beta, beta)


def nesterov_increasing(eta: float, delay: float = 3.0) -> Method:
    """Nesterov's method with k-dependent momentum (k-1)/(k+r-1), k = 1, 2, ...: (eta, 1, 1, r).

    It knows nothing of kappa. On a convex quadratic its loss falls like 1/t^2, but in the end each eigenvalue decays
    only by sqrt(1 - eta lambda) per step: no accelerated linear rate.

    Args:
        eta: step size, positive, finite.
        delay: r > 0; 3 is the classical choice.

    Raises:
        InputError: if either is out of range.

    Source: Nesterov 1983; Su, Boyd, Candes 2016, arXiv 1503.01243 (recalled).

    Example:
        >>> nesterov_increasing(0.5)
        Method(name='nesterov_increasing', eta=0.5, beta=1.0, gamma=1.0, delay=3.0)
    """
    if not (isinstance(delay, int | float) and math.isfinite(delay) and delay > 0):
        raise InputError(f"nesterov_increasing: the delay must be positive and finite, got {delay!r}")
    return _method("nesterov_increasing", eta, 0.0, 0.0)._replace(beta=1.0, gamma=1.0, delay=float(delay))


METHODS = {
    "gradient_descent": gradient_descent,
    "heavy_ball": heavy_ball,
    "nesterov": nesterov,
    "nesterov_increasing": nesterov_increasing,
}
WITHOUT_MOMENTUM = ("gradient_descent", "nesterov_increasing")
"""Methods whose constructor takes the step size alone."""
