"""Asking a lemma about a run: its check is called, and what it returns or raises becomes rows of evidence."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from proofs_check.guard import attempt, bounded, defined_at
from proofs_check.lemma import Check as Checker
from proofs_check.lemma import Evidence, Law, Lemma, Run
from proofs_check.own import is_own
from proofs_check.returned import evidence_from
from proofs_check.verdict import Check


def applies(lemma: Lemma, run: Run) -> bool:
    """Whether a run has what the lemma speaks of: its method, and at least one step if it is about training."""
    trained = run.trajectory.steps > 0
    return (lemma.method is None or run.index(lemma.method) is not None) and (trained or not lemma.trains)


def ask(lemma: Lemma, subject: Run | tuple[Run, ...], where: str, seconds: float) -> list[Check]:
    """The evidence of a lemma on one run or all runs, a row per part; why there is none, if it could not be recorded.

    Args:
        lemma: the lemma.
        subject: what it is asked of.
        where: the run's name, for the rows.
        seconds: most that the check of a lemma of one's own may take.
    """
    runs: Sequence[Run] = subject if isinstance(subject, tuple) else (subject,)
    for run in runs:
        if lemma.id in run.unrecorded:
            return [Check(lemma.id, where, run.unrecorded[lemma.id], home=defined_at(lemma.check))]
    return examine(lemma.id, lemma.check, subject, where, lemma.kind, seconds if is_own(lemma) else None, lemma.method)


def examine(
    name: str, check: Checker, subject: Run | tuple[Run, ...], where: str, kind: str = "every run",
    seconds: float | None = None, method: str | None = None,
) -> list[Check]:  # fmt: skip
    """Evidence of one check on one run or all runs, a row per part; what it raises becomes an ERROR, not a crash.

    Args:
        name: of the lemma, for the rows.
        check: of a lemma or a control.
        subject: what it is asked of.
        where: the run's name, for the rows.
        kind: of the lemma; it says what a plain Inequality claims.
        seconds: most that the check may take, None for no limit; see guard.attempt.
        method: that the lemma speaks of, None for all.
    """
    begun = time.perf_counter()
    found = attempt(lambda: check(subject), seconds)
    if isinstance(found, Mapping) and not found and isinstance(subject, Run):
        found = ValueError("the check returned no part at all: return NotApplicable where there is nothing to compare")
    parts = found if isinstance(found, Mapping) else {"": found}
    judged = {part: _evidence(each, subject, kind, seconds, method) for part, each in parts.items()}
    spent, home = time.perf_counter() - begun, defined_at(check)
    return [Check(f"{name}/{part}" if part else name, where, each, spent, home) for part, each in judged.items()]


def _evidence(
    found: Any, subject: Run | tuple[Run, ...], kind: str, seconds: float | None, method: str | None
) -> Evidence | Exception:
    """What a check returned as evidence, or why it is none; an error stays one."""
    evidence = found if isinstance(found, Exception) else attempt(lambda: evidence_from(found, subject, kind, method))
    if isinstance(evidence, Law) and seconds is not None:
        # its interval is code of the check too, and is asked for later
        return replace(evidence, interval=bounded(evidence.interval, seconds))
    return evidence
