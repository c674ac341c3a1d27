"""Trajectory: the record of a run on the host, for every seed, method and step."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from nag_ntk.method import Method
from nag_ntk.network import multiplicity
from nag_ntk.pattern import OverlapRange
from nag_ntk.precision import higham_gamma, unit_roundoff
from nag_ntk.schedule import coefficients, initial_momentum


def read_only(value: Any) -> Any:
    """Return read-only views of all arrays in a value; the arrays of the caller stay writeable.

    Args:
        value: an array, or a tuple, NamedTuple or mapping of them, of any depth; anything else is returned as it is.

    Example:
        >>> read_only(np.zeros(2)).flags.writeable
        False
    """
    if isinstance(value, np.ndarray):
        view = value.view()
        view.flags.writeable = False
        return view
    if isinstance(value, Mapping):
        return {key: read_only(item) for key, item in value.items()}
    if isinstance(value, tuple):
        parts = [read_only(item) for item in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    return value


class _ReadOnly:
    """A record whose arrays cannot be written to; it is shown by the shapes of its arrays."""

    def __post_init__(self) -> None:
        for each in fields(self):  # pyright: ignore[reportArgumentType]
            object.__setattr__(self, each.name, read_only(getattr(self, each.name)))

    def __eq__(self, other: object) -> bool:
        """Return True for a record of the same kind with the same values, NaN counting as equal to NaN."""
        if type(self) is not type(other):
            return NotImplemented
        names = [each.name for each in fields(self)]  # pyright: ignore[reportArgumentType]
        return all(_same(getattr(self, name), getattr(other, name)) for name in names)

    __hash__ = None  # pyright: ignore[reportAssignmentType]

    def __repr__(self) -> str:
        values = {each.name: getattr(self, each.name) for each in fields(self)}  # pyright: ignore[reportArgumentType]
        shapes = [f"{name} {value.shape}" for name, value in values.items() if isinstance(value, np.ndarray)]
        return f"{type(self).__name__}({', '.join(shapes)})"


def _same(one: Any, other: Any) -> bool:
    """Compare two values of a record; arrays entry by entry."""
    if isinstance(one, np.ndarray):
        inexact = one.dtype.kind in "fc"
        return isinstance(other, np.ndarray) and np.array_equal(one, other, equal_nan=inexact)
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)


@dataclass(frozen=True, eq=False, repr=False)
class Recursion(_ReadOnly):
    """The terms of the residual recursion (docs/theory/residual-recursion.md), each (s, k, t+1, n).

    Attributes:
        gram_residual: H(t) xi(t).
        cross_gram_residual: H(t, t-1) xi(t-1); with H(t,-1) xi(-1) = H(0) xi(0) for the gradient start, 0 for the
            extrapolated one.
        forward: phi+(t-1), stored at t: the flips between t-1 and t, evaluated with the pattern of t-1.
        backward: phi-(t): the flips between t-1 and t, evaluated with the pattern of t.
    """

    gram_residual: np.ndarray
    cross_gram_residual: np.ndarray
    forward: np.ndarray
    backward: np.ndarray


@dataclass(frozen=True, eq=False, repr=False)
class Deviation(_ReadOnly):
    """The deviation from the linear model of H(0), and the pairs (neuron r, sample i) that cause it.

    F(t) is the set of the pairs whose activation differed from step 0 at some step up to t, A the pattern of step 0.
    The filter S(t) is the movement of the method's recursion driven by the residual itself; the numbers below that
    depend on it are derived in docs/theory/output-decomposition.md, flip-set.md and output-deviation.md.

    Attributes:
        touched: (s, k, t+1) int, |F(t)|.
        direct: (s, k, t+1, n), psi(t) = f(t) - f(0) + H(0) S(t), summed over the neurons with a pair in F(t) alone.
        bound: (s, k, t+1, n), B(t) mu(t), a bound on |psi(t) - psi(t-1)|.
        flip_ratio: (s, k, t+1), the largest quotient, over the pairs in F(t), of |w_r(0).x_i| and the size up to which
            S and the residuals allowed a flip when the pair entered F; at most 1 up to rounding.
        reach: (s, k, t+1, n), the largest |w_r(0).x_i| of a pair in F(t) on each sample, 0 without one.
    """

    touched: np.ndarray
    direct: np.ndarray
    bound: np.ndarray
    flip_ratio: np.ndarray
    reach: np.ndarray


@dataclass(frozen=True, eq=False, repr=False)
class GramPath(_ReadOnly):
    """Spectrum of H(t) and its distance from H(0), at some steps of a run.

    Attributes:
        steps: (c,), from 0 to T; they do not depend on the chunks.
        least_eigenvalue: (s, k, c), lambda_min(H(t)).
        drift: (s, k, c), |H(t) - H(0)|_F.
    """

    steps: np.ndarray
    least_eigenvalue: np.ndarray
    drift: np.ndarray


@dataclass(frozen=True, eq=False, repr=False)
class Probed(_ReadOnly):
    """Measurements of one probe.

    Attributes:
        steps: (c,), the steps: 0 and every multiple of the probe's `every` up to T.
        values: (s, k, c, ...), c measurements of the shape that the probe's function returns.
    """

    steps: np.ndarray
    values: np.ndarray


class Screening(NamedTuple):
    """Statistics of the screened engine.

    Attributes:
        at_risk: (s,) int, number of neurons at risk, which were simulated one by one; the others cannot have flipped.
        thresholds: (s, n); a neuron is at risk if |w_r(0).x_i| is at most the threshold of some sample i.
        held: (s, k), a bound on the movement of the pre-activations of all other neurons, as a share of the threshold:
            at most 1, unless every neuron was at risk.
        repeats: (s,) int, number of times that the seed was repeated with wider thresholds.
    """

    at_risk: np.ndarray
    thresholds: np.ndarray
    held: np.ndarray
    repeats: np.ndarray


@dataclass(frozen=True, eq=False, repr=False)
class Trajectory(_ReadOnly):
    """The read-only record of `simulate`. Axes: s seeds, k methods, t+1 steps 0..T, n samples.

    Attributes:
        residual: (s, k, t+1, n), xi = f(X) - y.
        flips: (s, k, t+1) int, number of (neuron, sample) pairs whose activation differs from step 0.
        undecided: (s, k, t+1) int, number of pre-activations whose modulus is at most their rounding error bound.
        distance: (s, k, t+1), max over neurons of |w_r(t) - w_r(0)|.
        flip_reach: (s, k, t+1), the largest |w_r(0).x_i| among flipped pairs, 0 without flips.
        initial_gram: (s, n, n), H(0).
        mean_size: (s, n), mean over neurons of |w_r(0).x_i|.
        mean_square: (s, n), mean over neurons of relu(w_r(0).x_i)^2; its expectation is 1/2.
        near_boundary: (s, R, n) int, |S_i(R)| = #{r : |w_r(0).x_i| <= R} for each of the radii.
        radii: (R,).
        overlap_range: bounds on the patterns' overlaps within a distance of the initialisation, (s, R, n, n) each.
        overlap_radii: (R,), the distances of `overlap_range`.
        recursion: the terms of the residual recursion, or None if they were not requested.
        gram_path: the spectrum of H(t), or None if it was not requested.
        key: the base key that the seeds' draws come from.
        methods, seeds, width, start, engine, dtype: the arguments; `rank` is p, the dimension of the inputs' span.
        screening: statistics of the screened engine, or None with another one.
        probes: measurements by the names of the probes.
        deviation: the deviation from the linear model, or None if it was not requested.
        weights_digest: SHA-256 over the drawn weights and signs of all seeds.
        init: how the networks were drawn: "independent" or "antisymmetric"; "given" for a network of the caller.

    Example:
        >>> from nag_ntk import simulate, sphere, theorem_tuning
        >>> data = sphere(4, 3)
        >>> run = simulate(data, theorem_tuning("nesterov", data), 64, seeds=2, steps=5)
        >>> run == simulate(data, theorem_tuning("nesterov", data), 64, seeds=2, steps=5)
        True
        >>> run
        Trajectory(4 samples, width 64, 2 seeds, 5 steps, engine ...; largest residual norm: nesterov ... to ...)
    """

    residual: np.ndarray
    flips: np.ndarray
    undecided: np.ndarray
    distance: np.ndarray
    flip_reach: np.ndarray
    initial_gram: np.ndarray
    mean_size: np.ndarray
    mean_square: np.ndarray
    near_boundary: np.ndarray
    radii: np.ndarray
    overlap_range: OverlapRange
    overlap_radii: np.ndarray
    recursion: Recursion | None
    gram_path: GramPath | None
    key: int
    methods: tuple[Method, ...]
    seeds: tuple[int, ...]
    width: int
    start: str
    engine: str
    dtype: str
    rank: int
    weights_digest: str
    screening: Screening | None = None
    probes: Mapping[str, Probed] = field(default_factory=dict)
    init: str = "independent"
    deviation: Deviation | None = None

    def __repr__(self) -> str:
        samples, largest = self.residual.shape[-1], self.residual_norm.max(axis=0)  # (k, t+1), of all seeds
        with np.errstate(invalid="ignore", divide="ignore"):
            falls = [
                f"{method.name} {norm[0]:.3g} to {norm[-1]:.3g}"
                for method, norm in zip(self.methods, largest, strict=True)
            ]
        size = f"{samples} samples, width {self.width}, {len(self.seeds)} seeds, {self.steps} steps"
        return f"Trajectory({size}, engine {self.engine}, {self.dtype}; largest residual norm: {', '.join(falls)})"

    @property
    def steps(self) -> int:
        """T, the number of steps taken."""
        return self.residual.shape[2] - 1

    @property
    def multiplicity(self) -> int:
        """Number of neurons that are drawn together: 2 with antisymmetric pairs, else 1."""
        return multiplicity(self.init)

    @property
    def independent_neurons(self) -> int:
        """Number of independent draws of a weight vector in one network: m, or m/2 with antisymmetric pairs."""
        return self.width // self.multiplicity

    def rounding(self, operations: int) -> float:
        """Return Higham's gamma_k, a bound on the relative error of k roundings, in the floating type of this run."""
        return higham_gamma(operations, self.dtype)

    def without_bulk(self) -> "Trajectory":
        """Return a copy without the recursion's terms, the deviation and the overlaps, by far the largest arrays."""
        no_overlaps = OverlapRange(*(np.empty((len(self.seeds), 0, *part.shape[2:])) for part in self.overlap_range))
        return replace(
            self, recursion=None, deviation=None, overlap_range=no_overlaps, overlap_radii=self.overlap_radii[:0]
        )

    @cached_property
    def residual_norm(self) -> np.ndarray:
        """(s, k, t+1), |xi(t)|."""
        with np.errstate(over="ignore"):  # infinite for a run that diverges
            return read_only(np.linalg.norm(self.residual, axis=-1))

    @cached_property
    def state_norm(self) -> np.ndarray:
        """(s, k, t+1), the norm that the theorems bound.

        With momentum this is |V(t)|, V(t) = [xi(t); xi(t-1)] and xi(-1) = xi(0); for gradient descent it is |xi(t)|.
        """
        norms = self.residual_norm
        before = np.concatenate([norms[..., :1], norms[..., :-1]], axis=-1)
        has_memory = np.array([method.has_memory for method in self.methods])[:, None]
        return read_only(np.where(has_memory, np.hypot(norms, before), norms))

    @cached_property
    def residual_rounding(self) -> np.ndarray:
        """(s,): a bound on the rounding error of |xi(0)|; smaller norms of residuals are not significant.

        The bound is gamma_(m+8) sqrt(m n) max_i mean_r |w_r(0).x_i|, for one evaluation of the network.
        """
        size = np.sqrt(self.width * self.residual.shape[-1]) * self.mean_size.max(axis=1)
        return read_only(self.rounding(self.width + 8) * size)

    @cached_property
    def flip_fraction(self) -> np.ndarray:
        """(s, k, t+1), share of (neuron, sample) pairs whose pattern differs from step 0."""
        return read_only(self.flips / (self.width * self.residual.shape[-1]))

    @cached_property
    def coefficient_bound(self) -> np.ndarray:
        """(s, k, t+1, n): a bound on |c_ri(t)| for all neurons r, computed from the residuals alone.

        The coefficients c_r give u_r = sum_i c_ri x_i, where w_r(t) - w_r(0) = -(a_r / sqrt m) u_r. The bound obeys the
        method's recursion driven by |xi|, because |A_ri xi_i| <= |xi_i| for every pattern A.
        """
        return read_only(coefficient_bound(self.residual, self.methods, self.start))

    @cached_property
    def reach(self) -> np.ndarray:
        """(s, k, t+1), sigma(t): the sum of `coefficient_bound`, a bound on |u_r(t)| of every neuron."""
        return read_only(self.coefficient_bound.sum(-1))

    @cached_property
    def overflow(self) -> tuple[np.ndarray, np.ndarray]:
        """(s, k) each: the first step at which a number of the record is not finite, and the first for a square of one.

        T + 1 if there is no such step. The squares are those of the residual norm, the distance and `reach`.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            numbers = np.isfinite(self.residual).all(-1) & np.isfinite(self.distance) & np.isfinite(self.flip_reach)
            squares = self.residual_norm**2 + self.distance**2 + self.reach**2
        both = numbers, numbers & np.isfinite(squares)
        numbers, squares = (np.where(ok.all(-1), self.steps + 1, np.argmin(ok, axis=-1)) for ok in both)
        return read_only(numbers), read_only(squares)

    @property
    def movement_rounding(self) -> float:
        """gamma_N, N = n + p + 8 + 3 (T+1), a bound on the relative rounding error of a movement after T steps."""
        return self.rounding(self.residual.shape[-1] + self.rank + 8 + 3 * (self.steps + 1))

    @property
    def distance_square_error(self) -> np.ndarray:
        """(s, k, t+1): a bound on the rounding error of the square of `distance`, 2 gamma_N sigma(t)^2 / m."""
        return 2 * self.movement_rounding * self.reach**2 / self.width

    @property
    def largest_distance(self) -> np.ndarray:
        """(s, k, t+1): a bound on the largest distance up to step t, rounding included."""
        return np.maximum.accumulate(np.sqrt(self.distance**2 + self.distance_square_error), axis=2)

    def recursion_rounding(self) -> np.ndarray:
        """Bound the rounding error in the residual recursion at the steps 0..T-1, (s, k, t, 1).

        Terms: the sums over neurons (gamma_m on sum_r |a_r z_ri| / sqrt m), the products that give the
        pre-activations, the local rounding of the two-sequence update, and H xi. Derived in
        docs/theory/residual-recursion.md.
        """
        width, count = self.width, self.residual.shape[-1]
        # the screened engine updates the sums over the neurons at every step, and rounds them at every flip
        sums = width + 8 + (4 * (self.steps + 1) if self.screening is not None else 0)
        u = unit_roundoff(self.dtype)
        terms = count + self.rank + 8
        reach = self.reach[..., 1:]
        scale = np.sqrt(width) * self.mean_size.max(-1)[:, None, None] + reach
        size = np.abs(self.residual).sum(-1)
        before = np.concatenate([size[..., :1], size[..., :-2]], axis=-1)
        schedules = np.stack([method.schedule(self.steps) for method in self.methods])
        eta, beta, gamma = np.moveaxis(schedules.max(axis=1, keepdims=True, initial=0), -1, 0)
        bound = (
            4 * (1 + beta) * self.rounding(sums) * scale
            + 2 * (2 * (1 + beta) * self.rounding(terms) + 16 * u) * reach
            + self.rounding(terms) * eta * (1 + 2 * gamma) * (size[..., :-1] + before)
            + 16 * u * size.max(-1, keepdims=True, where=np.isfinite(size), initial=0)
        )
        return bound[..., None]


def coefficient_bound(residual: np.ndarray, methods: tuple[Method, ...], start: str) -> np.ndarray:
    """Compute Trajectory.coefficient_bound, (s, k, t+1, n)."""
    result = np.zeros_like(residual)
    for k, method in enumerate(methods):
        momentum = initial_momentum(method, start) * np.abs(residual[:, k, 0])
        for t, (movement_step, decay, momentum_step) in enumerate(coefficients(method, residual.shape[2] - 1)):
            size = np.abs(residual[:, k, t])
            result[:, k, t + 1] = result[:, k, t] + momentum + movement_step * size
            momentum = decay * momentum + abs(momentum_step) * size
    return result
