"""Every bound against loops written from its statement: on arrays of any numbers, and on a small recorded run.

The checks are functions of recorded arrays, whatever these hold. The arrays here are random and claim to be float16:
then a rounding allowance is a hundredth of the bound, and a wrong term in it shows at 1e-12.
"""

import importlib
import math
import re
from dataclasses import replace

import jax
import numpy as np
import pytest
from oracles import at_step, pattern, train, unit_rows
from scipy import stats

import nag_ntk
from nag_ntk.method import gradient_descent, heavy_ball, nesterov, nesterov_increasing
from nag_ntk.pattern import OverlapRange
from nag_ntk.run.trajectory import Trajectory
from proofs_check import statistics
from proofs_check.judging.returned import evidence_from
from proofs_check.lemma import Claim, Inequality, Law, Lemma, NotApplicable, Run
from proofs_check.lemmas import CATALOGUE, contraction, gram_stability
from proofs_check.lemmas.distance import is_sharp
from proofs_check.lemmas.gram_concentration import chernoff_width, hoeffding_width
from proofs_check.lemmas.radii import RADII_GRID, radius_index, with_overflow_entry

LEMMAS = {lemma.id: lemma for lemma in CATALOGUE}
METHODS = (gradient_descent(0.3), heavy_ball(0.2, 0.6), nesterov(0.1, 0.7), nesterov_increasing(0.15, 2.0))
NAMES = ("gradient_descent", "heavy_ball", "nesterov", "nesterov_increasing")
SEEDS, STEPS, N, M, DELTA = 3, 5, 3, 60, 0.1
RADII = np.array([0.01, 0.06, 0.1, 0.3, 0.5, 0.7, 1.0])
RTOL = 1e-12


def random_run(start="gradient", width=M, delta=DELTA, **changes) -> Run:
    rng = np.random.default_rng(1)
    shape = (SEEDS, len(METHODS), STEPS + 1)
    data = nag_ntk.Dataset(unit_rows(rng, N, 4), rng.normal(size=N))
    near = np.sort(rng.integers(0, width + 1, (SEEDS, len(RADII), N)), axis=1)
    flips = rng.integers(0, 3, shape)
    arrays = {
        "residual": rng.normal(size=(*shape, N)) * 0.7 ** np.arange(STEPS + 1)[:, None],
        "flips": flips,
        "undecided": np.zeros_like(flips),
        "distance": np.sort(rng.uniform(0, 0.6, shape))[..., rng.permutation(STEPS + 1)],
        "flip_reach": rng.uniform(0, 0.5, shape),
        "initial_gram": rng.uniform(0, 0.5, (SEEDS, N, N)),
        "mean_size": rng.uniform(0, 0.1, (SEEDS, N)),
        "mean_square": rng.uniform(0, 1, (SEEDS, N)),
        "near_boundary": near,
        "overlap_range": OverlapRange(*rng.uniform(0, 1, (3, SEEDS, 4, N, N))),
    }
    constants = {
        "radii": RADII, "overlap_radii": np.array([0.05, 0.2, 0.4, 0.55]), "recursion": None, "gram_path": None,
        "key": 0, "methods": METHODS, "seeds": (4, 5, 6), "width": width, "start": start, "engine": "weights",
        "dtype": "float16", "rank": 3, "weights_digest": "",
    }  # fmt: skip
    return Run("random", data, METHODS, Trajectory(**{**arrays, **constants, **changes}), delta)


def gamma(operations: int) -> float:
    return operations * 2.0**-11 / (1 - operations * 2.0**-11)


def allowance(run: Run, s: int, k: int, t: int) -> float:
    """Error of the squared distance: 2 gamma (sum of coefficients)^2 / m."""
    terms = gamma(N + run.trajectory.rank + 8 + 3 * (run.trajectory.steps + 1))
    return 2 * terms * sum(run.trajectory.coefficient_bound[s, k, t]) ** 2 / run.trajectory.width


def reached(run: Run, s: int, k: int, t: int) -> float:
    return max(math.sqrt(run.trajectory.distance[s, k, u] ** 2 + allowance(run, s, k, u)) for u in range(t + 1))


