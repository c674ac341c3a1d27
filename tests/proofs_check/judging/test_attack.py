"""Random lemmas against the way to a verdict: no false SUPPORTED or CERTIFIED, no true claim REFUTED.

Each case knows what is right by construction, apart from the code: a claim that holds, one that one entry breaks, NaN,
a form that says nothing. Runs overflow in random seeds and methods, and what rests on that is garbage.
LEMMAS=2000 makes it long; a number that fails is repeated with pytest -k.
"""

import os
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from nag_ntk import gradient_descent, nesterov, simulate, sphere
from proofs_check import statistics
from proofs_check.judging.ask import examine
from proofs_check.judging.finding import Verdict
from proofs_check.judging.verdict import decide
from proofs_check.lemma import Inequality, Law, Proof, Run, Trials

COUNT, SEEDS, STEPS = int(os.environ.get("LEMMAS", "100")), 60, 5
DATA, METHODS = sphere(2, 2), (gradient_descent(0.1), nesterov(0.1, 0.5))
BATCH = 20
KINDS = (np.float64, np.float32, np.longdouble, np.int64, np.uint64, np.int8, list)
AXES = (("seed", "method", "step"), ("seed", "step", "method"), ("seed", "step"), ("seed", "method"), ("seed",))
SIZES = {"seed": SEEDS, "method": len(METHODS), "step": STEPS + 1}
GARBAGE = (np.nan, np.inf, -np.inf, 1e308, -1e308, 7.0)
WRONG = (
    lambda rng: Trials(Inequality(np.zeros(SEEDS * 50), 1.0), 0.0, tuple(range(SEEDS)) * 50),
    lambda rng: Trials(Inequality(np.zeros(SEEDS), 1.0), 0.0, (*range(SEEDS - 1), int(rng.integers(SEEDS - 1)))),
    lambda rng: Trials(Inequality(np.zeros(SEEDS), 1.0), 0.0, tuple(range(1, SEEDS + 1))),
    lambda rng: Trials(Inequality(np.zeros(SEEDS), 1.0), -rng.random(), tuple(range(SEEDS))),
    lambda rng: Trials(Inequality(np.zeros(SEEDS), 1.0), 0.0, tuple(range(SEEDS)), attained=np.full(SEEDS, 0.5)),
    lambda rng: Inequality(np.zeros((SEEDS, SEEDS)), 1.0, ("step", "seed")),
    lambda rng: Inequality(np.zeros((STEPS, SEEDS)), 1.0, ("seed", "step")),
    lambda rng: Inequality(np.zeros((SEEDS, 2)), 1.0, ("seed", "seed")),
    lambda rng: Inequality(np.zeros(SEEDS), np.ones(SEEDS - 1)),
    lambda rng: Inequality(np.ma.array(np.zeros(SEEDS), mask=rng.random(SEEDS) < 0.5), 1.0),
    lambda rng: Inequality(np.zeros(SEEDS), 1.0, where=np.where(rng.random(SEEDS) < 0.5, np.nan, 1.0)),
    lambda rng: Inequality(np.zeros(SEEDS) + 1j, 1.0),
    lambda rng: Inequality(rng.random(SEEDS) < 0.5, True),
    lambda rng: Inequality([Fraction(1, 3)] * SEEDS, 1.0),
    lambda rng: Inequality(np.zeros(SEEDS), "one"),
    lambda rng: Law(0.5, lambda level: (-0.01, 0.01), np.inf, 0.0, 60),
    lambda rng: Law(0.5, lambda level: (-0.01, 0.01), 0.1, 0.02 + rng.random(), 60),
    lambda rng: Law(np.nan, lambda level: (-0.01, 0.01), 0.1, 0.0, 60),
    lambda rng: Law(0.5, lambda level: (0.01, -0.01), 0.1, 0.0, 60),
    lambda rng: Proof(True, 1.0 + rng.random(), 1.0, "proved"),
    lambda rng: Proof(True, 2**53 + 1, 2**53, "proved"),
    lambda rng: Proof(False, rng.random(), 1.0, "disproved"),
    lambda rng: Proof(True, np.nan, 1.0, "proved"),
    lambda rng: Proof("yes", 0.0, 1.0, "proved"),
    lambda rng: {"part": None},
)


@pytest.fixture(scope="module")
def plain():
    return Run("r", DATA, METHODS, simulate(DATA, METHODS, 8, SEEDS, STEPS), 0.1)


@pytest.fixture(autouse=True)
def no_search_for_numbers_of_seeds(monkeypatch):
    for search in ("trials_to_decide", "trials_to_refute"):  # slow, and not part of the verdict
        monkeypatch.setattr(statistics, search, lambda *arguments: None)


