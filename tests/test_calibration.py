"""The simulated studies: their machinery decides as decide does, agrees with exact rates, and catches a broken rule."""

from pathlib import Path

import numpy as np
import pytest
from level import SCENARIOS, Counts, Exact, Family, Scenario, draw_laws, family, sample
from scipy import stats

from proofs_check import statistics
from proofs_check.judging.finding import Verdict
from proofs_check.judging.verdict import Outcome, decide
from proofs_check.lemmas import CATALOGUE
from proofs_check.running.prepare import RunSetup
from proofs_check.running.runner import execute
from proofs_check.study.load import parse_study

BINOMIAL = Family(tuple("abcdefghij"), np.array([0.1] * 6 + [0.05, 0.2, 0.3, 0.02]), ("every", "run"), ())


@pytest.fixture(scope="module")
def real():
    text = """
    dataset: {source: digits, samples: 4}
    methods: [gradient_descent, heavy_ball, nesterov]
    width: 128
    seeds: 16
    steps: 5
    """
    study = parse_study(text, name="small", base=Path())
    run = execute(study.runs[0], RunSetup.of(study.runs[0], CATALOGUE, study.delta), study.delta)
    return run, family(run, CATALOGUE)


def test_the_family_is_the_catalogue(real):
    _, claims = real
    assert {"gram-limit", "flip-probability", "initial-residual/moment"} <= set(claims.laws)
    assert {"gram-concentration/chernoff", "initial-residual/tail"} <= set(claims.probable)  # the former is too narrow
    assert "distance" in claims.universal
    assert len(set(claims.probable + claims.universal + claims.laws)) == len(
        claims.probable + claims.universal + claims.laws
    )
    assert np.all((claims.failures > 0) & (claims.failures < 1))


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: f"{s.wrong}-{s.name}")
def test_the_verdicts_are_those_of_decide(real, scenario, monkeypatch):
    for search in ("trials_to_decide", "trials_to_refute"):  # slow, and not part of the verdict
        monkeypatch.setattr(statistics, search, lambda *arguments: None)
    run, claims = real
    rng, studies = np.random.default_rng(5), 30
    laws = draw_laws(run, CATALOGUE, claims.laws, studies, rng)
    extra = Exact(rng.random((studies, 2)) ** 3)
    for level in (1e-3, 0.2, 0.9):
        drawn = sample(claims, (*laws, extra), scenario, 100, studies, rng)
        refuted, supported = drawn.verdicts(level)
        for study in range(studies):
            found = decide([Outcome("", "", e) for e in drawn.evidence(study)], level)
            assert [f.verdict is Verdict.REFUTED for f in found] == refuted[study].tolist()
            assert [f.verdict is Verdict.SUPPORTED for f in found] == supported[study].tolist()


def exact_rate(claims: Family, seeds: int, level: float, m: int, against: bool) -> float:
    """Probability that an independent claim's p-value is at most level / m, from the binomial masses."""
    missed = 1.0
    for p in claims.failures:
        x = np.arange(seeds + 1)
        tail = stats.binom.sf(x - 1, seeds, p) if against else stats.binom.cdf(x, seeds, p)
        missed *= 1 - stats.binom.pmf(x, seeds, p)[tail <= level / m].sum()
    return 1 - missed


@pytest.mark.parametrize("wrong", ["REFUTED", "SUPPORTED"])
def test_simulated_rates_agree_with_exact_ones(wrong):
    """False alarm 1e-6: the first step of Holm's procedure decides whether any true claim is refuted."""
    claims, studies, level = Family(BINOMIAL.probable, BINOMIAL.failures, (), ()), 20_000, 0.1
    drawn = sample(claims, (), Scenario(wrong), 200, studies, np.random.default_rng(1))
    rate = exact_rate(claims, 200, level, 10, wrong == "REFUTED")
    assert 0.02 < rate < level
    low, high = stats.binom.ppf([5e-7, 1 - 5e-7], studies, rate)
    assert low <= drawn.errors(level) <= high


def test_laws_are_drawn_from_their_truth(real):
    """False alarm below 1e-5: p-values rise no faster than uniform ones, and means are the claimed ones."""
    run, claims = real
    studies = 600
    laws = dict(
        zip(claims.laws, draw_laws(run, CATALOGUE, claims.laws, studies, np.random.default_rng(2)), strict=True)
    )
    for law in laws.values():
        for level in (0.01, 0.1, 0.5):
            assert np.sum(law.p_values <= level) <= stats.binom.isf(1e-6, studies, level)
        assert np.any(law.p_values < 0.5)
    for name in ("gram-limit", "flip-probability"):
        law = laws[name]
        assert isinstance(law, Counts)
        total = studies * law.neurons
        errors = (law.pooled.mean(axis=0) - law.neurons * law.claimed) / law.neurons
        assert np.all(np.abs(errors) <= 6 * np.sqrt(law.claimed * (1 - law.claimed) / total) + 1e-9)
        shifted = law.shifted
        assert np.abs(shifted.claimed - law.claimed).max() > law.resolution
        assert np.sum(shifted.support <= 0.05) <= stats.binom.isf(1e-6, studies, 0.05)
    assert np.median(laws["flip-probability"].distance) < 0.6  # 16 seeds, 16 columns; a wrong transform is near 1


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: f"{s.wrong}-{s.name}")
def test_level_is_kept_and_deciding_each_claim_alone_is_caught(scenario):
    """500 studies at level 0.1; chance of a false alarm below 1e-6 each."""
    studies, level = 500, 0.1
    drawn = sample(BINOMIAL, (), scenario, 400, studies, np.random.default_rng(3))
    allowed = stats.binom.isf(1e-6, studies, level)
    assert drawn.errors(level) <= allowed
    if scenario.dependence != "shared":  # there all claims err together, and none spoils another
        assert drawn.errors(level, lambda p, a: p <= a) > allowed


def test_dependence_is_as_named():
    """Each claim keeps its probability; shared draws nest, disjoint ones avoid each other."""
    claims = Family(("a", "b"), np.array([0.3, 0.6]), (), ())
    for dependence in ("independent", "shared", "disjoint"):
        x = sample(claims, (), Scenario("REFUTED", dependence), 50, 4000, np.random.default_rng(4)).violations
        assert np.all(np.abs(x.mean(axis=0) / 50 - [0.3, 0.6]) < 6 * 0.5 / np.sqrt(50 * 4000))
        correlation = np.corrcoef(x.T)[0, 1]
        expected = {
            "independent": 0.0,
            "shared": (0.3 - 0.18) / np.sqrt(0.21 * 0.24),
            "disjoint": -0.18 / np.sqrt(0.21 * 0.24),
        }
        assert abs(correlation - expected[dependence]) < 0.1
    one = sample(claims, (), Scenario("REFUTED", "disjoint"), 1, 1000, np.random.default_rng(4)).violations
    assert one.sum(axis=1).max() == 1


def test_an_empty_family_is_never_wrong():
    none = Family((), np.empty(0), (), ())
    drawn = sample(none, (), Scenario("REFUTED"), 10, 5, np.random.default_rng(0))
    assert drawn.errors(0.1) == 0
