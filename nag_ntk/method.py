"""One family of methods: gradient descent, heavy ball and Nesterov are three numbers (eta, beta, gamma).

    w(t+1) = w(t) + beta (w(t) - w(t-1)) - eta (1+gamma) grad L(w(t)) + eta gamma grad L(w(t-1))

A fourth number, the delay r, lets the momentum grow with the step: beta and gamma are multiplied by t / (t + r).

Two starts exist. "gradient": w(-1) = w(0) and grad L(w(-1)) = grad L(w(0)), the start of the residual recursion.
"extrapolated": w(-1) = w(0) and grad L(w(-1)) = 0, the textbook two-line Nesterov.
"""

import math
from typing import NamedTuple

import numpy as np

from nag_ntk.dataset import Dataset
from nag_ntk.errors import InputError
from nag_ntk.gram import Spectrum

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


def theorem_tuning(name: str, data: Dataset | Spectrum, scale: float = 1.0) -> Method:
    """The tuning of the convergence theorem, from the spectrum of H_inf.

    gradient descent: eta = 1/lambda_max; heavy ball: eta = 1/lambda_max, beta = (1 - 1/(2 sqrt kappa))^2;
    Nesterov: eta = 1/(2 lambda_max), beta = (3 sqrt kappa - 2)/(3 sqrt kappa + 2). Nesterov with increasing momentum
    has no such theorem and takes Nesterov's step size.

    Args:
        name: "gradient_descent", "heavy_ball", "nesterov" or "nesterov_increasing".
        data: a Dataset, or its Spectrum.
        scale: multiplies the step size (1 is the theorem's).

    Returns:
        A Method.

    Raises:
        InputError: for an unknown name, or when the least eigenvalue of H_inf is not positive, or 0 up to rounding.

    Source: docs/theory/README.md, section 1; form of arXiv 2107.01832.

    Example:
        >>> tuned = theorem_tuning("nesterov", Spectrum(lambda_0=0.5, lambda_top=0.5))
        >>> round(tuned.eta, 6), round(tuned.beta, 6)
        (0.8, 0.318915)
    """
    if name not in METHODS:
        raise InputError(f"unknown method {name!r}; known: {', '.join(METHODS)}")
    spectrum = data.spectrum if isinstance(data, Dataset) else data
    if isinstance(data, Dataset) and data.singular:
        raise InputError(
            f"the least eigenvalue of H_inf of {data.name} is 0 up to rounding ({spectrum.lambda_0:.3g}), so the "
            "theorems state no tuning; remove parallel inputs, or give the step size and momentum yourself"
        )
    root = math.sqrt(spectrum.kappa)
    if name == "gradient_descent":
        return gradient_descent(scale / spectrum.lambda_max)
    if name == "heavy_ball":
        return heavy_ball(scale / spectrum.lambda_max, (1 - 1 / (2 * root)) ** 2)
    if name == "nesterov_increasing":
        return nesterov_increasing(scale / (2 * spectrum.lambda_max))
    if name != "nesterov":
        raise InputError(f"the theorems state no tuning for {name}: give eta and beta")
    return nesterov(scale / (2 * spectrum.lambda_max), (3 * root - 2) / (3 * root + 2))
