"""The catalogue passes the conformance kit; no positive case is refuted, broken lemmas harm no other."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tiers import family

import nag_ntk
from nag_ntk import simulate, sphere
from proofs_check import lemmas, testing
from proofs_check.judging.finding import Verdict
from proofs_check.judging.returned import evidence_from, trials_of
from proofs_check.lemma import Claim, Inequality, Lemma, Run, Trials
from proofs_check.lemmas import CATALOGUE
from proofs_check.running.runner import applies, verify
from proofs_check.study.load import parse_study

QUESTIONS = (
    testing.complete,
    testing.not_refuted,
    testing.controls_refuted,
    testing.margins_have_the_right_sign,
    testing.same_in_any_batch,
    testing.fits_other_methods,
)


def _study(overrides, name="study"):
    return parse_study(json.dumps({**testing.BASE, **overrides}), name=name, base=Path())


LARGE = (
    "gd-contraction", "gram-concentration", "gram-separation", "gram-stability", "lazy-exit", "nesterov-increasing",
    "nesterov-vs-gd",
)  # fmt: skip
"""They train networks of their own, most of them wide, long or with H(t), as a lemma about a whole study does; in the
plain run tests/proofs_check/lemmas/test_bounds.py holds their bounds and controls against loops."""


def _small(case):
    question, lemma = case
    return question is testing.complete or (lemma.scope != "study" and lemma.id not in LARGE)


def _name(part):
    return part.id if isinstance(part, Lemma) else part.__name__


CASES = [(question, lemma) for question in QUESTIONS for lemma in CATALOGUE]


@pytest.mark.parametrize(("question", "lemma"), family(CASES, _small), ids=_name)
def test_conformance(question, lemma):
    assert question(lemma) == ()


def test_no_lemma_makes_trials_itself():
    """A check returns an Inequality, as docs/extending.md teaches; seeds, labels and the failure are its caller's."""
    sources = [path.read_text(encoding="utf-8") for path in Path(lemmas.__file__).parent.glob("*.py")]
    assert len(sources) > 15
    assert not any(re.search(r"\bTrials\b", source) for source in sources)


def test_what_a_part_claims_of_its_own_goes_before_the_kind_of_its_lemma():
    (run,) = testing.subjects(next(x for x in CATALOGUE if x.id == "flip-fraction"), {"seeds": 4, "steps": 3})
    plain = Inequality(np.zeros(4), 1.0)
    for kind in Claim:
        assert trials_of(plain, (run,), kind).failure == (run.delta if kind == "probability" else 0.0)
        for claim, failure in ((Claim.PROBABILITY, run.delta), ("every run", 0.0)):
            trials = trials_of(replace(plain, claim=claim), (run,), kind)
            assert (trials.failure, trials.claim, trials.seeds) == (failure, claim, run.trajectory.seeds)
    found = evidence_from(replace(plain, note="so", attained=np.zeros(4)), run, "every run")
    assert isinstance(found, Trials)
    assert (found.note, found.attained.tolist()) == ("so", [0.0] * 4)
    with pytest.raises(ValueError, match="claim must be one of every run, probability, or None, got 'scaling'"):
        trials_of(replace(plain, claim="scaling"), (run,), "every run")


def test_axes_are_labelled_where_the_number_of_positions_fits():
    (run,) = testing.subjects(next(x for x in CATALOGUE if x.id == "lazy-exit"), {"seeds": 4, "steps": 3})
    names, times = tuple(m.name for m in run.methods), len(run.trajectory.gram_path.steps)
    axes = ("seed", "method", "time")
    for shape, expected in (
        ((4, len(names), times), {"method": names, "time": tuple(f"step {t}" for t in run.trajectory.gram_path.steps)}),
        ((4, len(names) + 1, times + 1), {}),
    ):
        assert trials_of(Inequality(np.zeros(shape), 1.0, axes), (run,), "every run").inequality.labels == expected
    own = Inequality(np.zeros((4, 3)), 1.0, ("seed", "method"), labels={"method": ("a", "b", "c")})
    assert trials_of(own, (run,), "every run").inequality.labels == own.labels


def test_ids_are_unique():
    assert len({lemma.id for lemma in CATALOGUE}) == len(CATALOGUE)


POSITIVE = {
    "digits": {},
    "extrapolated": {"start": "extrapolated", "engine": "weights"},
    "sphere": {"dataset": {"source": "sphere", "samples": 5, "dimension": 3}},
    "one-sample": {"dataset": {"source": "sphere", "samples": 1, "dimension": 1}, "width": 64},
    "pairs": {
        "dataset": {"source": "pairs", "pairs": 2, "angle": 0.3, "dimension": 5, "labels": "paired"},
        "width": 4096,
    },
    "antisymmetric": {"init": "antisymmetric"},
    "one-neuron": {"width": 1, "seeds": 8, "steps": 20},
    "untrained": {"steps": 0},
    "float32": {"dtype": "float32"},
}


