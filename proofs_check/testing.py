"""A conformance kit for lemmas: the catalogue passes it, and so can a lemma of your own (docs/own-lemma.md).

Each question is a function that returns problems, one sentence each, none if all is well; check_lemma asks them all.
They run simulations in float64, so they switch JAX to it. No test framework is needed.
"""

import inspect
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from nag_ntk import enable_float64
from proofs_check.config import parse_study
from proofs_check.finding import Finding, Verdict
from proofs_check.lemma import Control, Evidence, Law, Lemma, NotApplicable, Proof, Run, Trials
from proofs_check.lemmas import CATALOGUE
from proofs_check.runner import applies, examine, execute
from proofs_check.selection import select
from proofs_check.verdict import decide

BASE: Mapping[str, Any] = {
    "dataset": {"source": "digits", "samples": 8},
    "methods": ["gradient_descent", "heavy_ball", "nesterov"],
    "width": 512,
    "seeds": 64,
    "steps": 150,
}
"""The usual study, which overrides change. 64 seeds: a control that fails in every run is refuted at LEVEL from 4 seeds on,
one that fails in half of them from 30."""

LEVEL = 1e-3
KINDS = ("identity", "exact law", "instance", "probability", "every run", "all kappa")
SAME = 1e-9
"""Relative difference that another order of summation may make in what a check computes from the same run; several
orders above the rounding of double precision, several below any effect."""

Subject = Run | tuple[Run, ...]


def check_lemma(lemma: Lemma, study: Mapping[str, Any] | None = None, seeds: int | None = None) -> None:
    """Ask everything; silence means that the lemma conforms.

    Args:
        lemma: any lemma, of the catalogue or not.
        study: overrides of BASE under which it is checked; its own `study` if None.
        seeds: replaces the number of seeds, in the controls' studies as well.

    Raises:
        AssertionError: with all problems, one sentence a line.

    Cost: about 12 simulations of BASE the first time; runs are kept, so the next lemma is faster.

    Example:
        >>> from proofs_check.lemmas import CATALOGUE
        >>> check_lemma(next(lemma for lemma in CATALOGUE if lemma.id == "flip-count"))
    """
    problems = [*complete(lemma)]
    for question in (not_refuted, controls_refuted, margins_have_the_right_sign, same_in_any_batch):
        problems += question(lemma, study, seeds)
    assert not problems, "\n".join(f"{lemma.id}: {problem}" for problem in problems)


def complete(lemma: Lemma) -> tuple[str, ...]:
    """Whether everything is said: what is claimed, when, whence, how it is decided, and what must fail.

    Example:
        >>> from dataclasses import replace
        >>> from proofs_check.lemmas import CATALOGUE
        >>> complete(replace(CATALOGUE[0], source="a friend"))
        ('the source names neither an arXiv id nor says "derived"',)
    """
    problems = []
    texts = ("title", "statement", "hypotheses", "constants", "source", "decision")
    problems += [f"{name} is empty" for name in texts if not getattr(lemma, name).strip()]
    for name, identifier in (("lemma", lemma.id), *(("control", control.id) for control in lemma.controls)):
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", identifier):
            problems.append(f"the id of the {name}, {identifier!r}, is not lower-case words joined by hyphens")
    if lemma.source.strip() and not re.search(r"\b\d{4}\.\d{4,5}\b|\bderived\b", lemma.source):
        problems.append('the source names neither an arXiv id nor says "derived"')
    if lemma.provenance not in ("derived", "form of", "recalled"):
        problems.append(f'the provenance {lemma.provenance!r} is none of "derived", "form of", "recalled"')
    if lemma.kind not in KINDS:
        problems.append(f"the kind {lemma.kind!r} is none of {', '.join(KINDS)}")
    module = inspect.getmodule(lemma.check)
    if not (inspect.getdoc(lemma.check) or (module is not None and module.__doc__)):
        problems.append("neither the check nor its module has a docstring")
    if len(lemma.controls) < 2:
        problems.append(f"it has {len(lemma.controls)} controls, at least 2 false variants are needed")
    if len({control.id for control in lemma.controls}) < len(lemma.controls):
        problems.append("two controls have the same id")
    for control in lemma.controls:
        if not control.statement.strip() or control.statement == lemma.statement:
            problems.append(f"control {control.id} does not say what it claims falsely")
    return tuple(problems)


