"""What a later look at more seeds may change of what an earlier one said, and what no look may keep silent."""

from pathlib import Path

import numpy as np
import pytest
from in_process import caller

from nag_ntk import InputError, nesterov, simulate, sphere
from proofs_check.certified import claims
from proofs_check.judging.finding import Finding, Verdict, exit_code
from proofs_check.lemma import Inequality, Lemma, NotApplicable, Proof, Run, Trials
from proofs_check.lemma.selection import select
from proofs_check.running import looks, runner, session
from proofs_check.study.load import parse_study

STUDY = """
dataset: {source: sphere, samples: 2, dimension: 2}
methods: [nesterov]
width: 8
seeds: 64
steps: 1
level: 0.05
"""
DATA, MOST = sphere(2, 2), 512


@pytest.fixture(scope="module")
def whole():
    return Run("training", DATA, (nesterov(0.1, 0.5),), simulate(DATA, nesterov(0.1, 0.5), 8, MOST, 1), 0.1)


@pytest.fixture
def decided(whole, monkeypatch):
    """The findings of some checks when seeds are added until all is decided; simulated once for all tests."""
    monkeypatch.setattr(runner, "execute", lambda spec, lemmas, delta, **_: select(whole, range(spec.seeds)))

    def look(kind="every run", max_seeds=MOST, **checks):
        lemmas = [Lemma(name.replace("_", "-"), name, name, check, (), kind) for name, check in checks.items()]
        study = parse_study(STUDY, name="looks", base=Path())
        result = looks.verify_until_decided(study, max_seeds, lemmas=lemmas)
        return {found.lemma: found for found in result.findings}, result

    return look


def failing(*seeds):
    """A claim that fails in these seeds and holds with room elsewhere."""
    return lambda run: Inequality(np.isin(run.trajectory.seeds, seeds) * 2.0, 1.0)


def test_a_violation_of_an_every_run_claim_is_seen_in_whatever_look(decided):
    found, result = decided(late=failing(150), holds=failing(), other=lambda run: Proof(None, 0.0, 1.0, "open"))
    assert result.study.runs[0].seeds == MOST
    assert (found["late"].verdict, found["late"].worst_seed) == (Verdict.REFUTED, 150)
    assert "1 of 256 seeds violate what is claimed of every run" in found["late"].reason
    assert found["late"].reason.count("Decided with") == 0
    assert exit_code(result.findings) == 1
    assert found["holds"].verdict is Verdict.SUPPORTED
    assert found["holds"].trials == 64
    assert found["holds"].reason.endswith(". Decided with the first 64 of 512 seeds")


def test_a_claim_of_a_probability_keeps_the_verdict_of_its_look(decided):
    def rare(run):  # seldom at first, often later
        return Trials(failing(*range(100, 500))(run), 0.1, run.trajectory.seeds)

    found, _ = decided(rare=rare, other=lambda run: Proof(None, 0.0, 1.0, "open"))
    assert found["rare"].verdict is Verdict.SUPPORTED
    assert "no violation in 64 seeds" in found["rare"].reason
    assert found["rare"].reason.endswith("Decided with the first 64 of 512 seeds")


def test_what_is_decided_in_the_last_look_says_nothing_of_looks(decided):
    found, _ = decided(holds=failing())
    assert "Decided with" not in found["holds"].reason


@pytest.mark.parametrize("after", [Verdict.SUPPORTED, Verdict.VACUOUS])
def test_a_check_that_breaks_on_more_seeds_is_an_error(decided, after):
    """A sibling: what was said of few seeds is no excuse for an exception, or for NaN, with more of them."""

    def breaks(run):
        if len(run.trajectory.seeds) > 64:
            raise IndexError("seed 100 has no entry")
        return failing()(run) if after is Verdict.SUPPORTED else NotApplicable("too few seeds")

    found, result = decided(breaks=breaks, other=lambda run: Proof(None, 0.0, 1.0, "open"))
    assert found["breaks"].verdict is Verdict.ERROR
    assert "seed 100 has no entry" in found["breaks"].reason
    assert exit_code(result.findings) == 3


def test_which_verdict_replaces_which():
    def one(verdict, level=None):
        return Finding("a", "r", verdict, "", level=level)

    witness, by_level = one(Verdict.REFUTED), one(Verdict.REFUTED, 0.01)
    supported, error, vacuous = one(Verdict.SUPPORTED, 0.01), one(Verdict.ERROR), one(Verdict.VACUOUS)
    open_ = one(Verdict.INCONCLUSIVE, 0.01)
    every = (witness, by_level, supported, error, vacuous, open_)
    replaced = {(every.index(new), every.index(old)) for new in every for old in every if looks._overrides(new, old)}
    assert {(new, old) for new, old in replaced if every[old] is open_} == {(new, 5) for new in range(6)}
    assert {new for new, old in replaced if every[old] is supported} == {0, 3}
    assert {new for new, old in replaced if every[old] is vacuous} == {0, 3}
    assert {new for new, old in replaced if every[old] is by_level} == {0}
    assert {new for new, old in replaced if every[old] is witness} == set()


CERTIFY = STUDY.replace("seeds: 64", "seeds: 2") + "certify: 1\n"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (("lemmas: all", "lemmas: [distance]"), "nesterov-contraction can be proved, which is not selected"),
        (("[nesterov]", "[{name: nesterov_increasing, eta: 0.1}]"), "no run trains gradient_descent, heavy_ball or"),
        (("steps: 1", "steps: 0"), "no run trains gradient_descent, heavy_ball or nesterov for a step"),
        (("lemmas: all", "lemmas: [gd-contraction]"), "which is not selected: select it, or leave certify out"),
    ],
)
def test_proofs_that_are_asked_for_are_made_or_refused(change, why, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(runner, "execute", lambda *_, **__: pytest.fail("it was simulated before it was refused"))
    text = (CERTIFY + "lemmas: all\n").replace(*change)
    with pytest.raises(InputError, match=why):
        runner.verify(parse_study(text, name="s", base=Path()))

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(session, "prepare_jax", lambda: None)
    (tmp_path / "s.yaml").write_text(text.replace("certify: 1\n", ""))
    end = caller(monkeypatch, capsys)("verify", "s.yaml", "--certify", "1", "--out", "results")
    assert (end.code, end.out) == (2, "")
    assert why in end.err
    assert not (tmp_path / "results" / "results.json").exists()


def test_nothing_is_refused_that_could_be_proved():
    assert claims.why_no_rows({"nesterov", "heavy_ball"}, ["distance", "heavy-ball-contraction"]) == ""
    assert claims.why_no_rows({"gradient_descent"}, ["gd-contraction"]) == ""