def on_a_fine_grid(run: Run) -> Run:
    """The same with counts at radii a millionth below and above each distance reached, but for the upper tenth."""
    shape = (SEEDS, len(METHODS), STEPS + 1)
    radii = np.sort([reached(run, *place) * (1 + sign * 1e-6) for place in np.ndindex(shape) for sign in (-1, 1)])
    radii = radii[: len(radii) * 9 // 10]
    rng = np.random.default_rng(3)
    near = np.sort(rng.integers(0, M + 1, (SEEDS, len(radii), N)), axis=1)
    overlaps = OverlapRange(*rng.uniform(0, 1, (3, SEEDS, len(radii), N, N)))
    changes = {"radii": radii, "near_boundary": near, "overlap_radii": radii, "overlap_range": overlaps}
    return replace(run, trajectory=replace(run.trajectory, **changes))


def everywhere(value, steps=STEPS + 1) -> np.ndarray:
    return np.array([[[value(s, k, t) for t in range(steps)] for k in range(len(METHODS))] for s in range(SEEDS)])


def control(lemma: str, name: str):
    return next(c.check for c in LEMMAS[lemma].controls if c.id == name)


def assert_inequality(
    found, observed, bound, where=None, axes=("seed", "method", "step"), attained=None, claim=None
):  # fmt: skip
    assert isinstance(found, Inequality)
    compared = np.ones(np.shape(observed), bool) if where is None else where
    np.testing.assert_allclose(found.observed, observed, rtol=RTOL)
    np.testing.assert_allclose(
        np.broadcast_to(found.bound, compared.shape)[compared], np.broadcast_to(bound, compared.shape)[compared], RTOL
    )
    assert np.array_equal(compared, np.ones_like(compared) if found.where is None else found.where)
    assert (found.axes, found.claim, dict(found.labels)) == (axes, claim, {})
    assert (found.attained is None) == (attained is None)


@pytest.mark.parametrize(
    ("check", "momentum", "power", "last"),
    [
        (lambda run: LEMMAS["distance"].check(run)[""], True, 0.5, False),
        (control("distance", "width"), True, 1.0, False),
        (control("distance", "last"), True, 0.5, True),
        (control("distance", "no-momentum"), False, 0.5, False),
    ],
    ids=["claim", "width", "last", "no-momentum"],
)
def test_distance(check, momentum, power, last):
    run = random_run()
    scale = math.sqrt(max(np.linalg.eigvalsh(run.data.inputs @ run.data.inputs.T))) / M**power

    def bound(s, k, t):
        method = METHODS[k]
        norms = [math.sqrt(sum(xi**2)) for xi in run.trajectory.residual[s, k]]
        met = (norms[t - 1] if t else 0.0) if last else sum(norms[:t])
        if momentum and method.beta == 1:
            return math.inf
        step = method.eta / (1 - method.beta) if momentum else method.eta
        plain = step * scale * ((1 + 2 * method.gamma) * met + method.gamma * norms[0])
        return math.sqrt(plain**2 + allowance(run, s, k, t))

    expected = everywhere(bound)
    where = everywhere(lambda s, k, t: t > 0 and not (momentum and k == 3))
    assert_inequality(check(run), run.trajectory.distance, expected, where)


@pytest.mark.parametrize("factor", [1.0, 0.5])
@pytest.mark.parametrize("start", ["gradient", "extrapolated"])
def test_sharp_distance(factor, start):
    """One factor for all residuals, of the methods with constant numbers."""
    run = random_run()
    run = replace(run, trajectory=replace(run.trajectory, start=start))
    scale = math.sqrt(max(np.linalg.eigvalsh(run.data.inputs @ run.data.inputs.T)) / M)
    claimed = [m.constant and m.gamma <= m.beta / (1 - m.beta) for m in METHODS[:3]] + [False]
    assert any(claimed)

    def bound(s, k, t):
        method = METHODS[k]
        total = sum(math.sqrt(sum(xi**2)) for xi in run.trajectory.residual[s, k, :t])
        plain = factor * method.eta / (1 - method.beta) * scale * total if claimed[k] else 0.0
        return math.sqrt(plain**2 + allowance(run, s, k, t))

    where = everywhere(lambda s, k, t: t > 0 and claimed[k])
    found = LEMMAS["distance"].check(run)["sharp"] if factor == 1 else control("distance", "sharp-half")(run)
    assert_inequality(found, run.trajectory.distance, everywhere(bound), where)


@pytest.mark.parametrize("start", ["gradient", "extrapolated"])
def test_where_the_sharp_distance_is_claimed(start):
    """The two sequences with the residual 1 at one step: at most eta / (1 - beta), unless gamma is too large."""

    def largest(method, steps=40):
        weights = []
        for s in range(steps):
            residual = np.zeros(steps)
            residual[s] = 1.0
            moved, term = 0.0, -method.eta * method.gamma * residual[0] * (start == "gradient")
            for xi in residual[s:]:
                moved += term + method.eta * (1 + method.gamma) * xi
                term = method.beta * term + method.eta * (method.beta * (1 + method.gamma) - method.gamma) * xi
                weights.append(abs(moved))
        return max(weights) * (1 - method.beta) / method.eta

    for beta in (0.0, 0.2, 0.5, 0.8, 0.95):
        for gamma in (0.0, beta / 2, beta, beta / (1 - beta), 2.0, 2.5):
            method = nag_ntk.Method("any", 0.5, beta, gamma)
            if is_sharp(method, start):
                assert largest(method) <= 1 + 1e-12  # rounding
            elif gamma > beta / (1 - beta):
                assert largest(method) > 1
    assert largest(nag_ntk.Method("any", 0.5, 0.95, 2.5), 400) > 1.4 or start == "extrapolated"
    assert not is_sharp(nag_ntk.nesterov_increasing(0.5), start)


@pytest.mark.parametrize(
    ("check", "scale"),
    [
        (LEMMAS["flip-probability"].check, 1.0),
        (control("flip-probability", "no-root"), math.sqrt(2)),
        (control("flip-probability", "half"), 0.5),
    ],
)
def test_flip_probability(check, scale):
    width, claimed_radii = 2000, (0.01, 0.1, 0.5, 1.0)
    rng = np.random.default_rng(2)
    truth = np.array([math.erf(r / math.sqrt(2)) for r in RADII])
    near = rng.binomial(width, truth[:, None] * np.ones((SEEDS, 1, N)))
    near[:, 4, 1] += 60  # the worst pair: R = 0.5, sample 1, when the claim is right
    law = check(random_run(width=width, near_boundary=near))
    assert isinstance(law, Law)

    estimates, p_values = {}, []
    for r, i in np.ndindex(4, N):
        counts = near[:, list(RADII).index(claimed_radii[r]), i]
        p, total = math.erf(scale * claimed_radii[r] / math.sqrt(2)), int(counts.sum())
        test = 2 * min(stats.binom.cdf(total, 3 * width, p), stats.binom.sf(total - 1, 3 * width, p))
        p_values += [min(1.0, test), float(statistics.randomised_pit_p_value(counts, width, p, 0))]
        estimates[r, i] = total, p
    worst = max(estimates, key=lambda key: abs(estimates[key][0] / (3 * width) - estimates[key][1]))
    assert law.p_value == pytest.approx(min(1.0, 24 * min(p_values)), rel=1e-9)
    assert law.deviation == pytest.approx(estimates[worst][0] / (3 * width) - estimates[worst][1], rel=1e-9)
    assert law.witness == {"radius": claimed_radii[worst[0]], "sample": worst[1]}
    assert (law.resolution, law.trials) == (0.01, 3 * width)
    assert law.note.startswith("12 pairs of radius and sample, ")
    share = 0.05 / 12 / 2
    low = min(stats.beta.ppf(share, x, 3 * width - x + 1) - p for x, p in estimates.values())
    high = max(stats.beta.isf(share, x + 1, 3 * width - x) - p for x, p in estimates.values())
    assert law.interval(0.05) == pytest.approx((low, high), rel=1e-9)


@pytest.mark.parametrize(
    ("check", "constant"),
    [
        (LEMMAS["flip-count"].check, 4.0),
        (control("flip-count", "half"), 0.5),
        (control("flip-count", "mean"), math.sqrt(2 / math.pi)),
    ],
)
def test_flip_count(check, constant):
    radius = math.log(N / DELTA) / M
    assert LEMMAS["flip-count"].radii(N, M, DELTA) == (radius,)
    run = random_run()
    nearest = min(range(len(RADII)), key=lambda i: abs(RADII[i] - radius))
    counts = run.trajectory.near_boundary[:, nearest]
    evidence = check(run)
    assert_inequality(evidence, counts, np.full(counts.shape, constant * M * radius), axes=("seed", "sample"))
    assert evidence.note == f"R = {radius:.3g}"


def needed_width(evidence) -> int:
    assert isinstance(evidence, NotApplicable)
    return int(re.findall(r"from width ([\d,]+) on", evidence.reason)[0].replace(",", ""))


@pytest.mark.parametrize(
    "check", [LEMMAS["flip-count"].check, lambda run: LEMMAS["flip-fraction"].check(run)["linear"]]
)
def test_flip_counts_begin_at_the_width_that_is_named(check):
    still = {"distance": np.zeros((SEEDS, len(METHODS), STEPS + 1)), "dtype": "float64"}
    needed = needed_width(check(random_run(width=12, **still)))
    assert isinstance(check(random_run(width=needed, **still)), Inequality)
    assert needed_width(check(random_run(width=needed - 2, **still))) == needed
    # 4 R = 1: nothing is claimed
    least = 4 * math.log(N / DELTA)
    at = math.ceil(least)
    assert isinstance(check(random_run(width=at, delta=N * math.exp(-at / 4) * (1 - 1e-12), **still)), NotApplicable)
    assert isinstance(check(random_run(width=at, delta=N * math.exp(-at / 4) * (1 + 1e-9), **still)), Inequality)
    delta = N * math.exp(-at / 4) * (1 - 1e-14)
    while math.log(N / delta) / at > 0.25:
        delta = math.nextafter(delta, 1.0)
    assert 4 * math.log(N / delta) / at == 1
    assert isinstance(check(random_run(width=at, delta=delta, **still)), NotApplicable)


@pytest.mark.parametrize(
    ("check", "radius"),
    [
        (LEMMAS["flip-inclusion"].check, lambda d, s, k, t: d[s, k, t]),
        (control("flip-inclusion", "half"), lambda d, s, k, t: d[s, k, t] / 2),
        (control("flip-inclusion", "first-step"), lambda d, s, k, t: d[s, k, 1]),
    ],
)
def test_flip_inclusion(check, radius):
    run = random_run()
    t = run.trajectory
    terms = gamma(N + t.rank + 8 + 3 * (STEPS + 1))

    def bound(s, k, u):
        reach = sum(t.coefficient_bound[s, k, u])
        crossed = terms * (reach / math.sqrt(M) + 4 * t.flip_reach[s, k, u])
        return math.sqrt(radius(t.distance, s, k, u) ** 2 + allowance(run, s, k, u)) + crossed

    assert_inequality(check(run), t.flip_reach, everywhere(bound), t.flips > 0)


AFTER_START = np.broadcast_to(np.arange(STEPS + 1) > 0, (SEEDS, len(METHODS), STEPS + 1))


@pytest.mark.parametrize(
    ("check", "shrink"),
    [
        (lambda run: LEMMAS["flip-fraction"].check(run)["counted"], 1.0),
        (control("flip-fraction", "small-radius"), 1 / 1024),
    ],
)
def test_flip_fraction_counted(check, shrink):
    run = on_a_fine_grid(random_run())

    def bound(s, k, t):
        radius = reached(run, s, k, t) * shrink
        recorded = [i for i, r in enumerate(run.trajectory.radii) if r >= radius]  # none: everything may flip
        return sum(run.trajectory.near_boundary[s, recorded[0]]) / (M * N) if recorded else 1.0

    assert_inequality(check(run), run.trajectory.flips / (M * N), everywhere(bound), AFTER_START)


def test_flip_fraction_linear():
    def claim(run):
        return LEMMAS["flip-fraction"].check(run)["linear"]

    slow = random_run(distance=random_run().trajectory.distance / 10)
    least = math.log(N / DELTA) / M
    expected = everywhere(lambda s, k, t: 4 * max(least, reached(slow, s, k, t)))
    assert least < expected.max() / 4  # both sides of the maximum occur
    assert least > expected.min() / 5
    assert_inequality(claim(slow), slow.trajectory.flips / (M * N), expected, AFTER_START, claim=Claim.PROBABILITY)
    slope = everywhere(lambda s, k, t: 0.01 * max(least, reached(slow, s, k, t)))
    assert_inequality(
        control("flip-fraction", "slope")(slow), slow.trajectory.flips / (M * N), slope, AFTER_START,
        claim=Claim.PROBABILITY,
    )  # fmt: skip
    assert "delta <= 0.3 n" in claim(replace(slow, delta=0.31 * N)).reason
    assert isinstance(claim(replace(slow, delta=0.3 * N)), Inequality)
    far = random_run(distance=np.full((SEEDS, 4, STEPS + 1), 2.0))
    assert "4 R_t >= 1" in claim(far).reason
    assert isinstance(control("flip-fraction", "slope")(far), Inequality)
    for distance, applies in ((0.3, False), (0.25, False), (0.2499, True)):
        at = random_run(distance=np.full((SEEDS, 4, STEPS + 1), distance), dtype="float64")
        vars(at.trajectory)["coefficient_bound"] = np.zeros_like(at.trajectory.coefficient_bound)
        assert isinstance(claim(at), Inequality) == applies
    near = far.trajectory.distance.copy()
    near[..., :2] = 0.0  # one step within the radius is enough
    assert isinstance(claim(random_run(distance=near / 2 * 0.99)), Inequality)


@pytest.mark.parametrize("start", ["gradient", "extrapolated"])
@pytest.mark.parametrize(
    ("check", "shrink", "share"),
    [
        (LEMMAS["remainder-bound"].check, 1.0, 1.0),
        (control("remainder-bound", "small-radius"), 1 / 1024, 1.0),
        (control("remainder-bound", "square"), 1.0, 1 / M),
        (control("remainder-bound", "lazy"), 1.0, 0.0),
    ],
    ids=["claim", "small-radius", "square", "lazy"],
)
def test_remainder_bound(check, shrink, share, start):
    run = on_a_fine_grid(random_run(start))
    traj, kernel = run.trajectory, np.abs(run.data.inputs @ run.data.inputs.T)
    rounding = 2 * math.sqrt(N) * traj.recursion_rounding()
    observed, bound = (np.zeros((SEEDS, len(METHODS), STEPS)) for _ in range(2))
    for s, k in np.ndindex(SEEDS, len(METHODS)):
        xi, gram = traj.residual[s, k], traj.initial_gram[s]
        speed = np.zeros(N)
        for t in range(STEPS):
            eta, beta, gain = at_step(METHODS[k][1:], t)
            before = xi[t - 1] if t else xi[0]
            old = before if t or start == "gradient" else 0 * before
            linear = xi[t] + beta * (xi[t] - before) - eta * (1 + gain) * gram @ xi[t] + eta * gain * gram @ old
            observed[s, k, t] = math.sqrt(sum((xi[t + 1] - linear) ** 2))
            force = eta * ((1 + gain) * abs(xi[t]) + gain * abs(old))
            previous, speed = speed, beta * speed + kernel @ force
            radius = shrink * reached(run, s, k, t + 1)
            recorded = [i for i, r in enumerate(traj.radii) if r >= radius]
            near = traj.near_boundary[s, recorded[0]] / M if recorded else np.ones(N)
            risk = traj.overlap_range.at_risk[s, recorded[0]] if recorded else np.ones((N, N))
            vector = near * (speed + beta * previous) + (kernel * risk) @ force
            bound[s, k, t] = share * math.sqrt(sum(vector**2)) + rounding[s, k, t, 0]
    assert_inequality(check(run), observed, bound, np.ones_like(observed, bool))


def test_a_remainder_that_overflows_is_not_compared():
    run = random_run()
    residual = run.trajectory.residual.copy()
    residual[0, 0, 3] = np.inf
    run = replace(run, trajectory=replace(run.trajectory, residual=residual))
    with np.errstate(invalid="ignore"):
        evidence = evidence_from(LEMMAS["remainder-bound"].check(run), run, "every run")
    assert evidence.inequality.where[0, 0].tolist() == [True, True] + [False] * (STEPS - 2)  # e(2) rests on xi(3)
    assert evidence.inequality.where[0, 1:].all()
    assert evidence.inequality.where[1:].all()


def test_gram_concentration():
    run = random_run()
    lambda_0 = run.data.spectrum.lambda_0
    norm = max(np.linalg.eigvalsh(run.data.inputs @ run.data.inputs.T))
    hoeffding = 8 * N * N / lambda_0**2 * math.log(2 * N * N / DELTA)
    chernoff = norm / lambda_0 * math.log(N / DELTA) / (0.25 + 0.75 * math.log(0.75))
    assert hoeffding_width(N, lambda_0, DELTA) == pytest.approx(hoeffding, rel=RTOL)
    assert chernoff_width(N, lambda_0, norm, DELTA) == pytest.approx(chernoff, rel=RTOL)
    check = LEMMAS["gram-concentration"].check
    for part, width, name in (("hoeffding", hoeffding, "Hoeffding"), ("chernoff", chernoff, "matrix Chernoff")):
        width = math.ceil(width)
        assert isinstance(check(random_run(width=width))[part], Inequality)
        refused = check(random_run(width=width - 1))[part]
        assert isinstance(refused, NotApplicable)
        assert refused.reason == f"{name} asks for width >= {width:,}, this run has {width - 1:,}"
    wide = random_run(width=math.ceil(hoeffding))
    gram = wide.trajectory.initial_gram
    off = [math.sqrt(np.sum((h - wide.data.gram_limit) ** 2)) for h in gram]
    evidence = check(wide)
    assert_inequality(evidence["hoeffding"], off, [lambda_0 / 4] * 3, axes=("seed",))
    shortfall = [lambda_0 - min(np.linalg.eigvalsh(h)) for h in gram]
    assert_inequality(evidence["chernoff"], shortfall, [lambda_0 / 4] * 3, axes=("seed",))
    narrow = random_run(width=math.ceil(chernoff / 1000))
    assert_inequality(control("gram-concentration", "narrow")(narrow), shortfall, [lambda_0 / 4] * 3, axes=("seed",))
    assert isinstance(control("gram-concentration", "narrow")(random_run(width=1)), Inequality | NotApplicable)
    off = [math.sqrt(np.sum((M * h - wide.data.gram_limit) ** 2)) for h in gram]
    found = control("gram-concentration", "unscaled")(run)
    assert_inequality(found, off, [lambda_0 / 4] * 3, axes=("seed",))


def test_initial_residual():
    run = random_run()
    target = sum(run.data.targets**2)
    values = [sum(row) for row in run.trajectory.mean_square]
    for claimed, law in (
        (N / 2, LEMMAS["initial-residual"].check(run)["moment"]),
        (N, control("initial-residual", "doubled")(run)),
    ):
        test = stats.ttest_1samp(values, claimed)
        assert law.p_value == pytest.approx(test.pvalue, rel=1e-9)
        ends = test.confidence_interval(0.95)
        assert law.interval(0.05) == pytest.approx((ends.low - claimed, ends.high - claimed), rel=1e-9)
        assert law.resolution == pytest.approx(0.05 * N / 2)
        assert law.deviation == pytest.approx(np.mean(values) - claimed)
        assert law.trials == 3
        assert law.witness == pytest.approx({"claimed": claimed + target, "estimated": np.mean(values) + target})
    square = [sum(xi**2) for xi in run.trajectory.residual[:, 0, 0]]
    for scale, trials in (
        (1 / DELTA, LEMMAS["initial-residual"].check(run)["tail"]),
        (0.5, control("initial-residual", "no-markov")(run)),
    ):
        assert_inequality(trials, square, [scale * (N / 2 + target)] * 3, axes=("seed",))


CONTRACTIONS = [
    ("gd-contraction", None, 0, lambda kappa: (1.0, 1 - 0.5 / kappa)),
    ("gd-contraction", "fast", 0, lambda kappa: (1.0, 1 - 3 / kappa)),
    ("heavy-ball-contraction", "paper-form", 1, lambda kappa: (8 * kappa**0.5, 1 - 0.25 / kappa**0.5)),
    ("heavy-ball-contraction", "sharp", 1, lambda kappa: (4 * kappa**0.5, 1 - 0.25 / kappa**0.5)),
    ("heavy-ball-contraction", "fast", 1, lambda kappa: (8 * kappa**0.5, 1 - 3 / kappa**0.5)),
    ("heavy-ball-contraction", "prefactor", 1, lambda kappa: (1.0, 1 - 0.5 / kappa**0.5)),
    ("nesterov-contraction", "paper-form", 2, lambda kappa: (24 * kappa**0.5, 1 - 0.5 / kappa**0.5)),
    ("nesterov-contraction", "sharp", 2, lambda kappa: (12 * kappa**0.5, 1 - 0.5 / kappa**0.5)),
    ("nesterov-contraction", "prefactor", 2, lambda kappa: (1.0, 1 - 0.5 / kappa**0.5)),
]


@pytest.mark.parametrize("inputs", ["random", "orthogonal"])  # kappa near 1: a rate of 1 - 3 is cut off at 0
@pytest.mark.parametrize(("lemma", "part", "k", "claim"), CONTRACTIONS, ids=[f"{x[0]}-{x[1]}" for x in CONTRACTIONS])
def test_contraction(lemma, part, k, claim, inputs):
    run = random_run()
    if inputs == "orthogonal":
        run = replace(run, data=nag_ntk.Dataset(np.eye(3), run.data.targets))
    tuned = tuple(nag_ntk.theorem_tuning(m.name, run.data) for m in run.methods)
    run = replace(run, methods=tuned)  # of other numbers the theorems do not speak
    t = run.trajectory
    prefactor, rate = claim(run.data.spectrum.kappa)
    observed, bound = np.zeros((SEEDS, STEPS + 1)), np.zeros((SEEDS, STEPS + 1))
    where = np.zeros((SEEDS, STEPS + 1), bool)
    for s in range(SEEDS):
        norms = [math.sqrt(sum(xi**2)) for xi in t.residual[s, k]]
        stacked = norms if k == 0 else [math.hypot(norms[i], norms[max(i - 1, 0)]) for i in range(STEPS + 1)]
        floor = gamma(M + 8) * math.sqrt(M * N) * max(t.mean_size[s])
        for i in range(STEPS + 1):
            observed[s, i] = stacked[i]
            bound[s, i] = prefactor * max(rate, 0.0) ** i * stacked[0]
            where[s, i] = i > 0 and bound[s, i] > floor
    # loaded anew: the checks are made when the module is, and a mutant must be there by then
    lemmas = vars(importlib.reload(contraction)).values()
    loaded = next(x for x in lemmas if isinstance(x, Lemma) and x.id == lemma)
    controls = {c.id: c.check for c in loaded.controls}
    evidence = controls[part](run) if part in controls else loaded.check(run)
    if part in ("paper-form", "sharp"):
        assert set(evidence) == {"paper-form", "sharp"}
    evidence = evidence[part] if isinstance(evidence, dict) else evidence
    assert_inequality(evidence, observed, bound, where, axes=("seed", "step"))
    last = max((i for i in range(STEPS + 1) if where[:, i].any()), default=0)
    words = f"compared up to step {last}" + (", the rounding floor" if last < STEPS else "")
    said, _, rest = evidence.note.partition("; ")
    assert said == words
    assert ("hypotheses" in rest) == (part not in controls)


def test_an_unstable_control_names_its_method_and_step_size():
    scales = {"gd-contraction": 2.5, "heavy-ball-contraction": 20.0, "nesterov-contraction": 20.0}
    for lemma in vars(importlib.reload(contraction)).values():
        if isinstance(lemma, Lemma):
            unstable = next(c for c in lemma.controls if c.id == "unstable")
            assert unstable.study == {"methods": [{"name": lemma.method, "scale": scales[lemma.id]}]}


def test_radii_are_looked_up_outwards():
    assert len(RADII_GRID) == 35
    np.testing.assert_allclose([RADII_GRID[0], RADII_GRID[-1]], [2.0**-15, 4.0])
    np.testing.assert_allclose(np.diff(np.log2(RADII_GRID)), 0.5)
    assert radius_index(RADII, np.array([[0.0, 0.01], [0.011, 2.0]])).tolist() == [[0, 0], [1, 7]]
    counts = np.arange(24).reshape(2, 3, 4)
    wider = with_overflow_entry(counts, 9)
    assert wider.shape == (2, 4, 4)
    assert wider.dtype == counts.dtype
    assert np.array_equal(wider[:, :3], counts)
    assert np.all(wider[:, 3] == 9)
    assert with_overflow_entry(counts, 9, axis=2).shape == (2, 3, 5)


def far_apart(z, kernel, radius):
    """The attack neuron by neuron: |H(W) - H(0)|_F of the better of two networks, each within the radius."""
    moves = gram_stability._moves(z, kernel, radius)
    best = 0.0
    for sign in (1, -1):
        change = np.zeros_like(kernel)
        for r in range(len(z)):
            active = (moves[:, r] >= 0).astype(float)
            chosen = active[np.argmax([sign * a @ kernel**2 @ a for a in active])]
            now = (z[r] >= 0).astype(float)
            change += np.outer(chosen, chosen) - np.outer(now, now)
        best = max(best, np.linalg.norm(kernel * change) / len(z))
    return best


@pytest.mark.parametrize("radius", [0.05, 0.4, 3.0])
def test_every_move_of_the_attack_stays_within_the_radius_and_reaches_it(radius):
    rng = np.random.default_rng(4)
    inputs = unit_rows(rng, N, 5)
    kernel, z = inputs @ inputs.T, rng.normal(size=(40, 5)) @ inputs.T
    z[0, 0], z[1, 1], z[2, 2] = radius, -radius, 0.0  # crossing from the rim would take more than the radius
    moves = gram_stability._moves(z, kernel, radius)
    assert moves.shape == (1 + N + 8, 40, N)
    coefficients = np.linalg.solve(kernel, (moves - z).reshape(-1, N).T)
    length = np.sqrt(np.maximum(np.sum(coefficients * (kernel @ coefficients), axis=0), 0)).reshape(len(moves), 40)
    assert np.all(length <= radius)
    assert not length[0].any()
    for i in range(N):
        near = np.abs(z[:, i]) < radius
        assert np.array_equal(np.sign(moves[1 + i, near, i]), -np.sign(z[near, i]))  # across, and only just
        np.testing.assert_allclose(moves[1 + i, near, i], -np.sign(z[near, i]) * 1e-9 * radius, rtol=1e-5)
        assert np.array_equal(moves[1 + i, ~near], z[~near])
    near = (np.abs(z) < radius).astype(float)
    for place, wanted in zip((4, 6, 8, 10), (near, near * (z >= 0), near * (z < 0), np.ones_like(near)), strict=True):
        for r in range(40):
            size = math.sqrt(wanted[r] @ kernel @ wanted[r])
            push = radius / size * kernel @ wanted[r] if size else np.zeros(N)
            np.testing.assert_allclose(moves[place, r] - z[r], push, rtol=1e-9, atol=1e-12)
            np.testing.assert_allclose(moves[place + 1, r] - z[r], -push, rtol=1e-9, atol=1e-12)


def test_the_attack_is_exact_for_one_sample_and_never_beyond_the_neurons_that_can_flip():
    z = np.array([-0.3, -0.1, -0.05, 0.0, 0.02, 0.07, 0.3, 1.0, 2.0, -0.02])[:, None]
    off, on = 3, 3  # those in [0, 0.1) can be switched off, those in (-0.1, 0) on
    assert gram_stability._attack(z[z[:, 0] != -0.1], np.eye(1), 0.1) == pytest.approx(max(off, on - 1) / 9)
    assert gram_stability._attack(z, np.eye(1), 0.11) == pytest.approx(3 / 10)
    rng = np.random.default_rng(6)
    inputs = unit_rows(rng, N, 2)
    kernel, z = inputs @ inputs.T, rng.normal(size=(50, 2)) @ inputs.T
    for radius in (0.05, 0.5, 2.0):
        assert gram_stability._attack(z, kernel, radius) == pytest.approx(far_apart(z, kernel, radius), rel=RTOL)


def at_initialisation(data, width: int, seeds: int, radius: float, key: int, dtype: str = "float64"):
    """Drawn networks with their counts at two radii, the second the one asked for; and the pre-activations."""
    rank = data.coordinates.shape[1]
    draw = jax.jit(lambda seed: nag_ntk.draw(nag_ntk.seed_key(key, seed), width, rank, dtype).weights)
    drawn = [np.asarray(draw(seed), float) @ data.coordinates.T for seed in range(seeds)]
    shares = []
    for z in drawn:
        masks = [(z >= 0, z >= 0)]
        masks += [((z >= 0) & (np.abs(z) > r), (z >= 0) | (np.abs(z) <= r)) for r in (radius / 2, radius)]
        shares.append([[part.T.astype(float) @ part / width for part in pair] for pair in masks])
    shares = np.array(shares)
    run = random_run(
        width=width, key=key, seeds=tuple(range(seeds)), rank=rank, dtype=dtype,
        initial_gram=data.kernel * shares[:, 0, 0], overlap_radii=np.array([radius / 2, radius]),
        overlap_range=OverlapRange(shares[:, 1:, 0], shares[:, 1:, 1], shares[:, 1:, 1]),
    )  # fmt: skip
    return replace(run, data=data), drawn


@pytest.fixture(scope="module")
def still():
    """18 seeds at initialisation: two more than are attacked."""
    size, width = 2, 256
    radius = 10 * math.log(size**2 / DELTA) / width
    assert LEMMAS["gram-stability"].overlap_radii(size, width, DELTA) == pytest.approx((radius,), rel=RTOL)
    (radius,) = LEMMAS["gram-stability"].overlap_radii(size, width, DELTA)
    return *at_initialisation(nag_ntk.sphere(size, 3, key=5), width, 18, radius, 7), radius


def test_gram_stability(still):
    run, drawn, radius = still
    kernel, width = run.data.inputs @ run.data.inputs.T, run.trajectory.width
    upper, lower = [], []
    for z in drawn:
        change = np.zeros((2, 2))
        for i, j in np.ndindex(2, 2):
            now = np.sum((z[:, i] >= 0) & (z[:, j] >= 0))
            most = np.sum((z[:, i] >= -radius) & (z[:, j] >= -radius))
            least = np.sum((z[:, i] > radius) & (z[:, j] > radius))
            change[i, j] = abs(kernel[i, j]) * max(most - now, now - least) / width
        upper.append(np.linalg.norm(change))
        lower.append(far_apart(z, kernel, radius))
    lower[16:] = [math.nan] * 2
    assert np.all(np.array(lower[:16]) <= upper[:16])
    assert np.all(np.array(lower[:16]) > np.array(upper[:16]) / 3)
    evidence = LEMMAS["gram-stability"].check(run)
    bounds = {"two": 2 * 2 * radius, "three": 3 * 2 * radius}
    assert list(evidence) == [name for name in ("two", "three") if name in evidence]
    for claims, expected in (
        (evidence, bounds),
        (control("gram-stability", "quarter")(run), {"": 0.25 * 2 * radius}),
        (control("gram-stability", "quadratic")(run), {"": 2 * 2 * radius**2}),
    ):
        assert set(claims) == set(expected)
        for name, trials in claims.items():
            assert isinstance(trials, Inequality)
            np.testing.assert_allclose(trials.observed, upper, rtol=1e-9)
            np.testing.assert_allclose(trials.bound, [expected[name]] * 18, rtol=RTOL)
            np.testing.assert_allclose(trials.attained, lower, rtol=1e-9)
            assert f"R = {radius:.3g}; supremum at most {max(upper):.3g} by counting" in trials.note
            assert f"at least {np.nanmax(lower):.3g} by attack on 16 seeds" in trials.note


def test_gram_stability_where_it_says_nothing(still, monkeypatch):
    run, _, _ = still
    check = LEMMAS["gram-stability"].check

    def at(width):
        return check(replace(run, trajectory=replace(run.trajectory, width=width, overlap_radii=np.array([0.0, 99.0]))))

    monkeypatch.setattr(gram_stability, "_LARGEST_ATTACK", 0)  # not attacked: these widths were never drawn
    assert all(isinstance(part, NotApplicable) for part in at(20).values())
    needed = needed_width(at(20)["two"])
    assert needed == needed_width(at(20)["three"])
    just = at(needed)
    assert isinstance(just["two"], Inequality)
    assert isinstance(just["three"], NotApplicable)
    assert np.isnan(just["two"].attained).all()
    assert "attack" not in just["two"].note
    assert isinstance(at(needed - 2)["two"], NotApplicable)


def test_a_large_attack_is_not_tried(still, monkeypatch):
    run, _, radius = still
    size = 256 * 2 * 11  # moves: none, across one boundary each, and eight pushes
    monkeypatch.setattr(gram_stability, "_LARGEST_ATTACK", size - 1)
    assert np.isnan(gram_stability._attained(run, radius)).all()
    monkeypatch.setattr(gram_stability, "_LARGEST_ATTACK", size)
    assert np.isfinite(gram_stability._attained(run, radius)).sum() == 16


def test_networks_in_float32_are_attacked_as_they_were_drawn(still):
    data, radius = still[0].data, still[2]
    run, drawn = at_initialisation(data, 256, 2, radius, 7, "float32")
    found = gram_stability._attained(run, radius)
    assert found.tolist() == pytest.approx([far_apart(z, data.kernel, radius) for z in drawn], rel=RTOL)
    assert not np.array_equal(found, gram_stability._attained(still[0], radius)[:2])


def test_orthogonal_inputs_have_no_share_to_divide_by(still):
    radius = still[2]
    orthogonal, drawn = at_initialisation(nag_ntk.Dataset(np.eye(2), np.ones(2)), 256, 2, radius, 7)
    trials = LEMMAS["gram-stability"].check(orthogonal)["two"]
    for z, upper in zip(drawn, trials.observed, strict=True):
        near = [
            max(np.mean((z[:, i] >= 0) & (z[:, i] <= radius)), np.mean((z[:, i] < 0) & (z[:, i] >= -radius)))
            for i in (0, 1)
        ]
        assert upper == pytest.approx(np.hypot(*near), rel=RTOL)


def test_a_recorded_run_agrees_with_its_weights():
    """Five digits, 64 neurons, 12 steps: what the lemmas compare, from the weights of every step."""
    data = nag_ntk.digits(5)
    methods = [nag_ntk.theorem_tuning(name, data) for name in NAMES[:3]]
    grid = sorted({*RADII_GRID, *LEMMAS["flip-count"].radii(5, 64, DELTA)})
    recorded = nag_ntk.simulate(data, methods, 64, 4, 12, radii=grid, overlap_radii=list(RADII_GRID))
    run = Run("digits", data, tuple(methods), recorded, DELTA)
    counted, _ = at_initialisation(data, 64, 4, RADII_GRID[20], recorded.key)
    for found, expected in zip(recorded.overlap_range[:2], counted.trajectory.overlap_range[:2], strict=True):
        np.testing.assert_allclose(found[:, 20], expected[:, 1], rtol=1e-12)
    distance, remainder = LEMMAS["distance"].check(run)[""], LEMMAS["remainder-bound"].check(run)
    inclusion = LEMMAS["flip-inclusion"].check(run)
    count = LEMMAS["flip-count"].check(run)
    parts = LEMMAS["flip-fraction"].check(run)
    radius = math.log(5 / DELTA) / 64
    draw = jax.jit(lambda seed: nag_ntk.draw(nag_ntk.seed_key(0, seed), 64, recorded.rank))
    for s in range(4):
        drawn = draw(s)
        weights, signs = np.asarray(drawn.weights), np.asarray(drawn.signs)
        rows = data.coordinates
        z = weights @ rows.T
        active = pattern(weights, rows)
        gram = (rows @ rows.T) * (active.T.astype(float) @ active) / 64
        assert [sum(abs(z[:, i]) <= radius) for i in range(5)] == count.observed[s].tolist()
        for k, method in enumerate(methods):
            path = train(rows, data.targets, weights, signs, method[1:], "gradient", 12)
            flipped = path.patterns != path.patterns[0]
            farthest = [max([0.0, *np.abs(z)[f]]) for f in flipped]
            np.testing.assert_allclose(distance.observed[s, k], path.distance, atol=1e-12)
            np.testing.assert_allclose(inclusion.observed[s, k], farthest, atol=1e-12)
            np.testing.assert_allclose(parts["counted"].observed[s, k], path.flips / (64 * 5), atol=1e-15)
            assert np.all(path.distance[1:] <= distance.bound[s, k, 1:])
            eta, beta, gain = method[1:4]
            for t in range(12):
                xi, old = path.residual[t], path.residual[max(t - 1, 0)]
                step = xi + beta * (xi - old) - eta * (1 + gain) * gram @ xi + eta * gain * gram @ old
                left = np.linalg.norm(path.residual[t + 1] - step)
                assert remainder.observed[s, k, t] == pytest.approx(left, abs=1e-12)
                assert left <= remainder.bound[s, k, t]
                near = [np.mean(np.abs(z) <= max(path.distance[: t + 2]) * stretch) for stretch in (1, math.sqrt(2))]
                assert near[0] - 1e-12 <= parts["counted"].bound[s, k, t + 1] <= near[1] + 1e-12
    assert recorded.flips.max() > 0