def not_refuted(
    lemma: Lemma, study: Mapping[str, Any] | None = None, seeds: int | None = None
) -> tuple[str, ...]:  # fmt: skip
    """Whether the lemma, in its own study, says something and is neither REFUTED nor broken, in any of its parts."""
    problems = []
    for subject in subjects(lemma, lemma.study if study is None else study, seeds):
        for finding in _findings(lemma.id, lemma.check, subject):
            where = f"{finding.lemma} on {finding.run}"
            if finding.verdict in (Verdict.REFUTED, Verdict.ERROR):
                problems.append(f"{where} is {finding.verdict}: {finding.reason}")
            elif finding.verdict is Verdict.VACUOUS:
                problems.append(f"{where} is VACUOUS in its own study, so it was never tested: {finding.reason}")
    return tuple(problems)


def controls_refuted(
    lemma: Lemma, study: Mapping[str, Any] | None = None, seeds: int | None = None
) -> tuple[str, ...]:  # fmt: skip
    """Whether every control is REFUTED in all its parts, with a witness that replays.

    A trial's witness is a seed: that network alone, drawn and trained again, must show the same violation at the same
    place. A proof's witness is a counterexample: asked again, the check must give it again. A law is refuted by all
    its draws together and must be so again.
    """
    return tuple(
        problem
        for control in lemma.controls
        for subject in _control_subjects(lemma, control, study, seeds)
        for problem in _control_problems(lemma, control, subject)
    )


def margins_have_the_right_sign(
    lemma: Lemma, study: Mapping[str, Any] | None = None, seeds: int | None = None
) -> tuple[str, ...]:  # fmt: skip
    """Whether margins are negative exactly where something is violated, in the lemma and in its controls.

    Also: what is attained is no larger than what bounds it, and a law's intervals hold its deviation and grow with
    the confidence.
    """
    overrides = lemma.study if study is None else study
    cases = [(lemma.id, lemma.check, subject) for subject in subjects(lemma, overrides, seeds)]
    for control in lemma.controls:
        name = f"control {control.id}"
        cases += [(name, control.check, subject) for subject in _control_subjects(lemma, control, study, seeds)]
    problems = []
    for name, check, subject in cases:
        for part, evidence in _evidence(name, check, subject).items():
            problems += [f"{part} {problem}" for problem in _wrong_side(evidence)]
        for finding in _findings(name, check, subject):
            violated = finding.violations if finding.violations is not None else finding.verdict is Verdict.REFUTED
            if finding.margin is not None and bool(violated) != (finding.margin < 0):
                state = "violated" if violated else "not violated"
                problems.append(f"{finding.lemma} is {state} and has the margin {finding.margin:+.3g}: the wrong sign")
    return tuple(problems)


def same_in_any_batch(
    lemma: Lemma, study: Mapping[str, Any] | None = None, seeds: int | None = None
) -> tuple[str, ...]:  # fmt: skip
    """Whether what is compared for a seed depends on that seed alone: not on the others, nor on their order.

    The seeds are split in two groups; what the check says of each is compared with what it says of all. Verdicts must
    stay the same when the order of the seeds is reversed.
    """
    problems = []
    for subject in subjects(lemma, lemma.study if study is None else study, seeds):
        count = len(_first(subject).trajectory.seeds)
        whole = _evidence(lemma.id, lemma.check, subject)
        for group in ([*range(0, count, 2)], [*range(1, count, 2)]):
            part = (
                _evidence(lemma.id, lemma.check, _each(subject, lambda run, g=group: select(run, g))) if group else {}
            )
            for name, found in part.items():
                problems += [f"{name} {problem}" for problem in _differs(whole.get(name), found, group)]
        turned = _each(subject, lambda run: select(run, range(count - 1, -1, -1)))
        pairs = zip(_findings(lemma.id, lemma.check, subject), _findings(lemma.id, lemma.check, turned), strict=True)
        problems += [
            f"{one.lemma} is {one.verdict}, but {other.verdict} with the seeds in reverse order"
            for one, other in pairs
            if one.verdict is not other.verdict
        ]
    return tuple(dict.fromkeys(problems))


