"""Lemmas on activation patterns: the number of neurons near a hyperplane w.x_i = 0, and that only these can flip.

S_i(R) is the set of neurons r with |w_r(0).x_i| <= R.
"""

import math

import numpy as np
from scipy.special import erf

from proofs_check import statistics
from proofs_check.lemma import Claim, Control, Inequality, Law, Lemma, NotApplicable, Run
from proofs_check.lemmas.radii import RADII_GRID, radius_index, with_overflow_entry

RADII = (0.01, 0.1, 0.5, 1.0)
RESOLUTION = 0.01  # of a probability, as for gram-limit


def _position(run: Run, radius: float) -> int:
    return int(np.argmin(np.abs(run.trajectory.radii - radius)))


def _law(run: Run, scale: float = 1.0) -> Law:
    trajectory = run.trajectory
    # neurons of an antisymmetric pair lie equally near: half of them is the count of the pairs, which are independent
    counts = trajectory.near_boundary[:, [_position(run, r) for r in RADII]] // trajectory.multiplicity
    probability = erf(scale * np.array(RADII) / math.sqrt(2))[:, None] * np.ones(run.data.size)
    neurons = trajectory.independent_neurons * len(trajectory.seeds)
    pooled = counts.sum(axis=0)
    deviation = pooled / neurons - probability
    worst = np.unravel_index(int(np.argmax(np.abs(deviation))), deviation.shape)
    p_values = [np.ravel(statistics.two_sided_binomial_p(pooled, neurons, probability))]
    for r, i in np.ndindex(deviation.shape):
        fit = statistics.randomised_pit_p_value(
            counts[:, r, i], trajectory.independent_neurons, float(probability[r, i]), 0
        )
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
    group="activation patterns",
    statement="|S_i(R)| = #{r : |w_r(0).x_i| <= R} ~ Binomial(m, erf(R / sqrt 2)).",
    tex=r"$|S_i(R)| = \mathrm{card}\lbrace r : |w_r(0)\cdot x_i| \le R\rbrace \sim \mathrm{Binomial}(m, "
    r"\mathrm{erf}(R/\sqrt2))$.",
    hypotheses="|x_i| = 1, w_r(0) ~ N(0, I) independent; of antisymmetric pairs one neuron is counted.",
    kind=Claim.EXACT_LAW,
    source="derived",
    provenance="derived",
    decision="Exact binomial test of the pooled count and exact goodness of fit over seeds for each sample and R in "
    "{0.01, 0.1, 0.5, 1}, Bonferroni inside. SUPPORTED when every exact interval lies within 0.01 of the claim.",
    check=_law,
    controls=(
        Control("no-root", "erf(R) in place of erf(R / sqrt 2)", lambda run: _law(run, math.sqrt(2))),
        Control("half", "erf(R / (2 sqrt 2)): one side of the boundary only", lambda run: _law(run, 0.5)),
    ),
    constants="erf(R / sqrt 2) = P(|N| <= R) for a standard normal N: exact.",
    radii=lambda n, width, delta: RADII,
)


def _count_radius(size: int, width: int, delta: float) -> float:
    """Compute the R at which n e^{-mR} = delta."""
    return math.log(size / delta) / width


def _too_narrow(run: Run, multiplicity: int = 1) -> NotApplicable:
    needed = multiplicity * (math.ceil(4 * math.log(run.data.size / run.delta)) + 1)
    return NotApplicable(
        f"4 R >= 1 at width {run.trajectory.width:,}: the bound says something from width {needed:,} on"
    )


def _count(run: Run, constant: float) -> Inequality | NotApplicable:
    width, radius = run.trajectory.width, _count_radius(run.data.size, run.trajectory.width, run.delta)
    if 4 * radius >= 1:
        return _too_narrow(run)
    counts = run.trajectory.near_boundary[:, _position(run, radius)]
    bound = np.full(counts.shape, constant * width * radius)
    return Inequality(counts, bound, ("seed", "sample"), until=0, note=f"R = {radius:.3g}")


FLIP_COUNT = Lemma(
    id="flip-count",
    title="Few neurons near a boundary",
    group="activation patterns",
    statement="With probability >= 1 - n e^(-m R), |S_i(R)| <= 4 m R for every i; checked at the R with n e^(-m R) "
    "= delta.",
    tex=r"With probability at least $1 - ne^{-mR}$, $|S_i(R)| \le 4mR$ for every $i$; checked at the $R$ with "
    r"$ne^{-mR} = \delta$.",
    hypotheses="|x_i| = 1, 4 R < 1.",
    kind=Claim.PROBABILITY,
    source="derived by Chernoff (the exponent exceeds 3.24 mR)",
    provenance="derived",
    rests_on=("flip-probability",),
    decision="One trial per seed, which fails if any sample does; exact binomial limit against delta.",
    check=lambda run: _count(run, 4.0),
    controls=(
        Control("half", "|S_i(R)| <= mR/2", lambda run: _count(run, 0.5)),
        Control("mean", "|S_i(R)| <= sqrt(2/pi) mR, its own mean", lambda run: _count(run, math.sqrt(2 / math.pi))),
    ),
    constants="4 is 5 times the mean slope sqrt(2/pi), the price of the exponent: Chernoff gives 3.24 m R, of which the claim uses "
    "1 m R. With exponent 1 and the same argument the slope could be 2.37.",
    radii=lambda n, width, delta: (_count_radius(n, width, delta),),
)


