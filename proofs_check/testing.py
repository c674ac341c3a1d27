"""Conformance kit for lemmas, of the catalogue or of your own (docs/extending.md).

A question is a function that returns the problems of a lemma, one sentence each; check_lemma asks all questions. They
simulate in float64, and switch JAX to it. No test framework is needed.
"""

import inspect
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from nag_ntk import enable_float64
from proofs_check.judging.agreement import contradictions, margin_follows_verdict, replay_problems, seed_differences
from proofs_check.judging.ask import applies, examine, spoken_of
from proofs_check.judging.finding import Finding, Verdict
from proofs_check.judging.verdict import Outcome, decide
from proofs_check.lemma import KINDS, UNSTATED, Control, Evidence, Lemma, NotApplicable, Run
from proofs_check.lemma.selection import select
from proofs_check.lemmas import CATALOGUE
from proofs_check.plugins.guard import describe
from proofs_check.plugins.own import is_own
from proofs_check.running.prepare import RunSetup
from proofs_check.running.recording import simulate_again
from proofs_check.running.runner import execute
from proofs_check.study.load import parse_study

BASE: Mapping[str, Any] = {
    "dataset": {"source": "digits", "samples": 8},
    "methods": ["gradient_descent", "heavy_ball", "nesterov"],
    "width": 512,
    "seeds": 64,
    "steps": 150,
}
"""Study in which a lemma is checked; `Lemma.study` overrides some of its keys. Its 64 seeds suffice at LEVEL: a control
that fails in every run is refuted from 4 seeds on, a control that fails in half of them from 30 on."""

LEVEL = 1e-3
SECONDS = 300.0
"""Time limit of a check of your own in the kit, as by default in a study."""
Subject = Run | tuple[Run, ...]


def check_lemma(lemma: Lemma, study: Mapping[str, Any] | None = None, seeds: int | None = None) -> None:
    """Ask all questions about a lemma, and raise if it has problems.

    Args:
        lemma: any lemma, of the catalogue or not.
        study: overrides of BASE for the study in which the lemma is checked; its own `study` if None.
        seeds: replaces the number of seeds, also in the studies of the controls.

    Raises:
        AssertionError: with all problems, one sentence a line.

    Cost: about 12 simulations of BASE the first time; runs are cached, so the next lemma is faster.

    Example:
        >>> from proofs_check.lemmas import CATALOGUE
        >>> check_lemma(next(lemma for lemma in CATALOGUE if lemma.id == "flip-count"))
    """
    problems = [problem for _, answer in answers(lemma, study, seeds) for problem in answer]
    if problems:
        raise AssertionError("\n".join(f"{lemma.id}: {problem}" for problem in problems))