def subjects(
    lemma: Lemma, overrides: Mapping[str, Any], seeds: int | Sequence[int] | None = None
) -> tuple[Subject, ...]:
    """What a lemma is checked on: its runs, the first one for scope "once", the tuple of all for scope "study".

    Args:
        lemma: decides the scope, which runs count, and what they record.
        overrides: of BASE.
        seeds: replaces the number of seeds, or gives their numbers.

    Raises:
        ValueError: if no run has what the lemma speaks of.
    """
    text = json.dumps({**BASE, **overrides})
    chosen = seeds if seeds is None or isinstance(seeds, int) else tuple(seeds)
    extra = lemma if not any(lemma is known for known in CATALOGUE) else None
    needs = None if extra is None else _Needs(extra)
    runs = _runs(text, chosen, needs)
    if lemma.scope == "study":
        return (tuple(replace(run, trajectory=replace(run.trajectory, recursion=None)) for run in runs),)
    found = tuple(run for run in runs if applies(lemma, run))
    if not found:
        raise ValueError(f"no run of this study has what {lemma.id} speaks of: its method, or steps; give it a study")
    return found[:1] if lemma.scope == "once" else found


class _Needs:
    """A lemma outside the catalogue, as a key: its runs are kept for as long as it is the same object."""

    def __init__(self, lemma: Lemma) -> None:
        self.lemma = lemma

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Needs) and other.lemma is self.lemma

    def __hash__(self) -> int:
        return id(self.lemma)


@lru_cache(maxsize=64)
def _runs(text: str, seeds: int | tuple[int, ...] | None, needs: _Needs | None) -> tuple[Run, ...]:
    enable_float64()
    study = parse_study(text, name="conformance", base=Path())
    lemmas = CATALOGUE if needs is None else (*CATALOGUE, needs.lemma)
    specs = study.runs if seeds is None else [spec.model_copy(update={"seeds": seeds}) for spec in study.runs]
    return tuple(execute(spec, lemmas, study.delta) for spec in specs)


def _control_subjects(
    lemma: Lemma, control: Control, study: Mapping[str, Any] | None, seeds: int | Sequence[int] | None
) -> tuple[Subject, ...]:
    return subjects(lemma, control.study or (lemma.study if study is None else study), seeds)


def _control_problems(lemma: Lemma, control: Control, subject: Subject) -> list[str]:
    problems = []
    name = f"control {control.id}"
    for finding in _findings(name, control.check, subject):
        if finding.verdict is not Verdict.REFUTED:
            problems.append(f"{finding.lemma} is {finding.verdict}, not REFUTED: {finding.reason}")
            continue
        again = subject
        if finding.violations is not None:
            if finding.worst_seed is None:
                problems.append(f"{finding.lemma} is REFUTED without a witness")
                continue
            again = _alone(lemma, subject, finding.worst_seed)
        repeated = {found.lemma: found for found in _findings(name, control.check, again)}
        problems += _replay_problems(finding, repeated.get(finding.lemma))
    return problems


def _alone(lemma: Lemma, subject: Subject, seed: int) -> Subject:
    """The same configuration, drawn and trained again with one seed."""
    return _each(subject, lambda run: _rerun(lemma, run, seed))


def _rerun(lemma: Lemma, run: Run, seed: int) -> Run:
    from nag_ntk import simulate

    t = run.trajectory
    trajectory = simulate(
        run.data, run.methods, t.width, [seed], t.steps, engine=t.engine, start=t.start, dtype=t.dtype, key=t.key,
        radii=tuple(t.radii), overlap_radii=tuple(t.overlap_radii), recursion=t.recursion is not None,
    )  # fmt: skip
    return replace(run, trajectory=trajectory)


