"""Constants of the convergence theorem of each method, as exact fractions: tuning, rates, prefactors, explicit width.

All claims of the suite use these constants. The ball arithmetic of proofs_check, its rechecker, Coq and the oracles of
the tests state them independently, and tests compare them with these.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from nag_ntk.dataset import Dataset
from nag_ntk.errors import InputError
from nag_ntk.gram import Spectrum
from nag_ntk.method import METHODS, WITHOUT_MOMENTUM, Method, nesterov_increasing


@dataclass(frozen=True)
class Theorem:
    """Convergence theorem of one method: the residual xi falls at a linear rate, for every condition number kappa.

    With momentum |V(t)| <= P sqrt(kappa) (1 - c / sqrt(kappa))^t |V(0)|, V(t) = [xi(t); xi(t-1)] and xi(-1) = xi(0);
    without it |xi(t)| <= P (1 - c / kappa)^t |xi(0)|.

    Attributes:
        method: the name of the method.
        order: p, the power of kappa in the rate 1 - c / kappa^p: 1 for gradient descent, 1/2 with momentum.
        step: eta lambda_max, lambda_max of the working spectrum.
        momentum: beta as a function of sqrt(kappa), for a float, an array or a Fraction.
        gradient_momentum: gamma / beta, the share of the momentum in the gradient: 1 for Nesterov, else 0.
        linear_rate: b; the residual of the linear model has the rate 1 - b / kappa^p.
        rate: c; the difference b - c allows for flipped patterns and for H(t) - H(0).
        prefactor: P, derived for all kappa.
        paper_prefactor: P as the paper states it.
        radius: a; the theorem lets neurons move by at most R = lambda / (a kappa^(1-p) n).
        distance: d; the neurons move by at most d kappa^(1-p) sqrt(n/m) |xi(0)| / lambda.

    Source: docs/theory; forms of arXiv 1810.02054 (gradient descent), 2010.01618 (heavy ball), 2107.01832 (Nesterov);
    radius and distance: proofs_check/formal/explicit.v.

    Example:
        >>> theorem = THEOREMS["nesterov"]
        >>> theorem.bound(100.0), theorem.momentum(Fraction(10))
        ((120.0, 0.95), Fraction(7, 8))
    """

    method: str
    order: Fraction
    step: Fraction
    momentum: Callable[[Any], Any]
    gradient_momentum: int
    linear_rate: Fraction
    rate: Fraction
    prefactor: Fraction
    paper_prefactor: Fraction
    radius: int
    distance: int

    @property
    def forms(self) -> Mapping[str, Fraction]:
        """The prefactors by the name of the claim's part; one part, "", where the paper's is the derived one.

        Example:
            >>> sorted(THEOREMS["heavy_ball"].forms.items())
            [('paper-form', Fraction(8, 1)), ('sharp', Fraction(4, 1))]
        """
        if self.prefactor == self.paper_prefactor:
            return {"": self.prefactor}
        return {"paper-form": self.paper_prefactor, "sharp": self.prefactor}

    def bound(self, kappa: float, prefactor: Fraction | None = None) -> tuple[float, float]:
        """Return factor and rate: the norm at step t is at most factor rate^t times the norm at step 0.

        Args:
            kappa: condition number of the working spectrum.
            prefactor: replaces P.
        """
        p = float(self.prefactor if prefactor is None else prefactor)
        return p * kappa ** float(1 - self.order), 1 - float(self.rate) / kappa ** float(self.order)

    def linear_model(self, kappa: float) -> float:
        """Return the rate 1 - b / kappa^p of the linear model."""
        return 1 - float(self.linear_rate) / kappa ** float(self.order)

    def tuning(self, spectrum: Spectrum, scale: float = 1.0) -> Method:
        """Make the method with the theorem's step size, times `scale`, and the theorem's momentum."""
        eta = scale * float(self.step) / spectrum.lambda_max
        momentum = () if self.method in WITHOUT_MOMENTUM else (self.momentum(math.sqrt(spectrum.kappa)),)
        return METHODS[self.method](eta, *momentum)


_HALF = Fraction(1, 2)

THEOREMS: dict[str, Theorem] = {
    theorem.method: theorem
    for theorem in (
        Theorem(
            method="gradient_descent", order=Fraction(1), step=Fraction(1),
            momentum=lambda root: 0 * root, gradient_momentum=0,
            linear_rate=Fraction(1), rate=_HALF, prefactor=Fraction(1), paper_prefactor=Fraction(1),
            radius=16, distance=2,
        ),
        Theorem(
            method="heavy_ball", order=_HALF, step=Fraction(1),
            momentum=lambda root: (1 - 1 / (2 * root)) ** 2, gradient_momentum=0,
            linear_rate=_HALF, rate=Fraction(1, 4), prefactor=Fraction(4), paper_prefactor=Fraction(8),
            radius=192, distance=31,
        ),
        Theorem(
            method="nesterov", order=_HALF, step=_HALF,
            momentum=lambda root: (3 * root - 2) / (3 * root + 2), gradient_momentum=1,
            linear_rate=Fraction(2, 3), rate=_HALF, prefactor=Fraction(12), paper_prefactor=Fraction(24),
            radius=1040, distance=39,
        ),
    )
}  # fmt: skip
"""The theorems by the name of their method."""


def theorem_tuning(name: str, data: Dataset | Spectrum, scale: float = 1.0) -> Method:
    """Tune a method as its convergence theorem does, from the spectrum of H_inf.

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
            f"theorems state no tuning; {data.why_singular}, or give the step size and momentum yourself"
        )
    if name in THEOREMS:
        return THEOREMS[name].tuning(spectrum, scale)
    if name == "nesterov_increasing":
        return nesterov_increasing(THEOREMS["nesterov"].tuning(spectrum, scale).eta)
    raise InputError(f"the theorems state no tuning for {name}: give eta and beta")
