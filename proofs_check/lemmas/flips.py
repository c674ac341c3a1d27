"""Activation patterns: how many neurons are near a boundary, and that only those can flip."""

import math

import numpy as np
from scipy.special import erf

from proofs_check import statistics
from proofs_check.lemma import Control, Evidence, Inequality, Law, Lemma, NotApplicable, Run, Trials

RADII = (0.01, 0.1, 0.5, 1.0)
RESOLUTION = 0.01  # of a probability, as for gram-limit


def _position(run: Run, radius: float) -> int:
    return int(np.argmin(np.abs(run.trajectory.radii - radius)))


def _law(run: Run, scale: float = 1.0) -> Law:
    trajectory = run.trajectory
    counts = trajectory.near_boundary[:, [_position(run, r) for r in RADII]]
    probability = erf(scale * np.array(RADII) / math.sqrt(2))[:, None] * np.ones(run.data.size)
    neurons = trajectory.width * len(trajectory.seeds)
    pooled = counts.sum(axis=0)
    deviation = pooled / neurons - probability
    worst = np.unravel_index(int(np.argmax(np.abs(deviation))), deviation.shape)
    p_values = [np.ravel(statistics.two_sided_binomial_p(pooled, neurons, probability))]
    for r, i in np.ndindex(deviation.shape):
        fit = statistics.randomised_pit_p_value(counts[:, r, i], trajectory.width, float(probability[r, i]), 0)
        p_values.append(np.atleast_1d(fit))

    def interval(level: float) -> tuple[float, float]:
        low, high = statistics.binomial_interval(pooled, neurons, level / pooled.size)
        return float((low - probability).min()), float((high - probability).max())

    return Law(
        p_value=float(statistics.bonferroni(np.concatenate(p_values))),
        interval=interval,
        resolution=RESOLUTION,
        deviation=float(deviation[worst]),
        trials=neurons,
        witness={"radius": RADII[worst[0]], "sample": int(worst[1])},
        note=f"{pooled.size} pairs of radius and sample, pooled counts and goodness of fit over seeds",
    )


FLIP_PROBABILITY = Lemma(
    id="flip-probability",
    title="Law of the neurons near a boundary",
    statement="|S_i(R)| = #{r : |w_r(0).x_i| <= R} ~ Binomial(m, erf(R / sqrt 2)).",
    hypotheses="|x_i| = 1, w_r(0) ~ N(0, I) independent.",
    kind="exact law",
    source="derived",
    provenance="derived",
    decision="Exact binomial test of the pooled count and exact goodness of fit over seeds for each sample and R in "
    "{0.01, 0.1, 0.5, 1}, Bonferroni inside. SUPPORTED when every exact interval lies within 0.01 of the claim.",
    check=_law,
    controls=(
        Control("no-root", "erf(R) in place of erf(R / sqrt 2)", lambda run: _law(run, math.sqrt(2))),
        Control("half", "erf(R / (2 sqrt 2)): one side of the boundary only", lambda run: _law(run, 0.5)),
    ),
    radii=lambda n, width, delta: RADII,
)


def _count_radius(size: int, width: int, delta: float) -> float:
    """The R at which n e^{-mR} = delta."""
    return math.log(size / delta) / width


def _count(run: Run, constant: float) -> Evidence:
    width, radius = run.trajectory.width, _count_radius(run.data.size, run.trajectory.width, run.delta)
    if 4 * radius >= 1:
        needed = math.ceil(4 * math.log(run.data.size / run.delta)) + 1
        return NotApplicable(f"4 m R >= m at width {width:,}: the bound says something from width {needed:,} on")
    counts = run.trajectory.near_boundary[:, _position(run, radius)]
    return Trials(
        Inequality(counts, np.full(counts.shape, constant * width * radius), ("seed", "sample")),
        run.delta,
        run.trajectory.seeds,
        note=f"R = {radius:.3g}",
    )


FLIP_COUNT = Lemma(
    id="flip-count",
    title="Few neurons near a boundary",
    statement="With probability >= 1 - n e^{-mR}, |S_i(R)| <= 4 m R for every i; checked at the R with n e^{-mR} = delta.",
    hypotheses="|x_i| = 1, 4 R < 1.",
    kind="probability",
    source="derived by Chernoff (the exponent exceeds 3.24 mR)",
    provenance="derived",
    decision="One trial per seed, which fails if any sample does; exact binomial limit against delta.",
    check=lambda run: _count(run, 4.0),
    controls=(
        Control("half", "|S_i(R)| <= mR/2", lambda run: _count(run, 0.5)),
        Control("mean", "|S_i(R)| <= sqrt(2/pi) mR, its own mean", lambda run: _count(run, math.sqrt(2 / math.pi))),
    ),
    radii=lambda n, width, delta: (_count_radius(n, width, delta),),
)


def _inclusion(run: Run, radius: np.ndarray) -> Trials:
    trajectory = run.trajectory
    reach = trajectory.coefficient_bound.sum(-1)
    terms = trajectory.rounding(run.data.size + trajectory.rank + 8 + 3 * (trajectory.steps + 1))
    # the square of the distance carries an absolute error, and so does the pre-activation that crossed 0
    square = 2 * terms * reach**2 / trajectory.width
    size = trajectory.flip_reach
    allowance = terms * (reach / math.sqrt(trajectory.width) + 4 * size)
    return Trials(
        Inequality(
            size,
            np.sqrt(radius**2 + square) + allowance,
            ("seed", "method", "step"),
            where=trajectory.flips > 0,
            labels={"method": tuple(m.name for m in run.methods)},
        ),
        0.0,
        trajectory.seeds,
    )


FLIP_INCLUSION = Lemma(
    id="flip-inclusion",
    title="Only neurons near a boundary flip",
    statement="If max_r |w_r(t) - w_r(0)| <= R, every neuron whose pattern at x_i differs from its initial one is in S_i(R).",
    hypotheses="|x_i| = 1.",
    kind="every run",
    source="derived (Cauchy-Schwarz)",
    provenance="derived",
    decision="The largest |w_r(0).x_i| among flipped pairs against the largest distance, at every step of every run; one "
    "violation beyond the rounding bound refutes.",
    check=lambda run: _inclusion(run, run.trajectory.distance),
    controls=(
        Control(
            "half",
            "S_i(R/2) already holds every flipped neuron",
            lambda run: _inclusion(run, run.trajectory.distance / 2),
        ),
        Control(
            "first-step",
            "R from the first step alone",
            lambda run: _inclusion(run, run.trajectory.distance[..., 1:2]),
        ),
    ),
    trains=True,
)
