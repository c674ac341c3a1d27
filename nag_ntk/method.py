"""One family of methods: gradient descent, heavy ball and Nesterov are three numbers (eta, beta, gamma).

    w(t+1) = w(t) + beta (w(t) - w(t-1)) - eta (1+gamma) grad L(w(t)) + eta gamma grad L(w(t-1))

Two starts exist. "gradient": w(-1) = w(0) and grad L(w(-1)) = grad L(w(0)), the start of the residual recursion.
"extrapolated": w(-1) = w(0) and grad L(w(-1)) = 0, the textbook two-line Nesterov.
"""

import math
from typing import NamedTuple

from nag_ntk.dataset import Dataset
from nag_ntk.errors import InputError
from nag_ntk.gram import Spectrum

STARTS = ("gradient", "extrapolated")


class Method(NamedTuple):
    """A member of the family: a label and the numbers eta (step size), beta and gamma (momentum)."""

    name: str
    eta: float
    beta: float
    gamma: float


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
        Method(name='gradient_descent', eta=0.5, beta=0.0, gamma=0.0)
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


METHODS = {"gradient_descent": gradient_descent, "heavy_ball": heavy_ball, "nesterov": nesterov}


def theorem_tuning(name: str, data: Dataset | Spectrum, scale: float = 1.0) -> Method:
    """The tuning of the convergence theorem, from the spectrum of H_inf.

    gradient descent: eta = 1/lambda_max; heavy ball: eta = 1/lambda_max, beta = (1 - 1/(2 sqrt kappa))^2;
    Nesterov: eta = 1/(2 lambda_max), beta = (3 sqrt kappa - 2)/(3 sqrt kappa + 2).

    Args:
        name: "gradient_descent", "heavy_ball" or "nesterov".
        data: a Dataset, or its Spectrum.
        scale: multiplies the step size (1 is the theorem's).

    Returns:
        A Method.

    Raises:
        InputError: for an unknown name, or when the least eigenvalue of H_inf is not positive.

    Source: docs/theory.md, section 1; form of arXiv 2107.01832.

    Example:
        >>> tuned = theorem_tuning("nesterov", Spectrum(lambda_0=0.5, lambda_top=0.5))
        >>> round(tuned.eta, 6), round(tuned.beta, 6)
        (0.8, 0.318915)
    """
    if name not in METHODS:
        raise InputError(f"unknown method {name!r}; known: {', '.join(METHODS)}")
    spectrum = data.spectrum if isinstance(data, Dataset) else data
    root = math.sqrt(spectrum.kappa)
    if name == "gradient_descent":
        return gradient_descent(scale / spectrum.lambda_max)
    if name == "heavy_ball":
        return heavy_ball(scale / spectrum.lambda_max, (1 - 1 / (2 * root)) ** 2)
    if name != "nesterov":
        raise InputError(f"the theorems state no tuning for {name}: give eta and beta")
    return nesterov(scale / (2 * spectrum.lambda_max), (3 * root - 2) / (3 * root + 2))