def answers(
    lemma: Lemma, study: Mapping[str, Any] | None = None, seeds: int | None = None
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Ask the questions one after the other; yield the name of each question and its problems.

    Args:
        lemma: as for `check_lemma`.
        study: as for `check_lemma`.
        seeds: as for `check_lemma`.
    """
    yield complete.__name__, complete(lemma)
    questions = (not_refuted, controls_refuted, margins_have_the_right_sign, same_in_any_batch, fits_other_methods)
    for question in questions:
        try:
            problems = question(lemma, study, seeds)
        except Exception as error:  # the study may not run, or the check may fail on some of the seeds
            problems = (f"{question.__name__} cannot be answered: {type(error).__name__}: {error}",)
        yield question.__name__, problems


def complete(lemma: Lemma) -> tuple[str, ...]:
    """List fields of the lemma that are empty or malformed, from its statement and source to its controls.

    A lemma of your own may leave hypotheses, constants, source, provenance and decision out; the catalogue may not.

    Example:
        >>> from dataclasses import replace
        >>> from proofs_check.lemmas import CATALOGUE
        >>> complete(replace(CATALOGUE[0], source="a friend"))
        ('the source names neither an arXiv id nor says "derived"',)
    """
    problems = []
    texts = ("title", "statement", "hypotheses", "constants", "source", "decision")
    problems += [f"{name} is empty" for name in texts if not getattr(lemma, name).strip()]
    open_texts = {name for name in (*texts, "provenance") if getattr(lemma, name) == UNSTATED}
    if not is_own(lemma):
        problems += [f"{name} is {UNSTATED}" for name in sorted(open_texts)]
    for name, identifier in (("lemma", lemma.id), *(("control", control.id) for control in lemma.controls)):
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", identifier):
            problems.append(f"the id of the {name}, {identifier!r}, is not lower-case words joined by hyphens")
    if (
        lemma.source.strip()
        and "source" not in open_texts
        and not re.search(r"\b\d{4}\.\d{4,5}\b|\bderived\b", lemma.source)
    ):
        problems.append('the source names neither an arXiv id nor says "derived"')
    if lemma.provenance not in ("derived", "form of", "recalled", UNSTATED):
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
    """List the parts of the lemma that are REFUTED, ERROR or VACUOUS in its own study."""
    problems = []
    for subject in subjects(lemma, lemma.study if study is None else study, seeds):
        for finding in _findings(_cached_outcomes(lemma, lemma.id, lemma.check, subject)):
            where = f"{finding.lemma} on {finding.run}"
            if finding.verdict in (Verdict.REFUTED, Verdict.ERROR):
                problems.append(f"{where} is {finding.verdict}: {finding.reason}")
            elif finding.verdict is Verdict.VACUOUS:
                problems.append(f"{where} is VACUOUS in its own study, so it was never tested: {finding.reason}")
    return tuple(problems)


def controls_refuted(
    lemma: Lemma, study: Mapping[str, Any] | None = None, seeds: int | None = None
) -> tuple[str, ...]:  # fmt: skip
    """List the parts of controls that are not REFUTED, or whose witness does not replay.

    The witness of trials is a seed: its network, drawn and trained again alone, must show the same violation at the
    same place. The witness of a proof is a counterexample: a second call of the check must return it again. A law is
    refuted by all its draws together, and a second call must refute it again.
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
    """List margins of the lemma and its controls that are not negative exactly where something is violated.

    List also attained values above their upper bound, and laws whose intervals miss their deviation or shrink as the
    confidence grows.
    """
    overrides = lemma.study if study is None else study
    cases = [(lemma.id, lemma.check, subject) for subject in subjects(lemma, overrides, seeds)]
    for control in lemma.controls:
        name = f"control {control.id}"
        cases += [(name, control.check, subject) for subject in _control_subjects(lemma, control, study, seeds)]
    problems = []
    for name, check, subject in cases:
        parts = _cached_outcomes(lemma, name, check, subject)
        evidence_of = _evidence(parts)
        problems += [f"{part} {text}" for part, evidence in evidence_of.items() for text in contradictions(evidence)]
        for finding in _findings(parts):
            evidence = evidence_of.get(finding.lemma)
            violated = bool(finding.violations) or finding.verdict is Verdict.REFUTED
            if not finding.margin or not margin_follows_verdict(finding, evidence) or violated == (finding.margin < 0):
                continue
            state = "violated" if violated else "not violated"
            problems.append(f"{finding.lemma} is {state} and has the margin {finding.margin:+.3g}: the wrong sign")
    return tuple(problems)


def same_in_any_batch(
    lemma: Lemma, study: Mapping[str, Any] | None = None, seeds: int | None = None
) -> tuple[str, ...]:  # fmt: skip
    """List numbers of a seed that depend on the other seeds, and verdicts that depend on the order of the seeds.

    The seeds are split into two groups, and the evidence on each group is compared with the evidence on all seeds. The
    verdicts must stay the same when the order of the seeds is reversed.
    """
    problems = []
    for subject in subjects(lemma, lemma.study if study is None else study, seeds):
        parts = _cached_outcomes(lemma, lemma.id, lemma.check, subject)
        whole = _evidence(parts)
        for first in (0, 1):
            half = _map_runs(subject, partial(_every_other, first=first))
            for name, evidence in _evidence(_outcomes(lemma, lemma.id, lemma.check, half)).items():
                problems += [f"{name} {problem}" for problem in seed_differences(whole.get(name), evidence)]
        reversed_seeds = _map_runs(subject, lambda run: select(run, range(len(run.trajectory.seeds) - 1, -1, -1)))
        pairs = zip(_findings(parts), _findings(_outcomes(lemma, lemma.id, lemma.check, reversed_seeds)), strict=True)
        problems += [
            f"{one.lemma} is {one.verdict}, but {other.verdict} with the seeds in reverse order"
            for one, other in pairs
            if one.verdict is not other.verdict
        ]
    return tuple(dict.fromkeys(problems))


def fits_other_methods(
    lemma: Lemma, study: Mapping[str, Any] | None = None, seeds: int | None = None
) -> tuple[str, ...]:  # fmt: skip
    """List what is wrong with `needs`, asked of short runs with an optimiser of optax in place of the methods.

    A lemma that needs any method must not fail there, and one that needs more must be shown no other method.
    """
    if lemma.scope != "run":
        return ()
    try:
        own = subjects(lemma, lemma.study if study is None else study, seeds)
    except ValueError:
        return ()  # there is no run to ask, which the other questions say
    parts = [part for subject in own for part in _cached_outcomes(lemma, lemma.id, lemma.check, subject)]
    if any(finding.verdict is Verdict.ERROR for finding in _findings(parts)):
        return ()  # it fails anyway, which another question says
    shared = not is_own(lemma)  # one run for the whole catalogue
    overrides = {} if shared else lemma.study if study is None else study
    problems = []
    for run in _runs(json.dumps({**BASE, **overrides, **_OTHER}), seeds, None if shared else _Needs.of(lemma)):
        told = spoken_of(lemma, run) if applies(lemma, run) else None
        if isinstance(told, Run) and lemma.needs_family and any(not method.in_family for method in told.methods):
            problems.append(f"it needs {lemma.needs}, and is shown {told.methods[0].name}")
        if not isinstance(told, Run):
            continue
        for finding in _findings(_outcomes(lemma, lemma.id, lemma.check, told)):
            if finding.verdict is Verdict.ERROR:
                problems.append(
                    f'{finding.lemma} fails on a run of adam, which has no eta, beta and gamma; say needs="family", or '
                    f"do not read them: {finding.reason}"
                )
    return tuple(problems)


_OTHER: Mapping[str, Any] = {"methods": [{"optax": "adam", "learning_rate": 0.01}], "steps": 10, "seeds": 8}


def subjects(lemma: Lemma, overrides: Mapping[str, Any], seeds: int | None = None) -> tuple[Subject, ...]:
    """Simulate the subjects of a lemma's check: each run; for scope "once" the first, for scope "study" all as a tuple.

    Args:
        lemma: its scope and its needs decide which runs are subjects and which quantities they record.
        overrides: keys of the study that replace those of BASE.
        seeds: replaces the number of seeds.

    Raises:
        ValueError: if the lemma applies to no run.
    """
    # BASE is simulated once for the whole catalogue, and records the quantities of all lemmas
    shared = not overrides and lemma.scope != "study" and not is_own(lemma)
    runs = _runs(json.dumps({**BASE, **overrides}), seeds, None if shared else _Needs.of(lemma))
    if lemma.scope == "study":
        return (runs,)
    applicable = tuple(run for run in runs if applies(lemma, run))
    if not applicable:
        raise ValueError(f"no run of this study has what {lemma.id} speaks of: its method, or steps; give it a study")
    return applicable[:1] if lemma.scope == "once" else applicable


@dataclass(frozen=True)
class _Needs:
    """Fields of a lemma that decide which quantities a run records; lemmas with equal fields share a run."""

    key: tuple[Any, ...]
    lemma: Lemma = field(compare=False)

    @classmethod
    def of(cls, lemma: Lemma) -> "_Needs":
        key = (lemma.scope == "study", lemma.trains, lemma.records_recursion, lemma.records_deviation)
        key += (lemma.records_gram_path,)
        key += (lemma.radii, lemma.overlap_radii, lemma.probes)
        return cls(key, lemma)


class _IdentityKey:
    """Key of a cache that compares an object by identity."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _IdentityKey) and other.value is self.value

    def __hash__(self) -> int:
        return id(self.value)


@lru_cache(maxsize=16)
def _runs(text: str, seeds: int | None, needs: _Needs | None) -> tuple[Run, ...]:
    enable_float64()
    study = parse_study(text, name="conformance", base=Path())
    lemmas = CATALOGUE if needs is None else (needs.lemma,)
    specs = study.runs if seeds is None else [spec.model_copy(update={"seeds": seeds}) for spec in study.runs]
    setups = [RunSetup.of(spec, lemmas, study.delta, SECONDS) for spec in specs]
    runs = tuple(execute(spec, setup, study.delta) for spec, setup in zip(specs, setups, strict=True))
    for run in runs:
        for name, cause in run.unrecorded.items():
            raise ValueError(f"what {name} asks for cannot be recorded: {_sentence(cause)}")
    if needs is None or needs.lemma.scope != "study":
        return runs
    # as in the runner, which drops the terms of the recursion before it compares runs
    return tuple(replace(run, trajectory=run.trajectory.without_bulk()) for run in runs)


def _control_subjects(
    lemma: Lemma, control: Control, study: Mapping[str, Any] | None, seeds: int | None
) -> tuple[Subject, ...]:
    return subjects(lemma, control.study or (lemma.study if study is None else study), seeds)


def _control_problems(lemma: Lemma, control: Control, subject: Subject) -> list[str]:
    problems = []
    name = f"control {control.id}"
    for finding in _findings(_cached_outcomes(lemma, name, control.check, subject)):
        if finding.verdict is not Verdict.REFUTED:
            problems.append(f"{finding.lemma} is {finding.verdict}, not REFUTED: {finding.reason}")
            continue
        again = subject
        if finding.violations is not None:
            if finding.worst_seed is None:
                problems.append(f"{finding.lemma} is REFUTED without a witness")
                continue
            again = _alone(lemma, subject, finding.worst_seed)
        replays = {replay.lemma: replay for replay in _findings(_outcomes(lemma, name, control.check, again))}
        problems += replay_problems(finding, replays.get(finding.lemma))
    return problems


def _alone(lemma: Lemma, subject: Subject, seed: int) -> Subject:
    """Draw and train the same configuration again with one seed."""
    return _map_runs(subject, lambda run: simulate_again(run, lemma, [seed]))


@lru_cache(maxsize=64)
def _cache(lemma: _IdentityKey, name: str, check: _IdentityKey, subject: _IdentityKey) -> tuple[Outcome, ...]:
    return tuple(_outcomes(lemma.value, name, check.value, subject.value))


def _cached_outcomes(lemma: Lemma, name: str, check: Callable, subject: Subject) -> tuple[Outcome, ...]:
    """Return the outcomes of a check from a cache, since several questions need them."""
    return _cache(_IdentityKey(lemma), name, _IdentityKey(check), _IdentityKey(subject))


def _outcomes(lemma: Lemma, name: str, check: Callable, subject: Subject) -> list[Outcome]:
    """Call the check of a lemma or a control, with a time limit for a check of your own."""
    return examine(
        name, check, subject, _first(subject).name, lemma.kind, SECONDS if is_own(lemma) else None, lemma.method
    )


def _findings(parts: Iterable[Outcome]) -> tuple[Finding, ...]:
    """Decide each part alone, since parts decided together share the error level."""
    return tuple(decide([part], LEVEL)[0] for part in parts)


def _evidence(parts: Iterable[Outcome]) -> dict[str, Evidence]:
    """Return the evidence by part; leave out parts that raised, which are reported as ERROR."""
    return {part.lemma: part.evidence for part in parts if not isinstance(part.evidence, Exception)}


def _sentence(cause: Exception | NotApplicable) -> str:
    return cause.reason if isinstance(cause, NotApplicable) else describe(cause)


def _every_other(run: Run, first: int) -> Run:
    return select(run, range(first, len(run.trajectory.seeds), 2))


def _first(subject: Subject) -> Run:
    return subject[0] if isinstance(subject, tuple) else subject


def _map_runs(subject: Subject, change: Callable[[Run], Run]) -> Subject:
    return tuple(map(change, subject)) if isinstance(subject, tuple) else change(subject)
