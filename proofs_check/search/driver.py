"""The functions `search` and `replay`, for claims about inputs and for claims about runs, and their results."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from proofs_check.lemma import Control, Lemma
from proofs_check.lemmas import CATALOGUE
from proofs_check.search.inputs import Attempt, search_inputs
from proofs_check.search.runs import as_data, from_data, judge, refutation, search_runs
from proofs_check.search.witness import Witness, load, plain, versions

SAME = 1e-9
"""Largest relative difference between a run and its replay, because another machine may sum in another order."""


class SearchError(ValueError):
    """The claim has no data to search, or the budget is invalid."""


@dataclass(frozen=True)
class Outcome:
    """The result of a search.

    Attributes:
        name: the claim, "lemma" or "lemma/control".
        witness: the counterexample, or None.
        attempt: the record of the search.
        seconds: duration of the search.
        hypotheses: the hypotheses of the claim in words; a search ignores hypotheses such as "wide enough".
    """

    name: str
    witness: Witness | None
    attempt: Attempt
    seconds: float
    hypotheses: str

    def summary(self) -> str:
        """Write a few lines for people."""
        attempt = self.attempt
        if self.witness is None:
            work = [f"{attempt.examples} examples"] + ([f"{attempt.ascents} ascents"] if attempt.ascents else [])
            lines = [f"{self.name}: no counterexample in {', '.join(work)}, {self.seconds:.0f} s"]
            if math.isfinite(attempt.best_score):
                lines.append(f"closest score {attempt.best_score + 0.0:.6g} (a violation is above 0)")
        else:
            lines = [f"{self.name}: COUNTEREXAMPLE, found by {self.witness.found['by']} in {self.seconds:.0f} s"]
            lines += [f"  {line}" for line in _readable(self.witness)]
            lines.append(f"  {self.witness.finding['reason']}")
            lines.append(f"hypotheses of the lemma: {self.hypotheses}")
        if attempt.undecided:
            lines.append(f"{attempt.undecided} configurations were left undecided by the exact check")
        if attempt.errors:
            lines.append(f"{attempt.errors} checks ended in an ERROR, the first: {attempt.first_error}")
        if attempt.stop_reason:
            lines.append(f"stopped before the end of its budget: {attempt.stop_reason}")
        return "\n".join(lines)


def _readable(witness: Witness) -> list[str]:
    if witness.kind == "inputs":
        return ["inputs, up to length: " + ", ".join(f"({', '.join(row)})" for row in witness.data["rows"])]
    trial = from_data(witness.data)
    rows = ", ".join(f"({', '.join(f'{x:.6g}' for x in row)})" for row in trial.inputs)
    return [trial.label(), f"inputs: {rows}; targets: {', '.join(f'{x:g}' for x in trial.targets)}"]


def search(
    lemma: Lemma, control: Control | None = None, *, examples: int = 200, ascents: int = 40, seconds: float = 60.0,
    seed: int = 0, progress: Callable[[str], None] | None = None, **options: Any,
) -> Outcome:  # fmt: skip
    """Look for a counterexample to a lemma, or to one of its controls.

    For a claim with `about_data`, hypothesis draws inputs that are decided exactly; then gradient ascent on the score
    follows, whose best points are rounded to small integers and decided exactly. For any other claim, hypothesis draws
    small studies, each of which is run and decided at level 1e-9. A counterexample is shrunk.

    Args:
        lemma: the lemma; its hypotheses on runs hold for its controls too.
        control: attack this false variant instead.
        examples: configurations, or studies, to draw.
        ascents: starts of gradient ascent (claims about inputs only), in eights.
        seconds: time after which no new example begins; shrinking may take a little longer.
        seed: the same seed, versions and program give the same outcome, unless the time limit ended the search.
        progress: called from time to time with a line of text.
        options: for claims about runs, passed to ``strategies.trials`` (shapes, steps, seeds).

    Returns:
        An Outcome.

    Raises:
        SearchError: for a claim without free data, or a negative budget.
        nag_ntk.InputError: while JAX has float64 switched off.

    Cost: about 5 ms per exact example and 2 s per eight ascents; 0.1 s per study, and 1 to 5 s to compile
        each new shape.

    Example:
        >>> import nag_ntk
        >>> nag_ntk.enable_float64()
        >>> from proofs_check.lemmas.gram_separation import GRAM_SEPARATION
        >>> outcome = search(GRAM_SEPARATION, GRAM_SEPARATION.controls[0], examples=100)
        >>> len(outcome.witness.rows()), outcome.witness.finding["verdict"]
        (6, 'REFUTED')
    """
    if examples < 0 or ascents < 0 or not seconds > 0:
        raise SearchError(f"expected budgets >= 0 and a time > 0, got {examples}, {ascents} and {seconds}")
    claim = lemma.about_data if control is None else control.about_data
    name = lemma.id if control is None else f"{lemma.id}/{control.id}"
    say = progress or (lambda line: None)
    started = time.monotonic()
    head = (lemma.id, "" if control is None else control.id)
    witness = None
    if claim is not None:
        attempt, rows, proof, origin = search_inputs(claim, examples, ascents, seconds, seed, say)
        if rows is not None and proof is not None:
            data = {"rows": [[str(x) for x in row] for row in rows]}
            witness = Witness(*head, "inputs", data, _of_proof(proof), plain(origin), versions())
    elif lemma.scope != "run":
        raise SearchError(f"{name} has no free data to search: it is checked {_SCOPES[lemma.scope]}")
    else:
        check = lemma.check if control is None else control.check
        attempt, trial, finding, origin = search_runs(lemma, check, examples, seconds, seed, say, **options)
        if trial is not None and finding is not None:
            witness = Witness(*head, "run", as_data(trial), _of_finding(finding), plain(origin), versions())
    return Outcome(name, witness, attempt, time.monotonic() - started, lemma.hypotheses)


_SCOPES = {"once": "once, for all data", "study": "on all runs of a study together"}


def _of_proof(proof: Any) -> dict[str, Any]:
    sides = {"observed": proof.observed, "bound": proof.bound}
    verdict = {True: "CERTIFIED", False: "REFUTED", None: "INCONCLUSIVE"}[proof.decided]
    return plain({"verdict": verdict, "reason": proof.reason, **sides, "witness": dict(proof.witness)})


def _of_finding(finding: Any) -> dict[str, Any]:
    sides = {"observed": finding.observed, "bound": finding.bound}
    head = {"part": finding.lemma, "verdict": finding.verdict.value, "reason": finding.reason}
    return plain({**head, **sides, "witness": dict(finding.witness)})


@dataclass(frozen=True)
class Replay:
    """The result of checking a stored counterexample again.

    Attributes:
        witness: the stored counterexample.
        holds: True if the claim is refuted again, with the same numbers.
        message: the result as a sentence.
    """

    witness: Witness
    holds: bool
    message: str


def replay(path: str | Path, lemmas: Sequence[Lemma] | None = None) -> Replay:
    """Check a stored counterexample again, from the file alone.

    Claims about inputs are decided again in ball arithmetic; reason, numbers and kernel vector must be the same. Runs
    are simulated again; verdict, observed and bound must agree to a relative difference of 1e-9.

    Args:
        path: a file that ``Witness.save`` wrote.
        lemmas: where to find the lemma; the catalogue if None.

    Raises:
        WitnessError: if the file cannot be read or was changed.
        SearchError: if the lemma or control does not exist, or is not a claim of the stored kind.
    """
    witness = load(path)
    lemma = next((each for each in lemmas or CATALOGUE if each.id == witness.lemma), None)
    if lemma is None:
        raise SearchError(f'the witness is about "{witness.lemma}", which is no lemma here')
    control = next((each for each in lemma.controls if each.id == witness.control), None)
    if witness.control and control is None:
        raise SearchError(f'the witness is about "{witness.name}", which is no control here')
    target = lemma if control is None else control
    if witness.kind == "inputs":
        if target.about_data is None:
            raise SearchError(f"{witness.name} is no claim about inputs alone any more")
        replayed = _of_proof(target.about_data.confirm(witness.rows()))
    else:
        findings = judge(from_data(witness.data), lemma, target.check)
        same = [f for f in findings if f.lemma == witness.finding.get("part")]
        finding = refutation(tuple(same)) or next(iter(same), None)
        replayed = {"verdict": "not applicable"} if finding is None else _of_finding(finding)
    return _compare(witness, replayed)


def _compare(witness: Witness, replayed: dict[str, Any]) -> Replay:
    stored = witness.finding
    if replayed["verdict"] != "REFUTED":
        return Replay(
            witness, False, f"{witness.name}: not refuted any more, {replayed['verdict']}: {replayed.get('reason')}"
        )
    exact = ("reason", "observed", "bound", "witness") if witness.kind == "inputs" else ()
    changed = [key for key in exact if stored.get(key) != replayed[key]]
    if witness.kind == "run":
        changed = [key for key in ("observed", "bound") if not _alike(stored.get(key), replayed[key])]
    if changed:
        numbers = "; ".join(f"{key}: {stored.get(key)} then, {replayed[key]} now" for key in changed)
        return Replay(witness, False, f"{witness.name}: refuted, but not as stored: {numbers}")
    return Replay(witness, True, f"{witness.name}: refuted again: {replayed['reason']}")


def _alike(first: Any, second: Any) -> bool:
    if isinstance(first, int | float) and isinstance(second, int | float):
        return math.isclose(first, second, rel_tol=SAME)
    return first == second