def _inclusion(run: Run, radius: np.ndarray) -> Inequality:
    trajectory = run.trajectory
    # the square of the distance carries an absolute error, and so does the pre-activation that crossed 0
    size = trajectory.flip_reach
    allowance = trajectory.movement_rounding * (trajectory.reach / math.sqrt(trajectory.width) + 4 * size)
    bound = np.sqrt(radius**2 + trajectory.distance_square_error) + allowance
    return Inequality(size, bound, ("seed", "method", "step"), where=trajectory.flips > 0)


FLIP_INCLUSION = Lemma(
    id="flip-inclusion",
    title="Only neurons near a boundary flip",
    group="activation patterns",
    statement="If max_r |w_r(t) - w_r(0)| <= R, every neuron whose pattern at x_i differs from its initial one is in S_i(R).",
    tex=r"If $\max_r\Vert w_r(t) - w_r(0)\Vert \le R$, every neuron whose pattern at $x_i$ differs from its initial "
    r"one is in $S_i(R)$.",
    hypotheses="|x_i| = 1.",
    kind=Claim.EVERY_RUN,
    source="derived (Cauchy-Schwarz)",
    provenance="derived",
    formal=("flips.flip_inclusion",),
    formal_part="The whole lemma is proved.",
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
    constants="1, by Cauchy-Schwarz with |x_i| = 1; attained by a neuron that moves straight along x_i.",
    trains=True,
)


def _counted(run: Run, radius: np.ndarray) -> Inequality:
    """Compare the share of flipped pairs (r, i) with the share of pairs with r in S_i(R), R rounded up to the grid."""
    trajectory = run.trajectory
    near = with_overflow_entry(trajectory.near_boundary.sum(axis=2), trajectory.width * run.data.size)
    index = radius_index(trajectory.radii, radius)
    bound = np.take_along_axis(near, index.reshape(len(near), -1), axis=1).reshape(index.shape)
    return _share(run, bound / (trajectory.width * run.data.size))


def _share(run: Run, bound: np.ndarray, claim: Claim | None = None) -> Inequality:
    trajectory = run.trajectory
    where = np.isfinite(bound) & (np.arange(trajectory.steps + 1) > 0)
    return Inequality(trajectory.flip_fraction, bound, ("seed", "method", "step"), where=where, claim=claim)


def _linear(run: Run, constant: float) -> Inequality | NotApplicable:
    least = _count_radius(run.data.size, run.trajectory.independent_neurons, run.delta)
    if 4 * least >= 1:
        return _too_narrow(run, run.trajectory.multiplicity)
    if run.delta > 0.3 * run.data.size:
        return NotApplicable("the sum over radii is at most delta only for delta <= 0.3 n")
    bound = constant * np.maximum(run.trajectory.largest_distance, least)
    if constant == 4.0 and (bound[:, :, 1:] >= 1).all():
        if not all(method.in_family for method in run.methods):
            return NotApplicable("4 R_t >= 1 at every step, and no share is larger")
        needed = math.ceil(run.trajectory.width * (4 * float(np.median(run.trajectory.largest_distance[:, :, 1]))) ** 2)
        return NotApplicable(
            f"4 R_t >= 1 at every step, and no share is larger; distances shrink like m^(-1/2), so from width {needed:,} or "
            "so on it says something"
        )
    return _share(run, bound, Claim.PROBABILITY)


FLIP_FRACTION = Lemma(
    id="flip-fraction",
    title="Share of flipped activations",
    group="activation patterns",
    statement="At every t the share of flipped (r, i) is at most (1/n) sum_i |S_i(R_t)|/m, R_t the largest distance so far "
    "(counted); with probability >= 1 - delta it is at most 4 max(R_t, ln(n/delta)/m) at every t at once (linear).",
    tex=r"At every $t$ the share of flipped $(r,i)$ is at most $\frac1n\sum_i|S_i(R_t)|/m$, $R_t$ the largest "
    r"distance so far (counted); with probability at least $1-\delta$ it is at most $4\max(R_t, \ln(n/\delta)/m)$ at "
    r"every $t$ at once (linear).",
    hypotheses="|x_i| = 1; linear: 4 ln(n/delta) < m, delta <= 0.3 n, and m counts pairs where they are antisymmetric.",
    kind=Claim.EVERY_RUN,
    source="derived: flip-inclusion, and flip-count at the radii 2^k ln(n/delta)/m together",
    provenance="derived",
    formal=("flips.flip_fraction", "flips.flip_fraction_linear"),
    formal_part="The counted bound; 4 R from it where |S_i(R)| <= 4 m R, which is flip-count.",
    rests_on=("flip-inclusion", "flip-count"),
    decision="The recorded share at every step of every run; counted: R_t is rounded up to a grid of ratio sqrt 2, one "
    "violation refutes; linear: exact binomial limit over seeds against delta. Steps with 4 R_t >= 1 say nothing.",
    check=lambda run: {"counted": _counted(run, run.trajectory.largest_distance), "linear": _linear(run, 4.0)},
    controls=(
        Control(
            "small-radius",
            "S_i(R_t/1024) in place of S_i(R_t)",
            lambda run: _counted(run, run.trajectory.largest_distance / 1024),
        ),
        Control("slope", "at most R_t/100", lambda run: _linear(run, 0.01)),
    ),
    trains=True,
    constants="4 is 5 times the mean slope sqrt(2/pi) of |S_i(R)|/m in R; a factor 2 of it pays for all R at once. Most of "
    "the loss is elsewhere: R_t is the largest distance of any neuron, and of S_i only those moving the right way flip.",
    radii=lambda n, width, delta: RADII_GRID,
)
