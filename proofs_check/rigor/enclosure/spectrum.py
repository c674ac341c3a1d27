"""Rigorous enclosure of the extreme eigenvalues of H_infinity, and the decision on lambda_min > 0.

The approximate eigenvectors V need not be rigorous: the proof is a Gershgorin argument for the pencil (V^T H V, V^T V)
in ball arithmetic (pencil.py). The theorems use the results as lambda_0 > 0 and kappa of a dataset.
"""

import math
from typing import NamedTuple

import numpy as np
from flint import arb, arb_mat, ctx

from proofs_check.rigor.enclosure.gram import Inputs, KernelWitness, limit_gram_ball, null_vector_witness
from proofs_check.rigor.enclosure.pencil import PencilBounds, bound_pencil, float_above, float_below
from proofs_check.rigor.enclosure.refinement import refine_vectors

_TIGHT_BITS = 50
_MAX_REFINEMENTS = 12


class SpectrumEnclosure(NamedTuple):
    """Bounds on lambda_min and lambda_max of H_infinity; the floats are rounded outwards.

    `positive` is True if lambda_min > 0 is proved, False if lambda_min = 0 is proved (then `witness` is an exact kernel
    vector), and None if undecided at `precision` bits.
    """

    lambda_min_low: float
    lambda_min_high: float
    lambda_max_low: float
    lambda_max_high: float
    lambda_min: str
    lambda_max: str
    precision: int
    positive: bool | None
    witness: KernelWitness | None


class PositivityProof(NamedTuple):
    """The verdict on lambda_min(H_infinity) > 0: True proved, False proved zero (witness), None undecided."""

    decided: bool | None
    lambda_min_low: float
    lambda_min_high: float
    witness: KernelWitness | None
    reason: str
    precision: int


def _looseness(bounds: PencilBounds | None, singular: bool) -> float:
    """Return the larger relative width of the two enclosures; that of lambda_max if the matrix is singular."""
    if bounds is None:
        return math.inf
    pairs = [(bounds.max_low, bounds.max_high)]
    if not singular:
        pairs.append((bounds.min_low, bounds.min_high))
    worst = 0.0
    for low, high in pairs:
        bottom, top = low.lower(), high.upper()
        if not bottom > 0:
            return math.inf
        worst = max(worst, float(((top - bottom) / bottom).upper()))
    return worst


def _absolute_width(bounds: PencilBounds | None) -> float:
    return math.inf if bounds is None else float((bounds.min_high.upper() - bounds.min_low.lower()).upper())


def enclose_extreme_eigenvalues(inputs: Inputs, precision: int = 128, max_precision: int = 1024) -> SpectrumEnclosure:
    """Enclose lambda_min and lambda_max of H_infinity, raising the precision until both are tight.

    The eigenvectors are computed in float64 and refined if needed (`refinement`); `bound_pencil` proves the bounds.
    H_infinity is positive semidefinite as a Gram matrix of features, so lambda_min_low is never below 0; it is 0 if
    there is an exact kernel vector.

    Args:
        inputs: as for `primitive_rows`.
        precision: bits to start with.
        max_precision: bits at which to give up; at least `precision`.

    Returns:
        The enclosure. If it is not tight at max_precision it is still valid, and `positive` may be None.

    Raises:
        ValueError: bad inputs, or max_precision < precision.

    Accuracy:
        Relative width at most 2^-50 before rounding to floats, unless max_precision is too low.

    Cost:
        About 7 ball products n x n; 3 s at n = 300, d = 64.

    Source:
        derived; see `bound_pencil`.

    Example:
        >>> result = enclose_extreme_eigenvalues([[1, 0], [0, 1]])
        >>> result.lambda_min_low, result.lambda_max_high, result.positive
        (0.5, 0.5, True)
    """
    if not 2 <= precision <= max_precision:
        raise ValueError(f"expected 2 <= precision <= max_precision, got {precision} and {max_precision}")
    witness = null_vector_witness(inputs)
    singular = witness is not None
    bits, vectors, best = precision, None, None
    while True:
        with ctx.workprec(bits):
            gram = limit_gram_ball(inputs, bits)
            if vectors is None:
                vectors = _float_eigenvectors(gram)
            best = bound_pencil(gram, vectors)
            for _ in range(_MAX_REFINEMENTS):
                if _looseness(best, singular) <= 2.0**-_TIGHT_BITS:
                    break
                refined = refine_vectors(gram, vectors)
                bounds = bound_pencil(gram, refined)
                if not _absolute_width(bounds) < 0.5 * _absolute_width(best):
                    break
                vectors, best = refined, bounds
            if _looseness(best, singular) <= 2.0**-_TIGHT_BITS or 2 * bits > max_precision:
                return _report(best, witness, bits, gram.nrows())
        bits *= 2


def _float_eigenvectors(gram: arb_mat) -> arb_mat:
    n = gram.nrows()
    middle = np.array([float(x) for x in gram.entries()]).reshape(n, n)
    return arb_mat(n, n, [arb(x) for x in np.linalg.eigh(middle)[1].ravel().tolist()])


def _report(bounds: PencilBounds | None, witness: KernelWitness | None, bits: int, n: int) -> SpectrumEnclosure:
    """Round an enclosure to floats; without usable vectors, 0 <= lambda_min <= 1/2 <= lambda_max <= n/2."""
    half = arb(1) / 2
    min_low, min_high, max_low, max_high = bounds or PencilBounds(arb(0), half, half, n * half)
    low, high = min_low.lower(), min_high.upper()
    positive = True if low > 0 else None
    if witness is not None:
        low, high, positive = arb(0), arb(0), False
    elif positive is None:
        low = arb(0)
    return SpectrumEnclosure(
        float_below(low),
        float_above(high),
        float_below(max_low),
        float_above(max_high),
        low.union(high).str(bits // 3),
        max_low.union(max_high).str(bits // 3),
        bits,
        positive,
        witness,
    )


def decide_positive(inputs: Inputs, precision: int = 128, max_precision: int = 1024) -> PositivityProof:
    """Decide whether lambda_min(H_infinity) > 0 for exactly given inputs.

    Args:
        inputs: as for `primitive_rows`.
        precision: bits to start with.
        max_precision: bits at which to give up.

    Returns:
        The decision: True with a positive lower bound, False with an exact kernel vector, None if the precision does
            not
        suffice.

    Raises:
        ValueError: as for `enclose_extreme_eigenvalues`.

    Accuracy:
        Rigorous in both directions.

    Cost:
        As `enclose_extreme_eigenvalues`.

    Source:
        derived.

    Example:
        >>> decide_positive([[1, 0], [3, 0]]).reason
        'repeated row: rows 0, 1 carry an exact kernel vector'
    """
    result = enclose_extreme_eigenvalues(inputs, precision, max_precision)
    if result.witness is not None:
        rows = ", ".join(map(str, result.witness.indices))
        reason = f"{result.witness.kind}: rows {rows} carry an exact kernel vector"
    elif result.positive:
        reason = f"diagonal dominance of V^T H V - c V^T V in {result.precision}-bit balls, c > 0"
    else:
        reason = f"no sign at {result.precision} bits; raise max_precision"
    low, high = result.lambda_min_low, result.lambda_min_high
    return PositivityProof(result.positive, low, high, result.witness, reason, result.precision)
