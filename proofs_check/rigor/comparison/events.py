"""The random events of the explicit width: initial outputs, the Gram matrix at initialisation, and counts of neurons.

Each event has a failure probability of its own, and bounds that hold outside it. The laws are those of m neurons with
w_r ~ N(0, I) and fair signs, independent; or of m/2 independent pairs of equal weights and opposite signs.
"""

import math
from typing import NamedTuple

import numpy as np

from proofs_check.rigor.comparison.binomial import upper_count
from proofs_check.rigor.comparison.outward import OUTWARD, spectral_norm_above
from proofs_check.rigor.comparison.setting import Geometry

_SQRT_HALF = math.sqrt(0.5)


class Draw(NamedTuple):
    """Number of neurons and how they are drawn.

    Attributes:
        width: m.
        antisymmetric: True for m/2 independent pairs of equal weights and opposite signs.
    """

    width: int
    antisymmetric: bool = False

    @property
    def trials(self) -> int:
        """Number of independent weights."""
        return self.width // 2 if self.antisymmetric else self.width

    def share_above(self, probability: np.ndarray, failure: float) -> np.ndarray:
        """Bound the share of neurons with a property of that probability, outside an event of that probability."""
        if self.trials < 1:
            return np.ones_like(probability)
        bound = upper_count(self.trials, np.minimum(probability * OUTWARD, 1.0), math.log(failure) * (1 - 1e-12))
        return bound / self.trials * OUTWARD


class OutputSpread(NamedTuple):
    """Bound on linear functions of the initial outputs f(0): |v.f(0)| <= factor sqrt(v.G v + |v|_1^2 deviation).

    Given the weights, v.f(0) is a sum of m independent signs (Hoeffding); G and the deviation bound the second moments
    of relu(w.x_i) relu(w.x_j) over the drawn neurons. With antisymmetric pairs f(0) = 0 and the factors are 0.

    Attributes:
        factor: sqrt(2 ln(2 N / failure)), for N functions.
        mask_factor: the same for N 2^n functions.
        second_moment: G, (n, n).
        deviation: bound on the deviation of the second moments over the neurons from G.
    """

    factor: float
    mask_factor: float
    second_moment: np.ndarray
    deviation: float

    def of_masks(self, variance: np.ndarray, size: np.ndarray) -> np.ndarray:
        """Bound the functions of all masks at once, from the largest v.G v and the largest |v|_1 among them."""
        return self.mask_factor * np.sqrt(variance + size**2 * (self.deviation + 1e-13)) * OUTWARD

    def of(self, vectors: np.ndarray, error: np.ndarray | float = 0.0) -> np.ndarray:
        """Bound |v.f(0)| for vectors (..., n) whose entries have an error of at most `error`.

        Only for as many vectors as the factor pays for.
        """
        if self.factor == 0:
            return np.zeros(vectors.shape[:-1])
        n = vectors.shape[-1]
        sizes = np.abs(vectors).sum(-1)
        squares = np.maximum(np.einsum("...i,ij,...j->...", vectors, self.second_moment, vectors), 0)
        squares = squares + sizes**2 * (self.deviation + 1e-13)
        # sqrt(v.G v) is a seminorm, at most |v|_1 sqrt(max G_ii + deviation)
        moved = n * error * math.sqrt(1 + self.deviation)
        return self.factor * (np.sqrt(squares) + moved) * OUTWARD


def output_spread(geometry: Geometry, draw: Draw, functions: int, failure: float) -> OutputSpread:
    """Bound a number of linear functions of f(0), outside an event of probability `failure`.

    Second moments: for X = relu(w.x_i) relu(w.x_j) and 0 < s < 1/4, ln E exp(s X) <= s E X + 3/4 s^2 (1 - 2s)^(-5/2),
    as X <= (a^2 + b^2)/2 and x -> x^2 exp(s x) is convex; ln E exp(-s X) <= -s E X + 3/4 s^2, as E X^2 <= 3/2.

    Args:
        geometry: of the inputs.
        draw: width and law.
        functions: the number of functions, and that of families of 2^n functions, one for each mask.
        failure: failure probability; half for the signs, half for the weights.
    """
    n = len(geometry.kernel)
    if draw.antisymmetric:
        return OutputSpread(0.0, 0.0, geometry.second_moment, 0.0)
    weights = math.log(n * (n + 1) * 2 / failure)  # two sides, n (n + 1) / 2 entries, half of the failure probability
    s = min(math.sqrt(weights / (0.75 * draw.width)), 0.2)
    deviation = (weights / (draw.width * s) + 0.75 * s * (1 - 2 * s) ** -2.5) * OUTWARD
    log = math.log(8 * functions / failure)  # two sides; a quarter of the failure probability for each kind of function
    single, masks = (math.sqrt(2 * (log + bits * math.log(2))) * OUTWARD for bits in (0, n))
    return OutputSpread(single, masks, geometry.second_moment, deviation)


