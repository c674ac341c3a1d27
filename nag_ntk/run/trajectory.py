"""Trajectory: the record of a run on the host, for every seed, method and step."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nag_ntk.method import Method
from nag_ntk.network import multiplicity
from nag_ntk.pattern import OverlapRange
from nag_ntk.precision import higham_gamma, unit_roundoff
from nag_ntk.run.labelled import labelled
from nag_ntk.run.picture import draw
from nag_ntk.run.record import Record, kept, read_only
from nag_ntk.run.saving import save
from nag_ntk.schedule import coefficients, initial_momentum

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes

OBSERVED = "none"
"""The engine of a trajectory of weights that were trained elsewhere."""


@dataclass(frozen=True, eq=False, repr=False)
class Recursion(Record):
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
class Deviation(Record):
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
class GramPath(Record):
    """Spectrum of H(t) and its distance from H(0), at some steps of a run.

    Attributes:
        steps: (c,), from 0 to T; they do not depend on the chunks.
        least_eigenvalue: (s, k, c), lambda_min(H(t)).
        drift: (s, k, c), |H(t) - H(0)|_F.
    """

    steps: np.ndarray
    least_eigenvalue: np.ndarray
    drift: np.ndarray

    @classmethod
    def of(cls, steps: np.ndarray, grams: np.ndarray, initial: np.ndarray) -> "GramPath":
        """Make the record of matrices H(t), (s, k, c, n, n), and H(0), (s, n, n)."""
        drift = np.linalg.norm(grams - initial[:, None, None], axis=(-2, -1))
        return cls(steps, np.linalg.eigvalsh(grams)[..., 0], drift)


@dataclass(frozen=True, eq=False, repr=False)
class Probed(Record):
    """Measurements of one probe.

    Attributes:
        steps: (c,), the steps: 0 and every multiple of the probe's `every` up to T.
        values: (s, k, c, ...), c measurements of the shape that the probe's function returns.
    """

    steps: np.ndarray
    values: np.ndarray


@kept
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
class Trajectory(Record):
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
        dimension: d where weights of a method are stored in the inputs' own coordinates, else 0.

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
    dimension: int = 0

    def __repr__(self) -> str:
        samples, largest = self.residual.shape[-1], self.residual_norm.max(axis=0)  # (k, t+1), of all seeds
        with np.errstate(invalid="ignore", divide="ignore"):
            falls = [
                f"{method.name} {norm[0]:.3g} to {norm[-1]:.3g}"
                for method, norm in zip(self.methods, largest, strict=True)
            ]
        size = f"{samples} samples, width {self.width}, {len(self.seeds)} seeds, {self.steps} steps"
        return f"Trajectory({size}, engine {self.engine}, {self.dtype}; largest residual norm: {', '.join(falls)})"

    def to_xarray(self) -> "xarray.Dataset":
        """Return residuals, their norms, flips and distances as labelled arrays: seed, algorithm, step, sample.

        The axis of the methods is called algorithm, since `.sel(method=...)` means something else in xarray. The
        variables are those of trajectories.nc, which `nag-ntk verify` writes; the step sizes are coordinates.

        Example:
            >>> from nag_ntk import simulate, sphere, theorem_tuning
            >>> data = sphere(4, 3)
            >>> run = simulate(data, theorem_tuning("nesterov", data), 64, seeds=2, steps=5)
            >>> run.to_xarray().residual_norm.sel(algorithm="nesterov", step=5).sizes
            Frozen({'seed': 2})
        """
        return labelled(self)

    def plot(self, quantity: str = "residual_norm", axes: "Axes | None" = None) -> "Axes":
        """Draw a quantity over the steps: the median over the seeds for each method, with a band from least to most.

        Args:
            quantity: "residual_norm" (logarithmic), "flip_fraction", "distance" or "undecided".
            axes: of matplotlib, to draw on; None for new ones.

        Returns:
            The axes.

        Raises:
            InputError: for another quantity.

        Example:
            >>> import matplotlib
            >>> matplotlib.use("svg")  # no window
            >>> from nag_ntk import simulate, sphere, theorem_tuning
            >>> data = sphere(4, 3)
            >>> run = simulate(data, theorem_tuning("nesterov", data), 64, seeds=2, steps=5)
            >>> run.plot("distance").get_ylabel()
            "largest distance of a neuron's weights from their start (1)"
        """
        return draw(self, quantity, axes)

    def save(self, path: str | Path) -> Path:
        """Write the record to one file, which `nag_ntk.load` reads; an existing file is replaced at once or not at all.

        Args:
            path: of the file; it is a NumPy archive (.npz) without pickled objects, whatever its name.

        Returns:
            The path.

        Raises:
            InputError: if the file cannot be written.

        Example:
            >>> import tempfile
            >>> from nag_ntk import load, simulate, sphere, theorem_tuning
            >>> data = sphere(4, 3)
            >>> run = simulate(data, theorem_tuning("nesterov", data), 64, seeds=2, steps=5)
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     load(run.save(folder + "/run.npz")) == run
            True
        """
        return save(self, Path(path))

    @property
    def steps(self) -> int:
        """T, the number of steps taken."""
        return self.residual.shape[2] - 1

    @property
    def redrawable(self) -> bool:
        """True if the networks of step 0 can be drawn again from `key` and the seed numbers."""
        return self.init != "given" and self.engine != OBSERVED

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
        method's recursion driven by |xi|, because |A_ri xi_i| <= |xi_i| for every pattern A. NaN for methods outside of
        the family, which have no such recursion.
        """
        return read_only(coefficient_bound(self.residual, self.methods, self.start))

    @cached_property
    def reach(self) -> np.ndarray:
        """(s, k, t+1), sigma(t), a bound on |u_r(t)| of every neuron, where w_r(t) - w_r(0) = -(a_r / sqrt m) u_r(t).

        The sum of `coefficient_bound`; for methods outside of the family, whose movement is recorded as it is stored,
        the distance itself, times sqrt m.
        """
        in_family = np.array([method.in_family for method in self.methods])[:, None]
        return read_only(np.where(in_family, self.coefficient_bound.sum(-1), np.sqrt(self.width) * self.distance))

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
        """gamma_N, N = n + p + 8 + 3 (T+1), a bound on the relative rounding error of a movement after T steps.

        With d in place of p where weights are stored in the inputs' own coordinates.
        """
        return self.rounding(self.residual.shape[-1] + max(self.rank, self.dimension) + 8 + 3 * (self.steps + 1))

    @property
    def distance_square_error(self) -> np.ndarray:
        """(s, k, t+1): a bound on the rounding error of the square of `distance`, 2 gamma_N sigma(t)^2 / m.

        Under a method outside of the family this is 2 gamma_N times the square: a sum of `rank` squares.
        """
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
        if not method.in_family:
            result[:, k] = np.nan
            continue
        momentum = initial_momentum(method, start) * np.abs(residual[:, k, 0])
        for t, (movement_step, decay, momentum_step) in enumerate(coefficients(method, residual.shape[2] - 1)):
            size = np.abs(residual[:, k, t])
            result[:, k, t + 1] = result[:, k, t] + momentum + movement_step * size
            momentum = decay * momentum + abs(momentum_step) * size
    return result
