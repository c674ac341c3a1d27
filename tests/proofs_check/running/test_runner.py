"""Seeds added until decided: which seeds, at which level, and whose verdict stands."""

from pathlib import Path

import numpy as np
import pytest

from nag_ntk import InputError
from proofs_check.judging.finding import Finding, Verdict
from proofs_check.judging.result import StudyResult
from proofs_check.running import looks as module
from proofs_check.running import runner
from proofs_check.study.load import parse_study

STUDY = """
dataset: {source: sphere, samples: 2, dimension: 2}
methods: [nesterov]
width: 32
seeds: 8
steps: 3
level: 0.06
lemmas: [flip-count, distance]
"""


def study():
    return parse_study(STUDY, name="looks", base=Path())


@pytest.fixture
def looks(monkeypatch):
    """Records (seeds, level) of every look; the verdicts per look are handed out from a list."""
    seen, verdicts = [], []

    def verify(at, **options):
        seen.append((at.runs[0].seeds, at.level))
        rows = verdicts[len(seen) - 1]
        findings = tuple(Finding(name, "looks", verdict, f"look {len(seen)}") for name, verdict in rows.items())
        return StudyResult(at, findings, (), ())

    monkeypatch.setattr(module, "verify", verify)
    return seen, verdicts


def test_seeds_double_and_each_look_pays_with_its_share_of_the_level(looks):
    seen, verdicts = looks
    verdicts += 4 * [{"a": Verdict.INCONCLUSIVE}]
    result = module.verify_until_decided(study(), 50)
    assert [seeds for seeds, _ in seen] == [8, 16, 32, 50]
    assert [level for _, level in seen] == pytest.approx([0.06 / 2, 0.06 / 6, 0.06 / 12, 0.06 / 20])
    assert (result.study.runs[0].seeds, result.study.level) == (50, 0.06)


def test_the_first_deciding_verdict_stands_and_nothing_more_is_run_than_needed(looks):
    seen, verdicts = looks
    verdicts += [
        {"a": Verdict.INCONCLUSIVE, "b": Verdict.REFUTED, "c": Verdict.VACUOUS},
        {"a": Verdict.SUPPORTED, "b": Verdict.SUPPORTED, "c": Verdict.INCONCLUSIVE},
    ]
    findings = {f.lemma: (f.verdict, f.reason) for f in module.verify_until_decided(study(), 1000).findings}
    assert len(seen) == 2
    assert findings == {
        "a": (Verdict.SUPPORTED, "look 2"),
        "b": (Verdict.REFUTED, "look 1"),
        "c": (Verdict.VACUOUS, "look 1"),
    }


def test_a_limit_below_the_seeds_of_the_study_is_refused(looks):
    with pytest.raises(InputError, match="max_seeds"):
        module.verify_until_decided(study(), 7)
    assert looks[0] == []


@pytest.mark.slow
def test_real_runs_are_decided_with_enough_seeds():
    result = module.verify_until_decided(study(), 256)
    verdicts = {f.lemma: f.verdict for f in result.findings}
    assert verdicts == dict.fromkeys(("flip-count", "distance", "distance/sharp"), Verdict.SUPPORTED)
    used = result.study.runs[0].seeds
    assert 8 < used < 256
    assert len(result.runs[0].trajectory.seeds) == used
    fixed = runner.verify(study().with_seeds(used))
    assert {f.lemma: f.worst_seed for f in fixed.findings} == {f.lemma: f.worst_seed for f in result.findings}


def test_a_run_that_diverges_is_judged_without_warnings_of_its_numbers():
    """Warnings are errors here, and would be rows of their own."""
    diverging = parse_study(
        "{dataset: {source: sphere, samples: 8, dimension: 5}, width: 500, seeds: 4, steps: 2000, "
        "methods: [{name: nesterov, eta: 3.9, beta: 0.9}]}", name="diverging", base=Path(),
    )  # fmt: skip
    result = runner.verify(diverging)
    assert not np.isfinite(result.runs[0].trajectory.residual_norm[..., -1]).any()
    assert Verdict.ERROR not in {found.verdict for found in result.findings}
    assert {found.lemma: found.verdict for found in result.findings}["distance"] is not Verdict.SUPPORTED
