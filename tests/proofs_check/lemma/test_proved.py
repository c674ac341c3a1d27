"""Whether a run lies within the hypotheses of its theorem: at its own width, data, delta and law of the neurons."""

import re
from dataclasses import replace

import numpy as np
import pytest

from nag_ntk import simulate, sphere, theorem_tuning
from nag_ntk.theorem import THEOREMS
from proofs_check.judging.ask import outcomes_of
from proofs_check.judging.finding import Verdict
from proofs_check.judging.verdict import decide
from proofs_check.lemma import Run, proved
from proofs_check.lemma.proved import hypotheses, least_proved_width
from proofs_check.lemmas import CATALOGUE

CONTRACTIONS = {lemma.method: lemma for lemma in CATALOGUE if lemma.id.endswith("-contraction")}


@pytest.fixture(scope="module")
def run():
    data = sphere(3, 40)
    methods = tuple(theorem_tuning(name, data) for name in THEOREMS)
    return Run("a", data, methods, simulate(data, methods, 64, 4, 3), 0.1)


def wide(run, width):
    """The run as if its networks had this width."""
    return replace(run, trajectory=replace(run.trajectory, width=width))


@pytest.mark.parametrize("name", THEOREMS)
def test_the_hypotheses_hold_from_the_width_on_at_which_the_theorem_is_proved(run, name):
    least = least_proved_width(run.data, run.methods[run.index(name)], run.delta).width
    enough = hypotheses(wide(run, int(1.1 * least)), name)
    assert enough.hold is True
    assert enough.words.startswith("hypotheses hold: m >= m*, m* = ")
    narrow = hypotheses(wide(run, int(0.9 * least)), name)
    assert narrow.hold is False
    assert narrow.words.startswith("outside the hypotheses: not proved at this width, m* = ")
    for each in (enough, narrow):
        said = float(re.search(r"m\* = (.*)$", each.words)[1])
        assert 0.95 * least <= said <= 1.6 * least  # the search within 1.5, two digits


def test_delta_and_the_law_of_the_neurons_count(run):
    width = int(1.1 * least_proved_width(run.data, run.methods[2], 0.1).width) // 2 * 2
    assert hypotheses(wide(run, width), "nesterov").hold
    assert not hypotheses(replace(wide(run, width), delta=1e-9), "nesterov").hold
    between = int(2 * least_proved_width(run.data, run.methods[2], 0.1, True).width) // 2 * 2
    assert between < 0.5 * width
    known = {}
    for init in ("independent", "antisymmetric", "given"):
        narrow = wide(run, between)
        known[init] = hypotheses(replace(narrow, trajectory=replace(narrow.trajectory, init=init)), "nesterov").hold
    assert known == {"independent": False, "antisymmetric": True, "given": None}


def test_long_proofs_are_not_tried(run, monkeypatch):
    monkeypatch.setattr(proved, "_NUMBERS", 1.0)
    monkeypatch.setattr(proved, "prepare", None)
    known = hypotheses(run, "nesterov")
    assert known.hold is None
    assert "nag-ntk width takes the time" in known.words


@pytest.mark.parametrize("name", THEOREMS)
def test_a_finding_says_whether_the_hypotheses_hold(run, name):
    least = least_proved_width(run.data, run.methods[run.index(name)], run.delta).width
    for width, known in ((2 * least, True), (64, False)):
        findings = decide(outcomes_of(CONTRACTIONS[name], wide(run, width), "a", 10.0), 0.05)
        assert {found.proved for found in findings} == {known}
        assert all(("hypotheses hold" if known else "outside the hypotheses") in found.reason for found in findings)


@pytest.mark.parametrize("name", THEOREMS)
def test_runs_that_contradict_the_theorem_within_its_hypotheses_are_an_error(run, name):
    """Every residual grows: refuted at a width that proves nothing, an error where the theorem is proved."""
    least = least_proved_width(run.data, run.methods[run.index(name)], run.delta).width
    growth = 1e3 ** np.arange(4)[:, None]
    grown = replace(run, trajectory=replace(run.trajectory, residual=run.trajectory.residual * growth))
    for width, verdict in ((2 * least, Verdict.ERROR), (64, Verdict.REFUTED)):
        findings = decide(outcomes_of(CONTRACTIONS[name], wide(grown, width), "a", 10.0), 0.05)
        assert {found.verdict for found in findings} == {verdict}
        assert all(found.reason.startswith("contradicts a proof: ") is (width > 64) for found in findings)