def gram_deviation(geometry: Geometry, draw: Draw, failure: float) -> np.ndarray:
    """Bound |H(0) - H_inf| entrywise, outside an event of probability `failure`: H(0)_ij = K_ij Bin(m, p_ij) / m."""
    n = len(geometry.kernel)
    each = failure / (n * (n + 1))
    probability = geometry.active
    above = draw.share_above(probability + geometry.error, each) - probability
    below = draw.share_above(1 - probability + geometry.error, each) - (1 - probability)
    deviation = np.maximum(np.maximum(above, below), 0) + 4 * geometry.error
    return geometry.kernel_size * deviation * OUTWARD


class Pairs(NamedTuple):
    """What the pairs within a reach can do, outside the event that the counts exceed their limits.

    Attributes:
        reach: b, (n,): valid for every reach up to it.
        path: |K| M, (n,): valid for every path up to it.
        matrix: B + |H(0) - H_inf|, (n, n).
        norm: bound on its spectral norm.
        second: largest share of neurons in the second set of (4), for information.
    """

    reach: np.ndarray
    path: np.ndarray
    matrix: np.ndarray
    norm: float
    second: float


def flip_matrix(
    geometry: Geometry, draw: Draw, reach: np.ndarray, path: np.ndarray, share_above, also: np.ndarray
) -> Pairs:  # fmt: skip
    """Bound the matrix B of (3) for pairs within a reach, with counts bounded by `share_above`.

    With D_i = {r : |z_ri(0)| <= b_i/sqrt m} and E_i = {r : |z_ri(0)| <= (|K|M)_i/sqrt m, r in D_k for some k != i}, a
    neuron counts in B_ij, i != j, if A_ri = 1 and r in D_j, or A_rj = 1 and r in D_i, or r in D_i and D_j with
    A_ri = A_rj = 0, or r in E_i or E_j; in B_ii if it is in D_i or E_i. Laws: P(A_i = 1, D_j) = P(D_j)/2 by w -> -w;
    two hyperplanes at the angle theta: P(|z_i| <= a, |z_j| <= b) <= 2 a b / (pi sin theta), and a quarter of this bound
    holds in each quadrant.

    Args:
        geometry: of the inputs.
        draw: width and law.
        reach: b, (n,).
        path: |K| M, (n,).
        share_above: function of an array of probabilities -> bounds on the shares of neurons.
        also: (n, n), added to the matrix: the deviation of the Gram matrix.
    """
    n = len(reach)
    radius, far = (np.minimum(r / math.sqrt(draw.width) * OUTWARD, 50.0) for r in (reach, np.maximum(path, reach)))
    within = np.array([math.erf(r * _SQRT_HALF) for r in radius]) * OUTWARD
    within_far = np.array([math.erf(r * _SQRT_HALF) for r in far]) * OUTWARD
    off = ~np.eye(n, dtype=bool)
    inverse_sine = np.where(off, 1 / np.maximum(geometry.sine, 1e-300), 0)
    quadrant = np.minimum(0.5 / math.pi * np.outer(radius, radius) * inverse_sine, np.minimum.outer(within, within) / 2)
    second = np.minimum(2 / math.pi * np.outer(far, radius) * inverse_sine, np.minimum.outer(within_far, within))
    half, full = share_above(within / 2), share_above(within)
    both, second = share_above(quadrant * OUTWARD), share_above(second * OUTWARD)
    second = np.where(off, second, 0).sum(axis=1)
    count = np.where(
        off, half[:, None] + half[None, :] + both + second[:, None] + second[None, :], np.diag(full + second)
    )
    matrix = (geometry.kernel_size * np.minimum(count, 1.0) + also) * OUTWARD
    matrix = np.maximum(matrix, matrix.T)
    return Pairs(reach, path, matrix, spectral_norm_above(matrix), float(second.max()))


def events_of_counts(n: int) -> int:
    """Return the number of counts that `flip_matrix` bounds.

    {A_i = 1, D_j} for ordered pairs, D_i, the joint counts of D_i and D_j for pairs, the second sets for ordered pairs.
    """
    return n * (n - 1) + n + n * (n - 1) // 2 + n * (n - 1)
