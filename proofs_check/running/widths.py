"""Widths that the theory requires on a dataset, with explicit constants.

The closed forms are computed in float64: their orders of magnitude matter, and not their last digits. The widths by the
comparison theorem are found by search among widths at which its proof succeeds, rounded outward.
"""

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nag_ntk.network import multiplicity
from nag_ntk.theorem import THEOREMS, theorem_tuning
from proofs_check.lemma.proved import least_proved_width, rough_width
from proofs_check.lemmas.gram_concentration import chernoff_width, hoeffding_width

if TYPE_CHECKING:
    from nag_ntk import Dataset


class RequiredWidth(NamedTuple):
    """A width that a statement requires.

    Attributes:
        id: "hoeffding", "chernoff", "theorem" (stated with n), "theorem-norm" (stated with the norm of |K|),
            "comparison" or "comparison-antisymmetric" (the theorem by comparison with its linear model).
        method: the method of the theorem; "" for the other statements.
        width: the width, a float; infinity if none is enough or none was found, and then `words` says why.
        words: description for tables.
        losses: of a width by comparison, what its proof loses at which step: the fields of rigor.comparison.Closing.
    """

    id: str
    method: str
    width: float
    words: str
    losses: Mapping[str, Any] | None = None

    def to_row(self) -> dict[str, Any]:
        """Return the fields that this width has, by name."""
        return {name: value for name, value in self._asdict().items() if value is not None}


def radius(method: str, kappa: float, size: float, lambda_min: float) -> float:
    """Compute R = lambda/(a kappa^(1-p) n), the largest movement of a neuron that the explicit theorem allows.

    Args:
        method: one of nag_ntk.theorem.THEOREMS.
        kappa: of the working spectrum.
        size: n, or the norm of |K|, which is at most n.
        lambda_min: lambda, the least eigenvalue of the working spectrum.

    Source: proofs_check/formal/explicit.v.

    Example:
        >>> radius("gradient_descent", 4.0, 2.0, 0.5)
        0.015625
    """
    theorem = THEOREMS[method]
    return lambda_min / (theorem.radius * kappa ** float(1 - theorem.order) * size)


def explicit_width(method: str, kappa: float, size: float, residual: float, lambda_min: float) -> float:
    """Compute the width (a d)^2 kappa^(4(1-p)) n^3 B^2 / lambda^4 from which the theorem of a method holds.

    Given that H(0) has its spectrum in [lambda, kappa lambda], |S_i(R)| <= 4 m R for all i at R = `radius`, and
    |xi(0)| <= B. Nesterov: 40560^2 kappa^2 n^3 B^2/lambda^4.

    Args:
        method: one of nag_ntk.theorem.THEOREMS.
        kappa: of the working spectrum.
        size: n, or the norm of |K|: `contraction.v` needs no more, and it is often several times smaller.
        residual: B.
        lambda_min: lambda.

    Source: proofs_check/formal/explicit.v; with the norm of |K| contraction.v and the same choice of R.

    Example:
        >>> explicit_width("gradient_descent", 4.0, 2.0, 3.0, 0.5)
        1179648.0
    """
    theorem = THEOREMS[method]
    constant = (theorem.radius * theorem.distance) ** 2
    return constant * kappa ** float(4 * (1 - theorem.order)) * size**3 * residual**2 / lambda_min**4


def theorem_width(method: str, data: "Dataset", delta: float, size: float, init: str = "independent") -> float:
    """Compute the width from which the theorem holds with probability at least 1 - delta over the draw of the network.

    The largest of three: the explicit width with B^2 = (n/2 + |y|^2)/(delta/3) (initial-residual), and the widths of
    gram-concentration (Hoeffding, for both ends of the spectrum) and of flip-count (m R >= ln(n/(delta/3))), each at
    delta/3. With antisymmetric pairs B = |y|, and gram-concentration asks for twice its width; flip-count does not.

    Args:
        method: one of nag_ntk.theorem.THEOREMS.
        data: a dataset with lambda_0 > 0.
        delta: failure probability.
        size: as for `explicit_width`.
        init: how the network is drawn, as for `simulate`.
    """
    spectrum, share, n = data.spectrum, delta / 3, data.size
    square = float(data.targets @ data.targets)
    residual = math.sqrt((n / 2 + square) / share if init == "independent" else square)
    explicit = explicit_width(method, spectrum.kappa, size, residual, spectrum.lambda_min)
    flip_count = math.log(n / share) / radius(method, spectrum.kappa, size, spectrum.lambda_min)
    return max(explicit, flip_count, multiplicity(init) * hoeffding_width(n, spectrum.lambda_0, share))


