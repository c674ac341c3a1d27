"""Every lemma: no positive case refuted, at least two controls, every control REFUTED by the same machinery."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML

from proofs_check.config import parse_study
from proofs_check.finding import Verdict
from proofs_check.lemma import Run
from proofs_check.lemmas import CATALOGUE
from proofs_check.runner import applies, execute, refute, verify

# 64 seeds: a control that fails in every run is refuted at 1e-3 from 4 seeds on, a half of them from 30
BASE = {
    "dataset": {"source": "digits", "samples": 8},
    "methods": ["gradient_descent", "heavy_ball", "nesterov"],
    "width": 512,
    "seeds": 64,
    "steps": 150,
}
CONTROLS = [(lemma, control) for lemma in CATALOGUE for control in lemma.controls]


def _text(overrides) -> str:
    from io import StringIO

    stream = StringIO()
    YAML().dump({**BASE, **overrides}, stream)
    return stream.getvalue()


@cache
def _run(text: str) -> Run:
    study = parse_study(text, name="control", base=Path())
    return execute(study.runs[0], CATALOGUE, study.delta)


@pytest.mark.parametrize("lemma", CATALOGUE, ids=lambda lemma: lemma.id)
def test_a_lemma_is_complete(lemma):
    assert len(lemma.controls) >= 2
    assert len({control.id for control in lemma.controls}) == len(lemma.controls)
    for text in (lemma.title, lemma.statement, lemma.hypotheses, lemma.source, lemma.decision):
        assert text.strip()
    assert lemma.provenance in {"derived", "form of", "recalled"}
    assert lemma.kind in {"identity", "exact law", "instance", "probability", "every run", "all kappa"}


def test_ids_are_unique():
    assert len({lemma.id for lemma in CATALOGUE}) == len(CATALOGUE)


@pytest.mark.parametrize(("lemma", "control"), CONTROLS, ids=[f"{x.id}-{c.id}" for x, c in CONTROLS])
def test_a_control_is_refuted(lemma, control):
    findings = refute(control, _run(_text(control.study)))
    assert [f.verdict for f in findings] == [Verdict.REFUTED] * len(findings), [f.reason for f in findings]
    assert all(f.reason for f in findings)


@pytest.mark.parametrize(
    "overrides",
    [
        {},
        {"start": "extrapolated"},
        {"engine": "weights"},
        {"dataset": {"source": "sphere", "samples": 5, "dimension": 3}, "seeds": 100},
        {"dataset": {"source": "sphere", "samples": 1, "dimension": 1}, "width": 64},
        {"dataset": {"source": "pairs", "pairs": 2, "angle": 0.3, "dimension": 5, "labels": "paired"}, "width": 4096},
        {"width": 1, "seeds": 8, "steps": 20},
        {"steps": 0},
        {"dtype": "float32"},
    ],
    ids=["digits", "extrapolated", "weights", "sphere", "one-sample", "pairs", "one-neuron", "untrained", "float32"],
)
def test_no_positive_case_is_refuted(overrides):
    study = parse_study(_text(overrides), name="positive", base=Path())
    findings = verify(study).findings
    wrong = [(f.lemma, f.reason) for f in findings if f.verdict in (Verdict.REFUTED, Verdict.ERROR)]
    # one neuron is no wide network: there the theorem's "m large enough" is what fails
    if overrides.get("width") == 1:
        wrong = [row for row in wrong if "contraction" not in row[0]]
    assert not wrong


def test_the_same_study_gives_the_same_findings():
    study = parse_study(_text({"seeds": 8, "steps": 30}), name="twice", base=Path())
    rows = [[{**f.to_row(), "wall_time": 0} for f in verify(study).findings] for _ in range(2)]
    assert rows[0] == rows[1]


def test_a_broken_lemma_is_an_error_and_the_rest_is_unharmed(monkeypatch):
    from dataclasses import replace

    from proofs_check import runner

    def broken(run):
        raise ZeroDivisionError("no luck")

    catalogue = (replace(CATALOGUE[0], check=broken), *CATALOGUE[1:])
    monkeypatch.setattr(runner, "CATALOGUE", catalogue)
    study = parse_study(_text({"seeds": 4, "steps": 2}), name="broken", base=Path())
    findings = {f.lemma: f for f in verify(study).findings}
    assert findings["gram-limit"].verdict is Verdict.ERROR
    assert "no luck" in findings["gram-limit"].reason
    assert findings["gram-positive"].verdict is Verdict.CERTIFIED


def test_a_lemma_without_its_method_is_skipped():
    study = parse_study(_text({"methods": ["nesterov"], "seeds": 2, "steps": 3}), name="one", base=Path())
    result = verify(study)
    assert "gd-contraction @ one" in result.skipped
    assert not any(f.lemma.startswith("gd-contraction") for f in result.findings)
    assert all(applies(lemma, result.runs[0]) for lemma in CATALOGUE if lemma.method in (None, "nesterov"))


def test_rounding_bounds_are_neither_broken_nor_idle():
    """The recursion's defect stays below its bound, and the bound below the size of one wrong flip."""
    run = _run(_text({}))
    finding = next(x for x in CATALOGUE if x.id == "residual-recursion").check(run)
    ratio = np.max(finding.inequality.observed / finding.inequality.bound)
    assert 1e-6 < ratio < 1
