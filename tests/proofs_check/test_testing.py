"""The conformance kit notices every defect planted into a good lemma, and says which."""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from proofs_check import testing
from proofs_check.lemma import Control, Inequality, Law, Lemma, NotApplicable, Proof, Run, Trials
from proofs_check.testing import check_lemma

ROOT = Path(__file__).resolve().parents[2]
STUDY = {"methods": ["gradient_descent"], "width": 64, "seeds": 32, "steps": 4}


def first_step(run: Run, factor: float, failure: float = 0.0) -> Trials:
    """The first step of gradient descent does not enlarge the residual by the factor."""
    norm = run.trajectory.residual_norm
    names = {"method": tuple(method.name for method in run.methods)}
    inequality = Inequality(norm[..., 1:], factor * norm[..., :1], ("seed", "method", "step"), labels=names)
    return Trials(inequality, failure, run.trajectory.seeds)


GOOD = Lemma(
    id="no-blow-up",
    title="The residual does not blow up",
    statement="|xi(t)| <= 3 |xi(0)| for the first steps.",
    hypotheses="tuning of the theorem",
    kind="every run",
    source="derived",
    provenance="derived",
    decision="One violation refutes.",
    check=lambda run: first_step(run, 3.0),
    controls=(
        Control("tenth", "at most a tenth", lambda run: first_step(run, 0.1)),
        Control("half", "at most a hundredth, mostly", lambda run: first_step(run, 0.01, 0.1)),
    ),
    constants="3 is a round number",
    study=STUDY,
    trains=True,
)


def refuses(lemma: Lemma, *sentences: str) -> str:
    """The kit's message, which has exactly these sentences (regular expressions), each naming the lemma."""
    with pytest.raises(AssertionError) as caught:
        check_lemma(lemma)
    lines = str(caught.value).split("\n")
    assert len(lines) == len(sentences), lines
    for line, sentence in zip(lines, sentences, strict=True):
        assert line.startswith(f"{lemma.id}: "), line
        assert re.search(sentence, line), line
    return str(caught.value)


def test_a_good_lemma_passes():
    check_lemma(GOOD)


@pytest.mark.slow
def test_a_good_lemma_passes_in_another_study_and_scope():
    check_lemma(GOOD, study={**STUDY, "width": 32}, seeds=12)
    for scope in ("once", "study"):
        check_lemma(_scoped(scope))


def _scoped(scope):
    if scope == "once":
        return replace(GOOD, scope="once")

    def both(runs, factor, failure=0.0):
        wide, narrow = (run.trajectory.residual_norm[:, 0, 1:] for run in runs)
        start = runs[0].trajectory.residual_norm[:, 0, :1]
        return Trials(Inequality(wide + narrow, factor * start, ("seed", "step")), failure, runs[0].trajectory.seeds)

    controls = (
        Control("tenth", "at most a tenth", lambda runs: both(runs, 0.1)),
        Control("half", "at most a hundredth", lambda runs: both(runs, 0.01, 0.1)),
    )
    study = {**STUDY, "runs": {"wide": {"width": 128}, "narrow": {}}}
    return replace(GOOD, scope="study", check=lambda runs: both(runs, 9.0), controls=controls, study=study)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"source": "a friend"}, "source names neither an arXiv id nor"),
        ({"source": " "}, "source is empty"),
        ({"constants": ""}, "constants is empty"),
        ({"statement": "\n"}, "statement is empty"),
        ({"title": ""}, "title is empty"),
        ({"hypotheses": ""}, "hypotheses is empty"),
        ({"decision": ""}, "decision is empty"),
        ({"id": "No Blow_up"}, "is not lower-case words joined by hyphens"),
        ({"provenance": "guessed"}, "provenance 'guessed' is none of"),
        ({"kind": "rumour"}, "kind 'rumour' is none of"),
        ({"controls": GOOD.controls[:1]}, "has 1 controls, at least 2"),
        ({"controls": (GOOD.controls[0], GOOD.controls[0])}, "two controls have the same id"),
        ({"controls": (GOOD.controls[0], replace(GOOD.controls[1], statement=GOOD.statement))}, "does not say what it"),
        ({"controls": (GOOD.controls[0], replace(GOOD.controls[1], id=""))}, "id of the control, ''"),
    ],
)
def test_incomplete(change, sentence):
    refuses(replace(GOOD, **change), sentence)


def test_no_docstring():
    namespace = {"first_step": first_step}
    exec("check = lambda run: first_step(run, 3.0)", namespace)
    nowhere = namespace["check"]
    assert testing.complete(replace(GOOD, check=nowhere)) == ("neither the check nor its module has a docstring",)


def test_false_lemma():
    lemma = replace(GOOD, check=lambda run: first_step(run, 0.2))
    refuses(lemma, "no-blow-up on conformance is REFUTED: seed .*observed")


def test_broken_lemma():
    refuses(replace(GOOD, check=lambda run: 1 / 0), "is ERROR: ZeroDivisionError")