def facts(data: "Dataset") -> dict[str, Any]:
    """Collect the numbers of a dataset that the widths depend on; kappa is None where lambda_0 is 0 up to rounding."""
    spectrum = data.spectrum
    return {
        "name": data.name,
        "samples": data.size,
        "dimension": data.dimension,
        "lambda_0": spectrum.lambda_0,
        "lambda_top": spectrum.lambda_top,
        "kappa": None if data.singular else spectrum.kappa,
        "kernel_norm": float(np.linalg.norm(data.kernel, 2)),
        "absolute_kernel_norm": float(np.linalg.norm(np.abs(data.kernel), 2)),
        "targets_norm": float(np.linalg.norm(data.targets)),
    }


def required_widths(data: "Dataset", delta: float, init: str = "independent") -> tuple[RequiredWidth, ...]:
    """Compute all required widths: of gram-concentration twice, of the theorem per method with n and the norm of |K|.

    Args:
        data: the dataset.
        delta: failure probability of every statement.
        init: how the networks are drawn, as for `simulate`.

    Example:
        >>> from nag_ntk import digits, enable_float64
        >>> enable_float64()
        >>> for row in required_widths(digits(20), 0.1)[:4]:
        ...     print(f"{row.id} {row.method} {row.width:.3g}")
        hoeffding  6.06e+06
        chernoff  3.13e+04
        theorem gradient_descent 1.03e+15
        theorem heavy_ball 3.84e+23
    """
    numbers, spectrum = facts(data), data.spectrum
    if numbers["kappa"] is None:
        statements = (("hoeffding", ""), ("chernoff", ""), *(("theorem", method) for method in THEOREMS))
        return tuple(
            RequiredWidth(name, method, math.inf, "lambda_0 is 0: no width is enough") for name, method in statements
        )
    norm, n = numbers["kernel_norm"], data.size
    two_sided = multiplicity(init) * hoeffding_width(n, spectrum.lambda_0, delta)
    one_sided = multiplicity(init) * chernoff_width(n, spectrum.lambda_0, norm, delta)
    rows = [
        RequiredWidth("hoeffding", "", two_sided, "Hoeffding: |H(0) - H_inf|_F <= lambda_0/4"),
        RequiredWidth("chernoff", "", one_sided, "matrix Chernoff: lambda_min(H(0)) >= 3/4 lambda_0"),
    ]
    for name, size, words in (
        ("theorem", float(n), "the theorem, explicit (Coq)"),
        ("theorem-norm", numbers["absolute_kernel_norm"], "the same with the norm of |K| for n (Coq)"),
    ):
        rows += [
            RequiredWidth(name, method, theorem_width(method, data, delta, size, init), words) for method in THEOREMS
        ]
    return tuple(rows)


_COMPARED = {
    "independent": ("comparison", "the theorem, by comparison with its linear model"),
    "antisymmetric": ("comparison-antisymmetric", "the theorem, by comparison, if neurons come in pairs that cancel"),
}


def compared_widths(
    data: "Dataset", delta: float, inits: Iterable[str] = tuple(_COMPARED), methods: Iterable[str] = tuple(THEOREMS),
    rough: bool = False,
) -> tuple[RequiredWidth, ...]:  # fmt: skip
    """Find the widths from which on the theorem of each method is proved by comparison with its linear model.

    They are smaller than the closed forms by many orders of magnitude, for the proof is made for these very inputs and
    targets.

    Args:
        data: the dataset.
        delta: failure probability.
        inits: how the networks are drawn, as for `simulate`.
        methods: names of methods with a theorem.
        rough: True for widths within a factor of 1.5, without their losses, for which long proofs are not tried.

    Cost: 15 s for each law of the neurons at 20 digits, 2 s at n <= 10; rough: 5 s and 1 s. Once for the same data.

    Example:
        >>> from nag_ntk import enable_float64, sphere
        >>> enable_float64()
        >>> for row in compared_widths(sphere(3, 50), 0.1, ["antisymmetric"], rough=True):
        ...     print(row.method, 1e3 < row.width < 1e6)
        gradient_descent True
        heavy_ball True
        nesterov True
    """
    rows = []
    for init in inits:
        name, words = _COMPARED[init]
        for method in methods:
            if data.singular:
                rows.append(RequiredWidth(name, method, math.inf, f"{words}: lambda_0 is 0: no width is enough"))
                continue
            tuned, pairs = theorem_tuning(method, data), init == "antisymmetric"
            if rough:
                width, losses = rough_width(data, tuned, delta, pairs), None
            else:
                found = least_proved_width(data, tuned, delta, pairs)
                losses = None if isinstance(found, str) else found._asdict()
                width = found if isinstance(found, str) else float(found.width) if found.closes else math.inf
            reason = ""
            if isinstance(width, str):
                reason, width = f": {width}", math.inf
            elif width == math.inf:
                reason = ": not proved at any width up to 2^49"
            rows.append(RequiredWidth(name, method, width, words + reason, losses))
    return tuple(rows)
