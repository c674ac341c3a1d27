"""Every rule of the verdicts both ways, and the family-wise error in simulated studies."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from tiers import family

from proofs_check import statistics
from proofs_check.judging.finding import Finding, Verdict, exit_code
from proofs_check.judging.verdict import UNIVERSAL_FAILURE, Outcome, decide
from proofs_check.lemma import Inequality, Law, NotApplicable, Proof, Trials


def trials(violations, n, failure=0.1, **fields):
    """n seeds 100, 101, ... of which the first ones observe 2 > 1 and the others 0.5."""
    observed = np.where(np.arange(n) < violations, 2.0, 0.5)
    return Trials(Inequality(observed, 1.0), failure, tuple(range(100, 100 + n)), **fields)


def forged(violations, n, proved, failure=0.1):
    """An inequality that fails in some seeds, with a word about whether a proof covers it."""
    whole = trials(violations, n, failure)
    return replace(whole, inequality=replace(whole.inequality, proved=proved))


def law(p_value, half_width, deviation=0.01, resolution=0.1, draws=50, **fields):
    """The half width shrinks with the level as that of a normal mean, so that the share can be seen."""

    def interval(level):
        h = half_width * stats.norm.isf(level / 2) / stats.norm.isf(0.025)
        return deviation - h, deviation + h

    return Law(p_value, interval, resolution, deviation, draws, **fields)


def verdict(*evidence, level=0.05):
    findings = decide([Outcome("lemma", "run", e, wall_time=0.25) for e in evidence], level)
    assert len(findings) == len(evidence)
    assert all(f.wall_time == 0.25 for f in findings)
    for finding in findings:
        json.dumps(finding.to_row(), allow_nan=False)
    return findings[0]


@pytest.mark.parametrize("failure", [0.1, 0.0])
def test_what_contradicts_a_proof_is_an_error_and_no_refutation(failure):
    found = verdict(forged(40, 64, True, failure))
    assert (found.verdict, found.proved, found.violations, found.worst_seed) == (Verdict.ERROR, True, 40, 100)
    assert found.reason.startswith("contradicts a proof: seed 100: observed 2 > bound 1; 40 of 64 seeds")
    assert exit_code([found]) == 3
    assert found.to_row()["proved"] is True
    for proved in (False, None):
        found = verdict(forged(40, 64, proved, failure))
        assert (found.verdict, found.proved) == (Verdict.REFUTED, proved)
        assert found.reason.startswith("seed 100")


@pytest.mark.parametrize("proved", [True, np.True_, False, None])
def test_a_proof_changes_no_other_verdict_and_is_kept(proved):
    known = None if proved is None else bool(proved)
    for violations, n, expected in ((0, 128, "SUPPORTED"), (0, 20, "INCONCLUSIVE"), (3, 64, "INCONCLUSIVE")):
        found = verdict(forged(violations, n, proved))
        assert (found.verdict, found.proved) == (expected, known)
        assert found.proved is known
    nothing = replace(trials(0, 64).inequality, where=np.zeros(64, bool), proved=proved)
    found = verdict(Trials(nothing, 0.1, tuple(range(64))))
    assert (found.verdict, found.proved) == (Verdict.VACUOUS, known)


def test_probability_is_supported_refuted_or_neither():
    found = verdict(trials(0, 128))
    assert (found.verdict, found.trials, found.violations, found.level) == (Verdict.SUPPORTED, 128, 0, 0.05)
    assert found.limit == pytest.approx(1 - 0.05 ** (1 / 128), rel=1e-12)
    assert found.margin == 0.5
    assert "no violation in 128 seeds; failure probability at most 0.0231 (confidence 1 - 0.05)" in found.reason

    found = verdict(trials(40, 64))
    assert (found.verdict, found.violations, found.worst_seed, found.margin) == (
        Verdict.REFUTED,
        40,
        100,
        -1.0,
    )
    assert 0.1 < found.limit < 40 / 64
    assert "seed 100: observed 2 > bound 1; 40 of 64 seeds" in found.reason

    found = verdict(trials(0, 28))  # 0.9 ** 28 = 0.052, 0.9 ** 29 = 0.047
    assert (found.verdict, found.seeds_needed) == (Verdict.INCONCLUSIVE, 29)
    assert "29 seeds would support it" in found.reason
    assert verdict(trials(0, 29)).verdict is Verdict.SUPPORTED

    found = verdict(trials(3, 16))  # above the claim, but not yet significantly
    assert found.verdict is Verdict.INCONCLUSIVE
    assert f"{found.seeds_needed} seeds would refute it" in found.reason
    n = found.seeds_needed
    assert n > 16
    assert verdict(trials(n * 3 // 16, n)).verdict is Verdict.REFUTED

    found = verdict(trials(1, 10))
    assert (found.verdict, found.seeds_needed) == (Verdict.INCONCLUSIVE, None)


def test_one_violation_refutes_what_is_claimed_of_every_run():
    found = verdict(trials(1, 1000, failure=0))
    assert (found.verdict, found.violations, found.level, found.limit) == (Verdict.REFUTED, 1, None, None)
    assert found.reason.startswith("seed 100: observed 2 > bound 1; 1 of 1000 seeds")
    found = verdict(trials(0, 64, failure=0))
    assert found.verdict is Verdict.SUPPORTED
    assert f"sampling can only support at most {UNIVERSAL_FAILURE}" in found.reason
    found = verdict(trials(0, 8, failure=0))
    assert (found.verdict, found.seeds_needed) == (Verdict.INCONCLUSIVE, 29)


def test_the_family_shares_the_level():
    quiet, loud = trials(0, 29), trials(3, 8)  # alone each is decided: p = 0.047 and 0.038
    assert [verdict(quiet).verdict, verdict(loud).verdict] == [Verdict.SUPPORTED, Verdict.REFUTED]
    assert verdict(quiet, quiet).verdict is Verdict.INCONCLUSIVE
    assert verdict(loud, loud).verdict is Verdict.INCONCLUSIVE
    assert verdict(quiet, trials(0, 128)).verdict is Verdict.SUPPORTED  # step-down: the other goes first
    outside = [
        Proof(True, 1.0, 2.0, "proved"),
        NotApplicable("narrow"),
        trials(0, 9, failure=1),
        ValueError(),
    ]
    assert verdict(quiet, *outside).level == 0.05
    # What holds in every run is refuted without statistics, so it takes no share of the refutations.
    assert verdict(loud, trials(0, 64, failure=0)).verdict is Verdict.REFUTED
    # A law takes part in both families, and a violated universal claim keeps its place among the supports.
    assert verdict(loud, law(1.0, 0.01)).verdict is Verdict.INCONCLUSIVE
    assert verdict(quiet, law(1.0, 9.0)).verdict is Verdict.INCONCLUSIVE
    assert verdict(quiet, trials(1, 5, failure=0)).verdict is Verdict.INCONCLUSIVE


def test_law_by_p_value_and_by_interval():
    found = verdict(law(0.5, 0.05, witness={"seed": 4, "sample": 2}))
    assert (found.verdict, found.worst_seed, found.bound, found.observed) == (Verdict.SUPPORTED, 4, 0.1, 0.01)
    assert found.limit == pytest.approx(0.05)
    assert found.witness["interval"] == pytest.approx([-0.04, 0.06])
    assert "within the resolution 0.1" in found.reason
    assert found.margin == pytest.approx(0.9)
    found = verdict(law(0.5, 0.095))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "about 56 draws would decide" in found.reason  # 50 (0.095 / 0.09) ** 2
    assert verdict(law(0.5, 0.05, deviation=-0.08)).verdict is Verdict.INCONCLUSIVE  # beyond on the lower side
    assert verdict(law(0.5, 0.05, deviation=0.08)).verdict is Verdict.INCONCLUSIVE
    assert verdict(law(0.04, 0.05)).verdict is Verdict.REFUTED  # a distribution may be wrong where its mean is not
    found = verdict(law(0.04, 0.085), law(0.5, 0.01))
    assert found.verdict is Verdict.INCONCLUSIVE  # neither 0.04 <= 0.05 / 2, nor the wider interval within
    assert found.limit == pytest.approx(0.085 * stats.norm.isf(0.0125) / stats.norm.isf(0.025))
    assert verdict(law(0.0, 0.05, draws=0)).verdict is Verdict.INCONCLUSIVE


def test_proof():
    assert verdict(Proof(True, 1.0, 2.0, "proved")).verdict is Verdict.CERTIFIED
    found = verdict(Proof(False, 3.0, 2.0, "beyond", {"kappa": 7}))
    assert (found.verdict, found.margin, found.reason) == (Verdict.REFUTED, -0.5, "beyond; witness: kappa 7")
    found = verdict(Proof(None, math.nan, 2.0, "overlap"))
    assert (found.verdict, found.reason) == (Verdict.INCONCLUSIVE, "overlap; needs more precision")
    assert found.to_row()["observed"] is None


def grid(observed, bound, failure=0.0, where=None, axes=("seed", "method", "step")):
    inequality = Inequality(observed, bound, axes, where, {"method": ("heavy_ball", "nesterov")})
    return Trials(inequality, failure, (16, 17))


def test_witness_is_named_and_a_seed_counts_once():
    observed = np.ones((2, 2, 4))
    observed[1, 1, 2:] = 2.0, 2.1
    found = verdict(grid(observed, 1.9))
    assert found.witness == {"seed": 17, "method": "nesterov", "step": 3}
    assert found.reason.startswith("seed 17, method nesterov, step 3: observed 2.1 > bound 1.9; 1 of 2 seeds")
    close = float(np.nextafter(1.9, 2))
    assert f"observed {close!r} > bound 1.8999999999999999" in verdict(grid(np.full((2, 2, 4), close), 1.9)).reason


def test_what_is_not_compared_is_neither_for_nor_against():
    observed, where = np.ones((2, 2, 4)), np.ones((2, 2, 4), bool)
    observed[1, 1, 3] = 2.0
    assert verdict(grid(observed, 1.9, where=observed < 2)).verdict is not Verdict.REFUTED
    found = verdict(grid(observed, 1.9, where=~where))
    assert (found.verdict, found.reason[:18]) == (Verdict.VACUOUS, "nothing to compare")
    masked = Inequality(np.zeros((60, 3)), 1.0, ("seed", "step"), (np.arange(60) < 28)[:, None])
    found = verdict(Trials(masked, 0.1, tuple(range(60))))
    assert (found.verdict, found.trials) == (Verdict.INCONCLUSIVE, 28)
    assert "28 seeds (32 more had nothing to compare)" in found.reason
    masked = Inequality(np.full(60, 2.0), 1.0, ("seed",), np.arange(60) < 6)
    assert verdict(Trials(masked, 0.1, tuple(range(60)))).verdict is Verdict.INCONCLUSIVE  # 6 of 60, not of 6


def test_nan_and_infinity():
    observed = np.ones((2, 2, 4))
    observed[0, 1, 2] = np.nan
    found = verdict(grid(observed, 1.9))
    assert found.verdict is Verdict.ERROR
    assert "NaN in observed at seed 16, method nesterov, step 2, where training stayed finite" in found.reason
    assert "NaN in bound at seed 16" in verdict(grid(np.ones((2, 2, 4)), observed)).reason
    assert verdict(grid(observed, 1.9, where=~np.isnan(observed))).verdict is Verdict.INCONCLUSIVE
    assert verdict(grid(np.ones((2, 2, 4)), np.inf)).verdict is Verdict.VACUOUS
    found = verdict(grid(np.ones((2, 2, 4)), np.array([np.inf, 3.0, 2.0, np.inf])))  # infinite here and there
    assert (found.violations, found.margin, found.witness["step"]) == (0, 0.5, 2)
    assert verdict(grid(np.full((2, 2, 4), np.inf), 1.9)).to_row()["observed"] == "inf"


def test_nothing_to_decide_on():
    found = verdict(trials(0, 0))
    assert (found.verdict, found.trials, found.limit, found.seeds_needed) == (Verdict.INCONCLUSIVE, 0, 1, 29)
    assert verdict(trials(9, 9, failure=1)).verdict is Verdict.VACUOUS
    assert verdict(NotApplicable("needs width 4096")).reason == "needs width 4096"
    assert decide([], 0.05) == ()
    with pytest.raises(ValueError, match="strictly between"):
        decide([], 1.0)


def raised():
    try:
        json.loads("{")
    except ValueError as error:
        return error


@pytest.mark.parametrize(
    ("evidence", "reason"),
    [
        (raised(), "line 1 column 2 (char 1) (test_verdict.py:"),
        (KeyError(), "KeyError"),
        ("no evidence", "TypeError: expected an Inequality, Trials, Law, Proof or NotApplicable, got str (sound.py:"),
        (trials(0, 3, failure=math.nan), "failure must be a probability, got nan"),
        (Trials(Inequality(np.zeros(3), 1.0), 0.1, (1, 2)), "2 seeds"),
        (grid(np.zeros((2, 2, 4)), 1.0, axes=("seed", "step")), "it needs 3 names of axes"),
        (grid(np.zeros((2, 2, 4)), np.zeros(3)), "broadcast"),
        (law(math.nan, 0.1), "p-value in [0, 1]"),
        (law(0.5, math.nan), "low <= high"),
    ],
)
def test_a_broken_check_is_an_error_and_spoils_no_other(evidence, reason):
    broken, other = decide([Outcome("a", "r", evidence), Outcome("b", "r", trials(0, 29))], 0.05)
    assert broken.verdict is Verdict.ERROR
    assert reason in broken.reason
    assert "\n" not in broken.reason
    assert other.verdict is Verdict.SUPPORTED


def test_note_and_row():
    assert verdict(trials(0, 64, note="Rounding 1e-12.")).reason.endswith("claimed 0.1. Rounding 1e-12.")
    finding = Finding("a", "r", Verdict.REFUTED, "why", witness={"seed": np.int64(3), "at": np.array([1.0, np.inf])})
    row = finding.to_row()
    assert list(row)[:4] == ["lemma", "run", "verdict", "reason"]
    assert json.loads(json.dumps(row, allow_nan=False))["witness"] == {"seed": 3, "at": [1.0, "inf"]}
    assert type(row["verdict"]) is str


@pytest.mark.parametrize(
    ("verdicts", "plain", "strict"),
    [
        ([], 0, 0),
        (["CERTIFIED", "SUPPORTED"], 0, 0),
        (["SUPPORTED", "INCONCLUSIVE"], 0, 4),
        (["SUPPORTED", "VACUOUS"], 0, 4),
        (["INCONCLUSIVE", "ERROR"], 3, 3),
        (["ERROR", "REFUTED"], 1, 1),
    ],
)
def test_exit_code(verdicts, plain, strict):
    findings = [Finding("a", "r", Verdict(v), "") for v in verdicts]
    assert (exit_code(findings), exit_code(findings, strict=True)) == (plain, strict)


@pytest.mark.parametrize("families", family([300, 2000], lambda few: few == 300))
@pytest.mark.parametrize("wrong", [Verdict.REFUTED, Verdict.SUPPORTED])
def test_family_wise_error_is_kept(wrong, families, monkeypatch):
    """Studies of 10 checks with true failure at the claim: to refute is wrong, to support just wrong.

    If the error rate is at most 0.05, more than the limit are seen with probability below 1e-6.
    """
    for search in ("trials_to_decide", "trials_to_refute"):  # slow, and not part of the verdict
        monkeypatch.setattr(statistics, search, lambda *arguments: None)
    rng, level, failure = np.random.default_rng(7), 0.05, 0.2
    seen = rng.binomial(60, failure, (families, 10))
    wrongs = 0
    for row in seen:
        found = decide([Outcome(str(i), "r", trials(x, 60, failure)) for i, x in enumerate(row)], level)
        wrongs += any(f.verdict is wrong for f in found)
    assert 0 < wrongs <= stats.binom.isf(1e-6, families, level)
