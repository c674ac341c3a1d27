"""The laws of the catalogue, drawn from their own truth for many studies at once."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy import special

from proofs_check import statistics
from proofs_check.lemma import Law, Lemma, Run


@dataclass(frozen=True)
class Counts:
    """A law of counts X_c ~ Binomial(neurons, claimed_c), in each of many studies.

    Attributes:
        pooled: (studies, c) the counts.
        neurons: number of draws behind each.
        claimed: (c,) probabilities.
        resolution: of a probability.
        distance: (studies,) largest Kolmogorov distance over c of the seeds' randomised transforms, or None.
        seeds: number of seeds behind each distance.
    """

    pooled: np.ndarray
    neurons: int
    claimed: np.ndarray
    resolution: float
    distance: np.ndarray | None = None
    seeds: int = 0

    @cached_property
    def p_values(self) -> np.ndarray:
        """(studies,) Bonferroni over exact binomial tests and goodness of fit, as the lemmas compute it."""
        least = np.asarray(statistics.two_sided_binomial_p(self.pooled, self.neurons, self.claimed)).min(axis=1)
        size = self.pooled.shape[1]
        if self.distance is not None:
            least, size = np.minimum(least, statistics.uniform_p_value(self.distance, self.seeds)), 2 * size
        return np.minimum(1.0, size * least)

    @cached_property
    def support(self) -> np.ndarray:
        """(studies,) the smallest level at which every interval lies within the resolution."""
        above = np.clip(self.claimed + self.resolution, 0, 1)
        below = np.clip(self.claimed - self.resolution, 0, 1)
        high = statistics.support_p_value(self.pooled, self.neurons, above)
        low = np.where(below > 0, statistics.excess_p_value(self.pooled, self.neurons, below), 0.0)
        return np.minimum(1.0, 2 * self.pooled.shape[1] * np.maximum(high, low).max(axis=1))

    @cached_property
    def shifted(self) -> "Counts":
        """The claim nearest to 1/2 moved to just beyond the resolution: now the law is false."""
        claimed = self.claimed.copy()
        claimed[np.argmin(np.abs(claimed - 0.5))] -= self.resolution * (1 + 1e-9)
        return replace(self, claimed=claimed)

    def law(self, study: int, p_value: float) -> Law:
        """Return the evidence of one study, with its interval."""
        counts = self.pooled[study]

        def interval(level: float) -> tuple[float, float]:
            low, high = statistics.binomial_interval(counts, self.neurons, level / counts.size)
            return float((low - self.claimed).min()), float((high - self.claimed).max())

        off = counts / self.neurons - self.claimed
        return Law(p_value, interval, self.resolution, float(off[np.argmax(np.abs(off))]), self.neurons)


@dataclass(frozen=True)
class Means:
    """A claimed mean of independent values: (studies, seeds), one number, its resolution."""

    values: np.ndarray
    claimed: float
    resolution: float

    @cached_property
    def p_values(self) -> np.ndarray:
        """(studies,) Student's p-values."""
        return np.asarray(statistics.mean_p_value(self.values.T, self.claimed))

    @cached_property
    def support(self) -> np.ndarray:
        """(studies,) the smallest level at which Student's interval lies within the resolution."""
        seeds = self.values.shape[1]
        error = self.values.std(axis=1, ddof=1) / np.sqrt(seeds)
        room = self.resolution - np.abs(self.values.mean(axis=1) - self.claimed)
        return np.minimum(1.0, 2 * special.stdtr(seeds - 1, -room / error))

    @cached_property
    def shifted(self) -> "Means":
        """The claim moved to just beyond the resolution."""
        return replace(self, claimed=self.claimed - self.resolution * (1 + 1e-9))

    def law(self, study: int, p_value: float) -> Law:
        """Return the evidence of one study, with its interval."""

        def interval(level: float) -> tuple[float, float]:
            low, high = statistics.mean_interval(self.values[study], level)
            return float(low - self.claimed), float(high - self.claimed)

        deviation = float(self.values[study].mean() - self.claimed)
        return Law(p_value, interval, self.resolution, deviation, len(self.values[study]))


