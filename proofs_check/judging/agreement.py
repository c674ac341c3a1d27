"""Check that findings and evidence are consistent: a refutation with its replay, all seeds with some of them."""

import numpy as np

from proofs_check.judging.finding import Finding, Verdict
from proofs_check.lemma import Evidence, Law, NotApplicable, Proof, Trials

RELATIVE_TOLERANCE = 1e-9
"""Relative difference up to which two numbers from the same run count as equal: far above what double precision loses
when a sum is taken in another sequence, far below any effect."""


def replay_problems(finding: Finding, replay: Finding | None) -> list[str]:
    """Compare a refutation with its replay (the check repeated on the witness seed alone) and list the differences."""
    name = finding.lemma
    if finding.violations is None:  # a proof or a law has no trials
        if not finding.witness:
            return [f"{name} is REFUTED without a witness"]
        if replay is None or replay.verdict is not Verdict.REFUTED or dict(replay.witness) != dict(finding.witness):
            return [f"{name} is REFUTED, but not again with the same witness"]
        return []
    where = ", ".join(f"{axis} {label}" for axis, label in finding.witness.items())
    if replay is None or not replay.violations:
        return [f"the witness of {name} does not replay: with {where} alone nothing is violated"]
    sides = [(finding.observed, replay.observed), (finding.bound, replay.bound)]
    same = all(np.allclose(one, other, rtol=1e-6, atol=0, equal_nan=True) for one, other in sides)  # type: ignore
    if not same or dict(replay.witness) != dict(finding.witness):
        return [
            f"the witness of {name} does not replay: {where} has observed {finding.observed:.6g} and bound "
            f"{finding.bound:.6g}, alone {replay.observed:.6g} and {replay.bound:.6g}"
        ]
    return []


def margin_follows_verdict(finding: Finding, evidence: Evidence | None) -> bool:
    """Return True if the sign of the margin must follow the verdict.

    Of trials with attained values the observed side is only an upper bound, so the sign is binding for REFUTED alone;
    of all other evidence it is binding unless the verdict is INCONCLUSIVE.
    """
    if isinstance(evidence, Trials):
        return evidence.attained is None or finding.verdict is Verdict.REFUTED
    return finding.verdict is not Verdict.INCONCLUSIVE


def contradictions(evidence: Evidence) -> list[str]:
    """List contradictions in evidence: attained values above their upper bound, a deviation outside of its interval."""
    if isinstance(evidence, Trials) and evidence.attained is not None:
        attained, observed = np.asarray(evidence.attained, float), np.asarray(evidence.inequality.observed, float)
        if np.any(attained > observed * (1 + RELATIVE_TOLERANCE)):
            return ["attains more than what it says is an upper bound"]
    if isinstance(evidence, Law) and evidence.trials:
        (low, high), (wide_low, wide_high) = evidence.interval(0.1), evidence.interval(1e-6)
        if not low <= evidence.deviation <= high:
            return [f"has the deviation {evidence.deviation:.3g} outside of its own interval [{low:.3g}, {high:.3g}]"]
        if not wide_low <= low <= high <= wide_high:
            return ["has an interval that shrinks where more confidence is asked for"]
    return []


def seed_differences(whole: Evidence | None, part: Evidence) -> list[str]:
    """List the differences between the evidence on all seeds and the evidence on some of them."""
    if isinstance(part, NotApplicable) or isinstance(whole, NotApplicable):
        return []  # nothing to compare
    if type(whole) is not type(part):
        return ["gives another kind of evidence for some of the seeds"]
    if isinstance(whole, Proof) and isinstance(part, Proof):
        same = (whole.decided, whole.bound, whole.observed) == (part.decided, part.bound, part.observed)
        return [] if same else ["proves something else for some of the seeds"]
    if not (isinstance(whole, Trials) and isinstance(part, Trials)):
        return []  # a law is about all draws together
    problems = []
    if whole.failure != part.failure:
        problems.append("claims another failure probability for some of the seeds")
    places = [whole.seeds.index(seed) for seed in part.seeds]
    (one, high, mask), (other, low, compared) = ([side[places] for side in _sides(whole)], _sides(part))
    both, scale = mask & compared, np.maximum(np.abs(one), np.abs(high))
    for name, first, second in (("observed", one, other), ("bound", high, low)):
        with np.errstate(invalid="ignore"):
            close = np.abs(first - second) <= RELATIVE_TOLERANCE * scale
            same = (first == second) | close | (np.isnan(first) & np.isnan(second))
        if (both & ~same).any():
            worst = tuple(np.argwhere(both & ~same)[0])
            problems.append(
                f"depends on the batch: seed {part.seeds[worst[0]]} has {name} {first[worst]:.6g} among all seeds, "
                f"{second[worst]:.6g} among fewer of them"
            )
    return problems


def _sides(trials: Trials) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return observed side, bound and mask of compared entries, broadcast to one shape."""
    inequality = trials.inequality
    observed = np.asarray(inequality.observed, float)
    where = True if inequality.where is None else inequality.where
    shape = observed.shape
    return observed, np.broadcast_to(np.asarray(inequality.bound, float), shape), np.broadcast_to(where, shape)