@pytest.mark.parametrize(
    "overrides", family(POSITIVE, {"digits", "antisymmetric", "one-neuron", "untrained", "float32"}.__contains__)
)
def test_no_positive_case_is_refuted(overrides):
    findings = verify(_study(overrides)).findings
    wrong = [(f.lemma, f.reason) for f in findings if f.verdict in (Verdict.REFUTED, Verdict.ERROR)]
    # one neuron is no wide network: there the theorem's "m large enough" is what fails
    if overrides.get("width") == 1:
        large = {lemma.id for lemma in CATALOGUE if "m large enough" in lemma.hypotheses}
        wrong = [row for row in wrong if row[0].split("/")[0] not in large]
    assert not wrong


@pytest.mark.slow
@pytest.mark.parametrize("lemma", [lemma for lemma in CATALOGUE if lemma.scope == "run"], ids=lambda lemma: lemma.id)
def test_no_positive_case_is_refuted_over_500_seeds(lemma):
    """In the lemma's own study, where it says something; lemmas that ask for the same runs share them."""
    assert testing.not_refuted(lemma, seeds=500) == ()


def test_the_same_study_gives_the_same_findings():
    study = _study({"seeds": 8, "steps": 30})
    rows = [[{**f.to_row(), "wall_time": 0} for f in verify(study).findings] for _ in range(2)]
    assert rows[0] == rows[1]


def test_a_broken_lemma_is_an_error_and_the_rest_is_unharmed():
    def broken(run):
        raise ZeroDivisionError("no luck")

    lemmas = (replace(CATALOGUE[0], check=broken), *CATALOGUE[1:])
    findings = {f.lemma: f for f in verify(_study({"seeds": 8, "steps": 30}), lemmas=lemmas).findings}
    assert findings["gram-limit"].verdict is Verdict.ERROR
    assert "no luck" in findings["gram-limit"].reason
    assert findings["gram-positive"].verdict is Verdict.CERTIFIED


def test_a_lemma_without_its_method_is_skipped():
    others = ["heavy_ball", "nesterov", "nesterov_increasing"]
    result = verify(_study({"methods": others, "seeds": 8, "steps": 30}, name="one"))
    assert "gd-contraction @ one" in result.skipped
    assert not any(f.lemma.startswith("gd-contraction") for f in result.findings)
    assert all(applies(lemma, result.runs[0]) for lemma in CATALOGUE if lemma.method in (None, "nesterov"))


def test_rounding_bounds_are_neither_broken_nor_idle():
    """The recursion's defect stays below its bound, and the bound below the size of one wrong flip."""
    lemma = next(x for x in CATALOGUE if x.id == "residual-recursion")
    (run,) = testing.subjects(lemma, {})
    inequality = lemma.check(run)
    assert 1e-6 < np.max(inequality.observed / inequality.bound) < 1


@pytest.mark.parametrize(
    ("axes", "fits"),
    [
        (("seed", "method", "step", "sample"), None),
        (("seed", "step", "method", "sample"), "('seed', 'method', 'step', 'sample')"),
        (("seed", "sample", "step", "method"), "('seed', 'method', 'step', 'sample')"),
        (("seed", "step", "sample", "method"), "('seed', 'method', 'step', 'sample')"),
        (("seed", "method", "time", "sample"), None),
        (("seed", "sample", "time", "step"), None),  # no order of these names fits: the names are the author's own
    ],
)
def test_axes_that_are_named_in_another_order_are_refused(axes, fits):
    data = sphere(4, 3)
    methods = (nag_ntk.gradient_descent(0.1), nag_ntk.nesterov(0.1, 0.5))
    run = Run("r", data, methods, simulate(data, methods, 16, 3, 7), 0.1)
    plain = Inequality(run.trajectory.residual, 1.0, axes)
    if fits is None:
        assert evidence_from(plain, run, "every run").inequality.axes == axes
    else:
        with pytest.raises(ValueError, match="in another order than they stand") as refused:
            evidence_from(plain, run, "every run")
        assert f"{fits} fits this run" in str(refused.value)
    steps = Inequality(run.trajectory.residual_norm[..., 1:], 1.0, ("seed", "method", "step"))
    assert evidence_from(steps, run, "every run").inequality.axes == steps.axes
    with pytest.raises(ValueError, match=r"\(step 2, method 7\)"):
        evidence_from(replace(steps, axes=("seed", "step", "method")), run, "every run")