def overflowing(plain, rng):
    """A run in which some seeds and methods leave the numbers at some step; that step, STEPS + 1 for never."""
    first = np.full((SEEDS, len(METHODS)), STEPS + 1)
    if rng.random() < 0.6:
        share = rng.choice([0.05, 0.5, 1.0])
        hit = rng.random(first.shape) < share * (rng.random(len(METHODS)) < 0.7)
        first[hit] = rng.integers(0, STEPS + 1, hit.sum())
    residual = np.array(plain.trajectory.residual)
    residual[np.arange(STEPS + 1) >= first[..., None]] = rng.choice([np.nan, np.inf, -np.inf])
    return replace(plain, trajectory=replace(plain.trajectory, residual=residual)), first


def finite_entries(axes, first):
    """Which entries rest on finite numbers alone, by a loop over seeds and methods."""
    table = np.zeros(tuple(SIZES[axis] for axis in axes), bool)
    for place in np.ndindex(table.shape):
        at = dict(zip(axes, place, strict=True))
        methods = [at["method"]] if "method" in at else range(len(METHODS))
        table[place] = all(at.get("step", STEPS) < first[at["seed"], k] for k in methods)
    return table


def sides(rng, shape, kind):
    """Observed below a bound of one: the two differ by the least that their types can tell apart, or by more."""
    if kind in (np.int64, np.uint64, np.int8):
        bound = np.array(rng.choice([2**53, 2**62]) if kind is not np.int8 else 100, kind)
        return np.minimum(bound - rng.integers(0, 3, shape).astype(kind), bound), bound, bound + np.array(1, kind)
    real = np.float64 if kind is list else kind
    bound = np.array(1, real)
    return rng.choice(np.array([1, 0.5, -3], real), shape), bound, np.nextafter(bound, np.array(2, real))


def case(plain, rng):
    """A run, what a check returns of it, and the verdicts that would be wrong, or the one that is right."""
    run, first = overflowing(plain, rng)
    if rng.random() < 0.25:
        return run, WRONG[rng.integers(len(WRONG))](rng), {Verdict.ERROR}
    axes, kind = AXES[rng.integers(len(AXES))], KINDS[rng.integers(len(KINDS))]
    finite = finite_entries(axes, first)
    observed, bound, above = sides(rng, finite.shape, kind)
    observed = np.array(observed)
    mask = rng.random(finite.shape) < rng.choice([0.9, 1.0])
    if observed.dtype.kind == "f":
        with np.errstate(over="ignore"):
            observed[~finite] = rng.choice(GARBAGE, (~finite).sum()).astype(observed.dtype)
    else:
        observed[~finite] = above
    allowed = {Verdict.SUPPORTED, Verdict.INCONCLUSIVE, Verdict.VACUOUS}
    places = np.argwhere(finite & mask)
    what = rng.choice(["true", "false", "infinite", "nan"]) if len(places) else "true"
    if what != "true":
        place = tuple(places[rng.integers(len(places))])
        real = observed.dtype.kind == "f"
        observed[place] = {"false": above, "infinite": np.inf if real else above, "nan": np.nan if real else above}[
            what
        ]
        allowed = {Verdict.ERROR} if what == "nan" and real else {Verdict.REFUTED}
    bounds = np.full(finite.shape, bound) if rng.random() < 0.5 else bound
    found = Inequality(observed.tolist() if kind is list else observed, bounds, axes, None if mask.all() else mask)
    return run, found, allowed


@pytest.mark.parametrize("batch", range(-(-COUNT // BATCH)))
def test_random_lemmas_do_not_fool_the_verdict(plain, batch):
    for number in range(batch * BATCH, min((batch + 1) * BATCH, COUNT)):
        run, found, allowed = case(plain, np.random.default_rng(number))
        for finding in decide(examine("random", lambda _, found=found: found, run, "r"), 0.05):
            assert finding.verdict in allowed, f"lemma {number}: {found}: {finding.verdict}, {finding.reason}"


def test_the_attack_has_every_kind_of_case(plain):
    """What is allowed differs from case to case, and what is seen covers it."""
    seen = set()
    for number in range(60):
        run, found, allowed = case(plain, np.random.default_rng(number))
        (finding,) = decide(examine("random", lambda _, found=found: found, run, "r"), 0.05)
        seen.add((finding.verdict, len(allowed), bool((run.trajectory.overflow[0] <= STEPS).any())))
    assert {verdict for verdict, _, _ in seen} >= {Verdict.SUPPORTED, Verdict.REFUTED, Verdict.ERROR, Verdict.VACUOUS}
    assert {overflows for _, _, overflows in seen} == {True, False}
