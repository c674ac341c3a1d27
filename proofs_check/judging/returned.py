"""Turn the return value of a check into evidence; a malformed value raises, so that it can never become a verdict."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import permutations
from typing import Any

from proofs_check.judging.overflow import within_numbers
from proofs_check.lemma import Claim, Evidence, Inequality, Run, Trials
from proofs_check.lemma.sides import array_of
from proofs_check.lemma.sound import validated, well_formed

_INEQUALITIES = (Claim.EVERY_RUN, Claim.PROBABILITY)


def evidence_from(
    value: Any, subject: Run | tuple[Run, ...], kind: Claim | str, method: str | None = None
) -> Evidence:  # fmt: skip
    """Turn the return value of a check into complete, well-formed evidence without entries that overflowed.

    Args:
        value: the return value of the check, or one of its parts.
        subject: the run or runs that the check was called with.
        kind: kind of the lemma.
        method: the method that the lemma is about, None for all.

    Raises:
        TypeError: for anything but evidence, or sides that are no numbers.
        ValueError: for evidence that contradicts itself, seeds that the run lacks, shapes that do not fit, or NaN where
            training stayed finite.
    """
    runs = subject if isinstance(subject, tuple) else (subject,)
    if isinstance(value, Inequality):
        value = trials_of(value, runs, kind)
    evidence = well_formed(value)
    return validated(within_numbers(evidence, runs, method)) if isinstance(evidence, Trials) else evidence


def trials_of(inequality: Inequality, runs: tuple[Run, ...], kind: Claim | str) -> Trials:
    """Complete an inequality to Trials: add seeds, labels of its axes, and the claimed failure probability.

    Args:
        inequality: the return value of a check.
        runs: the runs that it is about; all must have the same seeds.
        kind: kind of the lemma; a claim of the inequality itself comes first.

    Raises:
        TypeError: for runs with different seeds.
        ValueError: for a claim that no inequality can make.
    """
    first = runs[0]
    if any(run.trajectory.seeds != first.trajectory.seeds for run in runs):
        raise TypeError("the runs have different seeds: return Trials, which name the seeds that they are about")
    if inequality.claim is not None and inequality.claim not in _INEQUALITIES:
        raise ValueError(f"claim must be one of {', '.join(_INEQUALITIES)}, or None, got {inequality.claim!r}")
    shape = array_of("observed", inequality.observed).shape
    if len(shape) == len(inequality.axes) and isinstance(inequality.labels, Mapping):  # else refused by `well_formed`
        sizes = dict(zip(inequality.axes, shape, strict=True))
        if len(runs) == 1:
            _in_order(sizes, first)
        labels = {axis: names for axis, names in _labels(first) if len(names) == sizes.get(axis)}
        inequality = replace(inequality, labels={**labels, **inequality.labels})
    claim = Claim(inequality.claim or kind)
    return Trials(inequality, claim.failure(first.delta), first.trajectory.seeds)


def _in_order(sizes: Mapping[str, int], run: Run) -> None:
    """Refuse names of axes that fit the shape in another order alone, as step and method that changed places.

    Raises:
        ValueError: with the order that fits.
    """
    steps = run.trajectory.steps
    known = {"method": (len(run.methods),), "step": (steps + 1, steps), "sample": (run.data.size,)}
    wrong = [axis for axis, size in sizes.items() if axis in known and size not in known[axis]]
    for order in permutations(wrong):
        moved = dict(zip(wrong, order, strict=True))
        if wrong and all(sizes[axis] in known[name] for axis, name in moved.items()):
            said = ", ".join(f"{axis} {sizes[axis]}" for axis in wrong)
            fits = tuple(moved.get(axis, axis) for axis in sizes)
            raise ValueError(f"axes are named in another order than they stand ({said}): {fits} fits this run")


def _labels(run: Run) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield (axis, labels of its positions) for the axes that mean the same in every inequality about a run."""
    yield "method", tuple(method.name for method in run.methods)
    if run.trajectory.gram_path is not None:
        yield "time", tuple(f"step {step}" for step in run.trajectory.gram_path.steps)