def _replay_problems(finding: Finding, again: Finding | None) -> list[str]:
    name = finding.lemma
    if finding.violations is None:
        if not finding.witness:
            return [f"{name} is REFUTED without a witness"]
        if again is None or again.verdict is not Verdict.REFUTED or dict(again.witness) != dict(finding.witness):
            return [f"{name} is REFUTED, but not again with the same witness"]
        return []
    where = ", ".join(f"{axis} {label}" for axis, label in finding.witness.items())
    if again is None or not again.violations:
        return [f"the witness of {name} does not replay: with {where} alone nothing is violated"]
    sides = [(finding.observed, again.observed), (finding.bound, again.bound)]
    same = all(np.allclose(one, other, rtol=1e-6, atol=0, equal_nan=True) for one, other in sides)  # type: ignore
    if not same or dict(again.witness) != dict(finding.witness):
        return [
            f"the witness of {name} does not replay: {where} has observed {finding.observed:.6g} and bound "
            f"{finding.bound:.6g}, alone {again.observed:.6g} and {again.bound:.6g}"
        ]
    return []


def _findings(name: str, check: Callable, subject: Subject) -> tuple[Finding, ...]:
    """Decided part by part, since other parts take their share of the error level."""
    return tuple(decide([part], LEVEL)[0] for part in examine(name, check, subject, _first(subject).name))


def _evidence(name: str, check: Callable, subject: Subject) -> dict[str, Evidence]:
    """What did not fail; what did is an ERROR and reported as such."""
    parts = examine(name, check, subject, "")
    return {part.lemma: part.evidence for part in parts if not isinstance(part.evidence, Exception)}


def _wrong_side(evidence: Evidence) -> list[str]:
    if isinstance(evidence, Trials) and evidence.attained is not None:
        attained, observed = np.asarray(evidence.attained, float), np.asarray(evidence.inequality.observed, float)
        if np.any(attained > observed * (1 + SAME)):
            return ["attains more than what it says is an upper bound"]
    if isinstance(evidence, Law) and evidence.trials:
        (low, high), (wide_low, wide_high) = evidence.interval(0.1), evidence.interval(1e-6)
        if not low <= evidence.deviation <= high:
            return [f"has the deviation {evidence.deviation:.3g} outside of its own interval [{low:.3g}, {high:.3g}]"]
        if not wide_low <= low <= high <= wide_high:
            return ["has an interval that shrinks where more confidence is asked for"]
    return []


def _differs(whole: Evidence | None, part: Evidence, group: list[int]) -> list[str]:
    """How the evidence on a group of seeds differs from what was said of them among all."""
    if isinstance(part, NotApplicable) or isinstance(whole, NotApplicable):
        return []  # what nothing can be said of is not compared
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
    arrays = {"observed": (whole.inequality.observed, part.inequality.observed)}
    arrays["bound"] = (whole.inequality.bound, part.inequality.bound)
    shape = np.shape(whole.inequality.observed)
    masks = [np.broadcast_to(True if t.inequality.where is None else t.inequality.where, s)
             for t, s in ((whole, shape), (part, np.shape(part.inequality.observed)))]  # fmt: skip
    both = masks[0][group] & masks[1]
    for side, (one, other) in arrays.items():
        one, other = np.broadcast_to(one, shape)[group], np.broadcast_to(other, both.shape)
        scale = np.maximum(np.abs(one), np.abs(np.broadcast_to(whole.inequality.bound, shape)[group]))
        with np.errstate(invalid="ignore"):
            wrong = both & (one != other) & ~(np.abs(one - other) <= SAME * scale) & ~(np.isnan(one) & np.isnan(other))
        if wrong.any():
            worst = tuple(int(i) for i in np.argwhere(wrong)[0])
            problems.append(
                f"depends on the batch: seed {whole.seeds[group[worst[0]]]} has {side} {one[worst]:.6g} among all seeds, "
                f"{other[worst]:.6g} among half of them"
            )
    return problems


def _first(subject: Subject) -> Run:
    return subject[0] if isinstance(subject, tuple) else subject


def _each(subject: Subject, change: Callable[[Run], Run]) -> Subject:
    return tuple(map(change, subject)) if isinstance(subject, tuple) else change(subject)
