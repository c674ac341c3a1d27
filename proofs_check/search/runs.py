"""Search for counterexamples to claims about training runs.

Hypothesis draws small studies; each is run and the lemma is checked on it. Hypothesis shrinks the first counterexample.
"""

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import seed as seeded

from nag_ntk import Dataset, simulate, theorem_tuning
from nag_ntk.method import METHODS
from proofs_check.judging.ask import applies, outcomes_of
from proofs_check.judging.finding import Finding, Verdict
from proofs_check.judging.verdict import decide
from proofs_check.lemma import Check, Lemma, Run
from proofs_check.running.recording import recording_for
from proofs_check.search.drive import OutOfTime, heed_interrupt, quiet, run_examples
from proofs_check.search.inputs import Attempt
from proofs_check.search.strategies import CHUNK, Trial, trials
from proofs_check.search.witness import WitnessError

LEVEL = 1e-9
"""Family-wise level of each trial: in a thousand trials a true claim is refuted with probability at most 1e-6."""
SECONDS = 60.0
"""Time limit in seconds of the check of a user's lemma on one trial."""


class _Counterexample(Exception):
    """Failure raised at a counterexample, so that hypothesis looks for a smaller one."""


def execute(trial: Trial, lemma: Lemma) -> Run | None:
    """Simulate a trial with the records that the lemma needs; None if the tuning does not exist (lambda_0 is 0).

    Raises:
        nag_ntk.InputError: for a trial that cannot run.
    """
    data = Dataset(np.array(trial.inputs), np.array(trial.targets), name="search")
    # below this lambda_0 is rounding, and so would the tuning be
    if any(eta is None for _, eta, _ in trial.methods) and data.spectrum.lambda_0 <= 1e-12:
        return None
    methods = []
    for name, eta, beta in trial.methods:
        numbers = (eta,) if name == "gradient_descent" else (eta, beta)
        methods.append(theorem_tuning(name, data) if eta is None else METHODS[name](*numbers))
    options, unrecorded = recording_for([lemma], data, trial.width, trial.steps, trial.delta, seconds=SECONDS)
    # one engine for all shapes: which of the two is cheaper changes with the rank
    trajectory = simulate(
        data, methods, trial.width, trial.seeds, trial.steps, engine="preactivations", start=trial.start,
        dtype="float64", key=trial.key, chunk=CHUNK, **options,
    )  # fmt: skip
    return Run("search", data, tuple(methods), trajectory, trial.delta, unrecorded)


def judge(trial: Trial, lemma: Lemma, check: Check) -> tuple[Finding, ...]:
    """Run a trial and return the verdicts on it; empty if the lemma does not apply."""
    run = execute(trial, lemma)
    if run is None or not applies(lemma, run):
        return ()
    return decide(outcomes_of(replace(lemma, check=check), run, "search", SECONDS), LEVEL)


def refutation(findings: tuple[Finding, ...]) -> Finding | None:
    """Return the first finding that is REFUTED, or None."""
    return next((f for f in findings if f.verdict is Verdict.REFUTED), None)


def search_runs(
    lemma: Lemma, check: Check, examples: int, seconds: float, seed: int, say: Callable[[str], None], **options: Any
) -> tuple[Attempt, Trial | None, Finding | None, dict[str, Any]]:
    """Look for a run that refutes a claim.

    Args:
        lemma: decides the runs that are drawn (for a lemma about a method, with its theorem's tuning and the gradient
            start) and the records that they make.
        check: the claim, the lemma's own or a control's.
        examples: trials to draw.
        seconds: time after which no new trial begins.
        seed: fixes every random choice.
        say: called with a line of progress.
        options: passed on to ``strategies.trials``.

    Returns:
        The record of the search, the shrunk trial or None, its finding or None, and its origin for the witness.
    """
    end = time.monotonic() + seconds
    attempt = Attempt()
    best: list[tuple[Trial, Finding]] = []
    first: list[Trial] = []
    judged: dict[Trial, tuple[Finding, ...]] = {}

    @seeded(seed)
    @quiet(examples)
    @given(trials(**{"trains": lemma.trains, "tuned": lemma.method is not None, **options}))
    def example(trial: Trial) -> None:
        heed_interrupt()
        if trial not in judged:
            if time.monotonic() > end:
                attempt.stop_reason = "out of time"
                raise OutOfTime
            judged[trial] = judge(trial, lemma, check)
            _account(attempt, judged[trial], counted=not best)
            if not best and attempt.examples % 20 == 0:
                say(f"{attempt.examples} runs; closest margin {-attempt.best_score:.3g}")
        finding = refutation(judged[trial])
        if finding is not None:
            if not best:
                first.append(trial)
                say(f"counterexample in run {attempt.examples}: {trial.label()}; shrinking")
            best.append((trial, finding))
            raise _Counterexample

    if examples:
        run_examples(example, _Counterexample)
    if not best:
        return attempt, None, None, {}
    trial, finding = min(best, key=lambda pair: complexity(pair[0]))
    origin = {"by": "draw", "seed": seed, "examples": attempt.examples, "before shrinking": first[0].label()}
    return attempt, trial, finding, origin


def complexity(trial: Trial) -> tuple[float, ...]:
    """Rank a trial by samples, neurons, steps and dimensions, then by the length of its numbers; smaller is simpler."""
    entries = [x for row in trial.inputs for x in row] + list(trial.targets)
    size = (len(trial.inputs), trial.width, trial.steps, len(trial.inputs[0]))
    return (*size, sum(len(x.hex()) for x in entries), sum(x < 0 for x in entries), trial.key)


def _account(attempt: Attempt, findings: tuple[Finding, ...], counted: bool) -> None:
    if not counted:
        return
    attempt.examples += 1
    for finding in findings:
        if finding.verdict is Verdict.ERROR:
            attempt.errors += 1
            attempt.first_error = attempt.first_error or finding.reason
        # the margin of a law compares with its resolution and says nothing about a violation
        elif finding.margin is not None and finding.violations is not None and -finding.margin > attempt.best_score:
            attempt.best_score = -float(finding.margin)


def as_data(trial: Trial) -> dict[str, Any]:
    """Convert a trial to the data of a witness, floats in hexadecimal.

    Example:
        >>> as_data(Trial(((1.0,),), (0.5,), 1, 2, 3))["targets"]
        ['0x1.0000000000000p-1']
    """
    raw = asdict(trial)
    raw["rows"] = [[x.hex() for x in row] for row in raw.pop("inputs")]
    raw["targets"] = [x.hex() for x in raw["targets"]]
    raw["methods"] = [[n, None if e is None else e.hex(), b.hex()] for n, e, b in raw["methods"]]
    return raw


def from_data(data: Mapping[str, Any]) -> Trial:
    """Convert stored data back to a trial; the inverse of `as_data`.

    Raises:
        WitnessError: if a field is missing or not a number.
    """
    number = float.fromhex
    with contextlib.suppress(TypeError, ValueError, KeyError, OverflowError):
        raw = dict(data)
        rows = tuple(tuple(map(number, row)) for row in raw.pop("rows"))
        targets = tuple(map(number, raw.pop("targets")))
        methods = tuple((n, None if e is None else number(e), number(b)) for n, e, b in raw.pop("methods"))
        return Trial(inputs=rows, targets=targets, methods=methods, **raw)
    raise WitnessError("the run of the witness is incomplete or no number where one is needed")