def test_vacuous_lemma():
    lemma = replace(GOOD, check=lambda run: {"a": first_step(run, 3.0), "b": NotApplicable("too narrow")})
    refuses(lemma, "no-blow-up/b on conformance is VACUOUS in its own study, so it was never tested: too narrow")


def test_true_control():
    control = Control("true", "at most ten times", lambda run: first_step(run, 10.0))
    refuses(
        replace(GOOD, controls=(GOOD.controls[0], control)), "control true is (SUPPORTED|INCONCLUSIVE), not REFUTED"
    )


def test_control_with_a_true_part():
    control = Control("parts", "two", lambda run: {"a": first_step(run, 0.1), "b": first_step(run, 10.0)})
    refuses(replace(GOOD, controls=(GOOD.controls[0], control)), "control parts/b is .*, not REFUTED")


def test_witness_that_does_not_replay():
    """Violations that come from the company of the other seeds: alone, the witness shows none."""

    def crowded(run):
        many = len(run.trajectory.seeds) > 1
        return first_step(run, 0.1 if many else 3.0)

    control = Control("crowd", "only in company", crowded)
    refuses(
        replace(GOOD, controls=(GOOD.controls[0], control)), "witness of control crowd does not replay: .*nothing is"
    )


def test_witness_with_other_numbers():
    control = Control("count", "less than 1/seeds", lambda run: first_step(run, 0.1 / len(run.trajectory.seeds)))
    refuses(replace(GOOD, controls=(GOOD.controls[0], control)), r"witness of control count does not replay: .*alone")


def test_witness_of_another_seed():
    """A check that names the wrong seeds: what it calls seed 0 is not the network of seed 0."""

    def shuffled(run):
        trials = first_step(run, 0.1)
        return replace(trials, seeds=tuple(reversed(trials.seeds)))

    refuses(replace(GOOD, controls=(GOOD.controls[0], Control("names", "wrong names", shuffled))), "does not replay")


def test_proof_without_a_witness_and_with_a_changing_one():
    calls = []

    def changing(run):
        calls.append(run)
        return Proof(False, 1.0, 0.0, "no", {"number": len(calls)})

    bare = Control("bare", "nothing", lambda run: Proof(False, 1.0, 0.0, "no"))
    lemma = replace(GOOD, controls=(bare, Control("changing", "another", changing)))
    refuses(lemma, "control bare is REFUTED without a witness", "changing is REFUTED, but not again with the same")


def law(deviation: float, p_value: float = 0.5, interval=None) -> Law:
    about = interval or (lambda level: (deviation - 0.1 / level**0.1, deviation + 0.1 / level**0.1))
    return Law(p_value, about, 1.0, deviation, 100, {"pair": 1})


def test_margin_of_the_wrong_sign():
    """A law refuted by its p-value although its deviation is within the resolution."""
    control = Control("law", "off by a little", lambda run: law(0.5, 1e-9))
    refuses(
        replace(GOOD, controls=(GOOD.controls[0], control)),
        r"control law is violated and has the margin \+0.5: the wrong",
    )


def test_law_outside_of_its_interval():
    control = Control("law", "far off", lambda run: law(5.0, 1e-9, lambda level: (-0.1, 0.1)))
    refuses(
        replace(GOOD, controls=(GOOD.controls[0], control)),
        r"control law is ERROR, not REFUTED: ValueError: the deviation 5 lies outside of its own interval",
        r"has the deviation 5 outside of its own interval",
    )


def test_law_whose_interval_shrinks():
    def shrinks(level):
        return 5 - level, 5 + level

    control = Control("law", "far off", lambda run: law(5.0, 1e-9, shrinks))
    refuses(replace(GOOD, controls=(GOOD.controls[0], control)), "interval that shrinks where more confidence")


def test_attained_above_its_bound():
    def check(run):
        trials = first_step(run, 3.0)
        return replace(trials, attained=1.5 * trials.inequality.observed)

    refuses(replace(GOOD, check=check), "is ERROR: ValueError: attained is above observed, which is said to bound it")


def test_batch_dependent_check():
    """The mean over seeds in the bound."""

    def check(run):
        norm = run.trajectory.residual_norm
        bound = np.broadcast_to(3.0 * norm[..., :1].mean(axis=0), norm[..., 1:].shape)
        return Trials(Inequality(norm[..., 1:], bound, ("seed", "method", "step")), 0.0, run.trajectory.seeds)

    text = refuses(
        replace(GOOD, check=check), "depends on the batch: seed 0 has bound", "depends on the batch: seed 1 has"
    )
    assert "among fewer of them" in text


def test_order_dependent_check():
    def check(run):
        return first_step(run, 3.0) if run.trajectory.seeds[0] == 0 else first_step(run, 0.1)

    refuses(
        replace(GOOD, check=check),
        "depends on the batch: seed 1 has bound",
        "no-blow-up is INCONCLUSIVE, but REFUTED with the seeds in reverse order",
    )


def test_study_without_its_subject():
    text = refuses(replace(GOOD, method="heavy_ball"), *["cannot be answered: ValueError: no run of this study"] * 4)
    assert "give it a study" in text


def test_no_test_framework_is_needed():
    code = "import sys, proofs_check.testing; sys.exit('pytest' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
