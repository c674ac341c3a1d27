"""The random events of the explicit width: initial outputs, the Gram matrix at initialisation, and counts of neurons.

Each event has a failure probability of its own, and bounds that hold outside it. The laws are those of m neurons with
w_r ~ N(0, I) and fair signs, independent; or of m/2 independent pairs of equal weights and opposite signs.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from proofs_check.rigor.comparison.binomial import upper_count
from proofs_check.rigor.comparison.outward import OUTWARD, spectral_norm_above
from proofs_check.rigor.comparison.setting import Geometry


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

    def share_above(self, probability: np.ndarray, failure: float, signed: bool = False) -> np.ndarray:
        """Bound the share of neurons with a property, outside an event of probability `failure` for each.

        Args:
            probability: of the property, any shape.
            failure: the failure probability.
            signed: True if the property depends on the sign of the neuron too, so that the neurons of a pair differ.
        """
        if self.trials < 1:
            return np.ones_like(probability)
        # the mean over the two neurons of a pair is a variable in [0, 1]
        bounded = signed and self.antisymmetric
        log = math.log(failure) * (1 + 1e-12)
        return upper_count(self.trials, np.minimum(probability * OUTWARD, 1.0), log, bounded) / self.trials * OUTWARD


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


class Reached(NamedTuple):
    """The neurons that can flip up to a step: their own linear paths, and what is added to every path.

    Attributes:
        linear: the largest |sum_l K_il a_l S_l| over all masks a and steps so far, (n,).
        own: mean range of the own paths, (n,).
        own_active: the same on {A_i = 1}, (n, n), entry [i, j] for the paths at sample j.
        largest: largest |S_l|, (n,).
        extra: bound on the rest of the movement before the first flip, for all masks, (n,).
        path: M, bound on all coefficients |c_rl|, (n,).
    """

    linear: np.ndarray
    own: np.ndarray
    own_active: np.ndarray
    largest: np.ndarray
    extra: np.ndarray
    path: np.ndarray


class Pairs(NamedTuple):
    """What the pairs within a reach can do, outside the event that the counts exceed their limits.

    Attributes:
        reached: the pairs.
        matrix: B + |H(0) - H_inf|, (n, n).
        norm: bound on its spectral norm.
        flips: bound on the share of neurons that can flip, the largest over the samples.
    """

    reached: Reached
    matrix: np.ndarray
    norm: float
    flips: float


ShareAbove = Callable[[np.ndarray, bool], np.ndarray]
"""Function (probabilities, whether the property depends on the sign) -> bounds on the shares of neurons."""


def flip_matrix(geometry: Geometry, width: int, reached: Reached, share_above: ShareAbove, also: np.ndarray) -> Pairs:
    """Bound the matrix B of (3) for the pairs that can flip, with counts bounded by `share_above`.

    D_i: the neurons whose pair (r, i) can flip before any other of r. E_i: those for which it can flip after another. A
    neuron counts in B_ij, i != j, if A_ri = 1 and r in D_j, or A_rj = 1 and r in D_i, or r in D_i and D_j with
    A_ri = A_rj = 0, or r in E_i or E_j; in B_ii if it is in D_i or E_i. The probabilities are bounded by
    `_probabilities`; see docs/theory/comparison.md.

    Args:
        geometry: of the inputs.
        width: m.
        reached: the pairs.
        share_above: bounds shares of neurons.
        also: (n, n), added to the matrix: the deviation of the Gram matrix.

    Cost: O(n^3).
    """
    n = len(reached.linear)
    off = ~np.eye(n, dtype=bool)
    one, active, quadrant, second = _probabilities(geometry, width, reached)
    single, half, later = share_above(one, True), share_above(active, True), share_above(second, False)
    both = share_above(quadrant, False)
    count = half + half.T + both + later[:, None] + later[None, :]
    count = np.where(off, count, np.diag(single + later))
    matrix = (geometry.kernel_size * np.minimum(count, 1.0) + also) * OUTWARD
    matrix = np.maximum(matrix, matrix.T)
    flips = float(np.minimum(single + later, 1.0).max())
    return Pairs(reached, matrix, spectral_norm_above(matrix), flips)


def _probabilities(geometry: Geometry, width: int, reached: Reached) -> tuple[np.ndarray, ...]:
    """Bound P(D_j), P(A_i = 1, D_j), P(D_i, D_j, A_i = A_j = 0) and P(E_i).

    With phi = 1/sqrt(2 pi) the density of z_j at 0: P(D_j) <= phi (E range + 2 extra_j + change)/sqrt m, where the
    change pays for patterns that differ between w and its projection on the boundary of j. Densities of two and three
    pre-activations are at most 1/(2 pi sin theta) and 1/((2 pi)^(3/2) sqrt(det)).
    """
    n, root = len(reached.linear), math.sqrt(width)
    kernel = geometry.kernel_size
    off = ~np.eye(n, dtype=bool)
    inverse = np.where(off, 1 / np.maximum(geometry.sine, 1e-300), 0)
    reach = (reached.linear + reached.extra) * OUTWARD
    within = np.array([math.erf(min(r / root, 50.0) * math.sqrt(0.5)) for r in reach]) * OUTWARD
    # [l, j]: A_l differs between w and its projection, for z_j within the reach
    differs = np.minimum(2 * _DENSITY * kernel * (reach / root)[None, :] * inverse, 1.0) * OUTWARD
    change = ((2 * kernel * reached.largest[:, None]) * differs).sum(axis=0)
    scale = _DENSITY / root * OUTWARD
    one = np.minimum(scale * (reached.own + change + 2 * reached.extra), within)
    active = scale * (reached.own_active + change + reached.extra[None, :] + 2 * reach[None, :] * differs)
    active = np.minimum(active, within[None, :] / 2)
    pair = np.outer(reach, reach) * inverse / (2 * math.pi * width) * OUTWARD
    quadrant = np.minimum(pair, np.minimum.outer(within, within) / 2)
    # E_i: after a flip at k alone, |z_i| <= (b_i + |K_ik| M_k)/sqrt m; after flips at k and l, of which one in D, |K| M
    far = np.maximum(kernel @ reached.path * OUTWARD, reach)
    after = (reach[:, None] + kernel * reached.path[None, :]) * OUTWARD
    two = 4 * after * reach[None, :] * inverse / (2 * math.pi * width)
    two = np.minimum(two, within[None, :])
    three = 8 * far[:, None, None] * reach[None, :, None] * far[None, None, :] * geometry.triple_density / width**1.5
    three = np.minimum(three, two[:, :, None] * (far / reach)[:, None, None])
    second = np.where(off, two, 0).sum(axis=1) + three.sum(axis=(1, 2))
    return one, np.where(off, active, 0), np.where(off, quadrant, 0), np.minimum(second * OUTWARD, 1.0)


_DENSITY = 1 / math.sqrt(2 * math.pi)


def events_of_counts(n: int) -> int:
    """Return the number of counts that `flip_matrix` bounds.

    D_i, {A_i = 1, D_j} for ordered pairs, {D_i, D_j, A_i = A_j = 0} for pairs, and E_i.
    """
    return n + n * (n - 1) + n * (n - 1) // 2 + n