@dataclass(frozen=True)
class Exact:
    """A law known here by name only: p-values, and levels at which it would be supported, uniform on [0, 1]."""

    uniform: np.ndarray

    @cached_property
    def p_values(self) -> np.ndarray:
        """(studies,) uniform, the least favourable of all valid p-values."""
        return self.uniform[:, 0]

    @cached_property
    def support(self) -> np.ndarray:
        """(studies,) uniform: a false law is supported at a level with that probability."""
        return self.uniform[:, 1]

    @cached_property
    def shifted(self) -> "Exact":
        """The law itself: `support` is that of a false law already."""
        return self

    def law(self, study: int, p_value: float) -> Law:
        """Return the evidence of one study, with an interval that is narrow enough from the level in `support` on."""
        at = self.uniform[study, 1]
        return Law(p_value, lambda level: (-0.5, 0.5) if at <= level else (-2.0, 2.0), 1.0, 0.0, 1)


LawDraws = Counts | Means | Exact
WIDENED = 4.0
"""Factor on the lemmas' resolutions: at the small width of a calibration they could support nothing otherwise."""


def draw_laws(
    run: Run, lemmas: Sequence[Lemma], names: Sequence[str], studies: int, rng: np.random.Generator
) -> tuple[LawDraws, ...]:
    """Draw each law of the catalogue from its own truth, from the same fresh neurons in every study.

    Neurons w ~ N(0, I) are drawn here, by NumPy. From them come the counts of gram-limit (neurons active on both
    samples of a pair) and of flip-probability (|w.x_i| <= R, seed by seed) and the means of initial-residual/moment,
    so that these laws depend on each other as they do in a study. Any other law is `Exact`.

    Args:
        run: gives data, width and number of seeds.
        lemmas: the catalogue, for the radii and resolutions of flip-probability.
        names: the laws, as in `Family.laws`.
        studies: how many to draw.
        rng: the source of all randomness.
    """
    data, width, seeds = run.data, run.trajectory.width, len(run.trajectory.seeds)
    coordinates = np.asarray(data.coordinates, np.float32)
    radii = next((x.radii(data.size, width, run.delta) for x in lemmas if x.id == "flip-probability"), ())
    rows, columns = np.triu_indices(data.size)
    keep = np.abs(data.kernel[rows, columns]) > 1e-6  # elsewhere H_ij does not tell the count
    rows, columns = rows[keep], columns[keep]
    pairs = np.empty((studies, rows.size), np.int64)
    near = np.empty((studies, seeds, len(radii), data.size), np.int64)
    squares = np.empty((studies, seeds))
    starts = np.arange(0, seeds * width, width)
    for study in range(studies):
        z = rng.standard_normal((seeds * width, coordinates.shape[1]), np.float32) @ coordinates.T
        active = (z >= 0).astype(np.float32)
        pairs[study] = np.rint(active.T @ active)[rows, columns]
        size = np.abs(z)
        for r, radius in enumerate(radii):
            near[study, :, r] = np.add.reduceat((size <= radius).view(np.int8), starts, axis=0, dtype=np.int32)
        squares[study] = ((z * active) ** 2).reshape(seeds, -1).sum(axis=1, dtype=float) / width
    neurons = seeds * width
    draws: dict[str, LawDraws] = {}
    for name in names:
        if name == "gram-limit":
            claimed = data.gram_limit[rows, columns] / data.kernel[rows, columns]
            draws[name] = Counts(pairs, neurons, np.clip(claimed, 0, 1), WIDENED * 0.01)
        elif name == "flip-probability" and radii:
            claimed = special.erf(np.array(radii) / np.sqrt(2))
            distances = [_fit_distance(near[:, :, r], width, float(p), rng).max(axis=1) for r, p in enumerate(claimed)]
            pooled = near.sum(axis=1).reshape(studies, -1)
            draws[name] = Counts(
                pooled, neurons, np.repeat(claimed, data.size), WIDENED * 0.01, np.max(distances, axis=0), seeds
            )
        elif name == "initial-residual/moment":
            draws[name] = Means(squares, data.size / 2, WIDENED * 0.05 * data.size / 2)
        else:
            draws[name] = Exact(rng.random((studies, 2)))
    return tuple(draws.values())


def _fit_distance(counts: np.ndarray, width: int, p: float, rng: np.random.Generator) -> np.ndarray:
    """Compute Kolmogorov's distance over seeds, (studies, n) from counts (studies, seeds, n)."""
    values, index = np.unique(counts, return_inverse=True)
    ends = [np.asarray(statistics.randomised_pit(values, width, p, np.full(values.size, v))) for v in (0.0, 1.0)]
    below, above = (end[index].reshape(counts.shape) for end in ends)
    uniform = below + rng.random(counts.shape) * (above - below)
    return np.asarray(statistics.uniform_distance(np.clip(np.moveaxis(uniform, 1, 0), 0, 1)))
