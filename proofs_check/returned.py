"""What a check may return, made into evidence; what is wrong with it is an error, so that it is nobody's verdict."""

from dataclasses import replace
from typing import Any

from proofs_check.lemma import Evidence, Inequality, Run, Trials
from proofs_check.overflow import within_numbers
from proofs_check.sides import array_of
from proofs_check.sound import checked, formed


def evidence_from(found: Any, subject: Run | tuple[Run, ...], kind: str, method: str | None = None) -> Evidence:
    """The evidence in what a check returned.

    A plain Inequality becomes Trials over the seeds of the run: claimed with probability 1 - delta by a lemma of kind
    "probability", of every run by any other. Its axis "method" is labelled with the names of the methods.

    Args:
        found: what the check returned, or one of its parts.
        subject: what it was asked of.
        kind: of the lemma.
        method: that the lemma speaks of, None for all.

    Raises:
        TypeError: for anything that is no evidence, or sides that are no numbers.
        ValueError: for evidence that contradicts itself, seeds that are not of the run, shapes that do not fit, and NaN
            where training stayed finite.
    """
    runs = subject if isinstance(subject, tuple) else (subject,)
    if isinstance(found, Inequality):
        found = _trials(found, runs, kind)
    evidence = formed(found)
    return checked(within_numbers(evidence, runs, method)) if isinstance(evidence, Trials) else evidence


def _trials(inequality: Inequality, runs: tuple[Run, ...], kind: str) -> Trials:
    first = runs[0]
    if any(run.trajectory.seeds != first.trajectory.seeds for run in runs):
        raise TypeError("the runs have different seeds: return Trials, which name the seeds that they are about")
    names = tuple(method.name for method in first.methods)
    shape = array_of("observed", inequality.observed).shape
    if "method" in inequality.axes and "method" not in inequality.labels and len(shape) == len(inequality.axes):
        if shape[inequality.axes.index("method")] == len(names):
            inequality = replace(inequality, labels={**inequality.labels, "method": names})
    return Trials(inequality, first.delta if kind == "probability" else 0.0, first.trajectory.seeds)
