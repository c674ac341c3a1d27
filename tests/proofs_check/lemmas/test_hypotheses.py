"""Where the hypotheses of a lemma fail, it is VACUOUS and says why: never REFUTED, never an ERROR."""

import json

import numpy as np
import pytest

from proofs_check.judging.finding import Verdict
from proofs_check.running.runner import verify
from proofs_check.study.load import parse_study

BASE = {"dataset": {"source": "digits", "samples": 6}, "width": 128, "seeds": 40, "steps": 30}
THEOREMS = ["gd-contraction", "heavy-ball-contraction", "nesterov-contraction", "nesterov-vs-gd"]
TUNED = ["gradient_descent", "heavy_ball", "nesterov"]
FREE = [
    {"name": "gradient_descent", "eta": 0.3},
    {"name": "nesterov", "eta": 0.3, "beta": 0.8},
    {"name": "nesterov_increasing", "eta": 0.3},
]
"""Methods that need no theorem; every study here trains six samples with three methods, so few programs compile."""


def verified(tmp_path, **fields):
    return verify(parse_study(json.dumps({**BASE, **fields}), name="hypotheses", base=tmp_path))


def findings(tmp_path, **fields):
    return verified(tmp_path, **fields).findings


def singular(tmp_path, rows):
    rows = np.array(rows, float)
    np.savez(tmp_path / "data.npz", inputs=rows, targets=np.arange(len(rows)) - 1.0)
    return {"source": "npz", "path": "data.npz", "normalise": True}


@pytest.mark.parametrize(
    "rows",
    [[[1, 0], [-1, 0], [0, 1], [0, -1], [1, 1], [-1, -1]], [[1, 0], [1, 0], [0, 1], [1, 1], [1, -1], [2, 1]]],
    ids=["antipodal", "repeated"],
)
def test_a_singular_limit_refutes_nothing(tmp_path, rows):
    result = verified(tmp_path, dataset=singular(tmp_path, rows), methods=FREE)
    found = result.findings
    assert [(f.lemma, f.reason) for f in found if f.verdict in (Verdict.REFUTED, Verdict.ERROR)] == []
    vacuous = {f.lemma for f in found if f.verdict is Verdict.VACUOUS}
    assert {"gram-concentration/chernoff", "gd-contraction", "lazy-exit", "nesterov-increasing"} <= vacuous
    named = {f.lemma.partition("/")[0] for f in found if 'parallel="drop"' in f.reason}
    assert {"gram-positive", "gram-separation", "gram-concentration", "lazy-exit", "nesterov-increasing"} <= named
    assert {"gd-contraction", "nesterov-contraction"} <= named
    first = "row 1 equals row 0" if rows[0] == rows[1] else "row 1 is opposite to row 0"
    assert all(first in f.reason for f in found if 'parallel="drop"' in f.reason)
    # what was not asked for by name is skipped
    assert "width-scaling @ hypotheses" in result.skipped


@pytest.mark.parametrize(
    ("fields", "lemmas", "why"),
    [
        (
            {"methods": [{"name": "gradient_descent", "eta": 0.02}, *TUNED[1:]]},
            ["gd-contraction"],
            "tuning of the theorem",
        ),
        (
            {"methods": [*TUNED[:2], {"name": "nesterov", "scale": 0.1}]},
            ["nesterov-contraction"],
            "tuning of the theorem",
        ),
        ({"methods": TUNED, "start": "extrapolated"}, ["nesterov-contraction"], "gradient start"),
        (
            {"methods": [*TUNED[:2], {"name": "nesterov_increasing", "eta": 3.0}]},
            ["nesterov-increasing"],
            "eta <= 1/lambda_max",
        ),
    ],
    ids=["numbers", "scale", "start", "step size"],
)
def test_what_a_theorem_does_not_speak_of_is_vacuous(tmp_path, fields, lemmas, why):
    found = findings(tmp_path, lemmas=lemmas, **fields)
    assert {f.verdict for f in found} == {Verdict.VACUOUS}
    assert all(why in f.reason for f in found)


def test_the_tuning_of_the_theorem_is_spoken_of(tmp_path):
    found = findings(tmp_path, lemmas=THEOREMS[:3], methods=TUNED)
    assert Verdict.VACUOUS not in {f.verdict for f in found}


def test_a_second_method_of_the_same_name_is_mentioned(tmp_path):
    methods = ["gradient_descent", {"name": "gradient_descent", "scale": 0.5}, "nesterov"]
    (found,) = findings(tmp_path, lemmas=["gd-contraction"], methods=methods)
    assert "the first of 2 methods called gradient_descent" in found.reason


def test_a_lemma_asked_for_by_name_does_not_vanish(tmp_path):
    (found,) = findings(tmp_path, lemmas=["width-scaling"], methods=TUNED)
    assert (found.lemma, found.verdict) == ("width-scaling", Verdict.VACUOUS)
    assert "at least 4" in found.reason
