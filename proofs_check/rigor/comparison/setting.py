"""Quantities of a dataset and of a method that the comparison theorem needs, enclosed in ball arithmetic."""

from fractions import Fraction
from typing import NamedTuple

import numpy as np
from flint import arb, arb_mat, ctx

from proofs_check.rigor.enclosure.gram import Inputs, limit_gram_ball, primitive_rows
from proofs_check.rigor.enclosure.pencil import float_above, float_below
from proofs_check.rigor.enclosure.spectrum import enclose_extreme_eigenvalues

_BITS = 128


class Geometry(NamedTuple):
    """Angles and limit matrices of n inputs, the rows scaled to length 1 exactly.

    Attributes:
        kernel: K_ij = cos(theta_ij), rounded to float64, (n, n).
        kernel_size: upper bound of |K_ij|.
        sine: lower bound of sin(theta_ij); 0 on the diagonal.
        active: P(both patterns active) = (pi - theta_ij) / (2 pi), rounded to float64.
        gram: H_inf = K o `active`, rounded to float64.
        second_moment: upper bound of E relu(w.x_i) relu(w.x_j) = (sin theta + (pi - theta) cos theta) / (2 pi) >= 0.
        triple_density: upper bound of the density at 0 of three pre-activations, ((2 pi)^3 det)^(-1/2), (n, n, n); 0
            where two of the three are the same.
        error: bound on the rounding errors of `kernel`, `active` and `gram`, entrywise.
        kappa: lower bound of the condition number of the working spectrum.
    """

    kernel: np.ndarray
    kernel_size: np.ndarray
    sine: np.ndarray
    active: np.ndarray
    gram: np.ndarray
    second_moment: np.ndarray
    triple_density: np.ndarray
    error: float
    kappa: float


class Tuning(NamedTuple):
    """Numbers of a method and of its convergence theorem.

    Attributes:
        eta, beta, gamma: step size, momentum, and the momentum inside the gradient, float64 numbers taken as exact.
        order: p; the theorem's rate is 1 - rate / kappa^p, its factor is prefactor kappa^(1-p).
        rate: c.
        prefactor: P.
        linear_rate: b, where the linear model has the rate 1 - b / kappa^p.
        memory: True if the theorem bounds V(t) = [xi(t); xi(t-1)], False if it bounds xi(t).
    """

    eta: float
    beta: float
    gamma: float
    order: Fraction
    rate: Fraction
    prefactor: Fraction
    linear_rate: Fraction
    memory: bool


def geometry(inputs: Inputs) -> Geometry:
    """Enclose the angles, the kernel and the limit matrices of the inputs.

    Args:
        inputs: n rows that are not zero; only their directions matter.

    Returns:
        A Geometry; kappa is 0 if lambda_0 > 0 is not proved.

    Raises:
        ValueError: as for `primitive_rows`.

    Accuracy: relative 2^-52 per entry.

    Cost: n^2/2 arctangents and an enclosure of the spectrum: 0.1 s at n = 20.

    Example:
        >>> geometry([[1, 0], [0, 2]]).active.tolist()
        [[0.5, 0.25], [0.25, 0.5]]
    """
    rows = primitive_rows(inputs)
    n = len(rows)
    spectrum = enclose_extreme_eigenvalues(inputs, _BITS)
    one = np.eye(n)
    kernel, size, sine, active, second = one.copy(), one.copy(), 0 * one, one / 2, one / 2
    with ctx.workprec(_BITS):
        gram = np.array([[float(entry.mid()) for entry in row] for row in limit_gram_ball(inputs, _BITS).tolist()])
        vectors = arb_mat([list(row) for row in rows])
        products = (vectors * vectors.transpose()).tolist()
        for i in range(n):
            for j in range(i):
                scale = (products[i][i] * products[j][j]).rsqrt()
                across = (products[i][i] * products[j][j] - products[i][j] ** 2).sqrt()
                supplement = arb.atan2(across, -products[i][j])
                cosine, sinus = products[i][j] * scale, across * scale
                moment = (sinus + supplement * cosine) / (2 * arb.pi())
                for array, value in (
                    (kernel, float(cosine.mid())), (size, float_above(abs(cosine))),
                    (sine, max(float_below(sinus), 0.0)), (active, float((supplement / (2 * arb.pi())).mid())),
                    (second, float_above(moment)),
                ):  # fmt: skip
                    array[i, j] = array[j, i] = value
        low, high = arb(spectrum.lambda_min_low), arb(spectrum.lambda_min_high)
        kappa = float_below((arb(spectrum.lambda_max_low) + low / 4) / (high * 3 / 4)) if low > 0 else 0.0
    return Geometry(kernel, size, sine, active, gram, second, _triple_density(kernel), 2.0**-52, kappa)


def _triple_density(kernel: np.ndarray) -> np.ndarray:
    """Bound the density at 0 of three pre-activations, ((2 pi)^3 det)^(-1/2), (n, n, n)."""
    n = len(kernel)
    a, b, c = kernel[:, :, None], kernel[:, None, :], kernel[None, :, :]
    determinant = np.maximum(1 + 2 * a * b * c - a**2 - b**2 - c**2 - 1e-14, 1e-300)
    first, second, third = np.ogrid[:n, :n, :n]
    distinct = (first != second) & (first != third) & (second != third)
    return np.where(distinct, (2 * np.pi) ** -1.5 / np.sqrt(determinant), 0.0)
