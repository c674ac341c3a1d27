"""Run a study: simulate each configuration once, ask every lemma about it, decide all verdicts together."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

import numpy as np

from nag_ntk import InputError, simulate
from proofs_check.certified import claims
from proofs_check.judging.ask import applies, outcomes_of
from proofs_check.judging.curves import Curve, curve_of
from proofs_check.judging.result import StudyResult
from proofs_check.judging.verdict import Outcome, decide
from proofs_check.lemma import Lemma, NotApplicable, Run
from proofs_check.plugins import CHILD, Apart
from proofs_check.plugins.own import available_lemmas
from proofs_check.running.passed import has_passed
from proofs_check.running.prepare import RunSetup, prepare
from proofs_check.running.summary import summary
from proofs_check.slack import SlackRow, slack_rows
from proofs_check.store.cells import Cells
from proofs_check.study.load import RunSpec, Study

Progress = Callable[[str, int, int], None]


@np.errstate(over="ignore", invalid="ignore")  # of runs that diverge; their verdicts say so
def verify(
    study: Study, *, select: Sequence[str] = (), seeds: int | None = None, progress: Progress | None = None,
    lemmas: Sequence[Lemma] | None = None, cells: Cells | None = None, setups: Mapping[str, RunSetup] | None = None,
) -> StudyResult:  # fmt: skip
    """Check the lemmas of a study, after everything that can be refused before training was refused.

    Args:
        study: from proofs_check.study.load.load_study.
        select: ids of lemmas; empty for those that the study names.
        seeds: replaces the study's number of seeds.
        progress: called with (run name, done, total) between chunks of steps.
        lemmas: those to choose from; None: the catalogue, installed plugins, and what the study's `lemma_files` hold.
            (*CATALOGUE, MINE) adds one of your own (docs/extending.md).
        cells: from store.under_way: finished runs are read from it and kept in it.
        setups: from prepare.prepare, of this study and these lemmas; made here if None.

    Returns:
        A StudyResult; verdicts hold at the family-wise level of the whole study.

    Raises:
        InputError: for unknown lemma ids, or (as prepare.CannotRun, which names all that is wrong with all runs) for a
            study that cannot run.
        plugins.own.LemmaError: for lemma files that cannot be used.
    """
    study = study.narrowed(select, seeds)
    lemmas = select_lemmas(study, lemmas)
    if any(isinstance(lemma.check, Apart) for lemma in lemmas):
        CHILD.begin()  # it starts while the first run is simulated
    setups = prepare(study, lemmas) if setups is None else setups
    reports: list[RunReport] = []
    for spec in study.runs:
        run = execute(
            spec, setups[spec.name], study.delta, progress=progress, memory_limit_gib=study.memory_limit_gib,
            cells=cells,
        )  # fmt: skip
        scopes = ("run",) if reports else ("run", "once")
        reports.append(examine_run(run, spec, study, [lemma for lemma in lemmas if lemma.scope in scopes]))
    runs = tuple(report.run for report in reports)
    across = compare_runs(runs, study, [lemma for lemma in lemmas if lemma.scope == "study"])
    return StudyResult(
        study,
        decide([check for report in (*reports, across) for check in report.checks], study.level),
        runs,
        tuple(chain.from_iterable(report.skipped for report in (*reports, across))),
        tuple(chain.from_iterable(report.slack for report in reports)),
        tuple(chain.from_iterable(report.curves for report in reports)),
        tuple(lemmas),
        {name: body for report in reports for name, body in report.certificates.items()},
        _notes(lemmas),
        tuple(report.summary for report in reports),
    )


def select_lemmas(study: Study, lemmas: Sequence[Lemma] | None = None) -> list[Lemma]:
    """Return the lemmas that a study asks for.

    Args:
        study: it lists ids, or says "all".
        lemmas: those to choose from; None: all that its files, plugins and the catalogue hold.

    Raises:
        InputError: for unknown ids.
        plugins.own.LemmaError: for lemma files that cannot be used.
    """
    lemmas = available_lemmas(study.lemma_files).lemmas if lemmas is None else lemmas
    known = {lemma.id: lemma for lemma in lemmas}
    wanted = tuple(known) if study.lemmas == "all" else tuple(study.lemmas)
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise InputError(f"unknown lemma {', '.join(unknown)}; known: {', '.join(known)}")
    return [lemma for lemma in lemmas if lemma.id in wanted]


def execute(
    spec: RunSpec, setup: RunSetup, delta: float, *, progress: Progress | None = None,
    memory_limit_gib: float | None = None, cells: Cells | None = None,
) -> Run:  # fmt: skip
    """Simulate one configuration, recording what the lemmas need; or read it from the cells of a study under way."""
    question = {} if cells is None else setup.question(spec)
    trajectory = None if cells is None else cells.read(spec.name, spec.seeds, question)
    if trajectory is None:
        trajectory = simulate(
            setup.data, setup.methods, spec.width, spec.seeds, spec.steps, **setup.options(spec, memory_limit_gib),
            progress=None if progress is None else lambda done, total: progress(spec.name, done, total),
            checkpoint=None if cells is None else cells.steps(spec.name, spec.seeds, question),
        )  # fmt: skip
        if cells is not None:
            trajectory = cells.keep(spec.name, spec.seeds, question, trajectory)
    elif progress is not None:
        progress(spec.name, 1, 1)
    return Run(spec.name, setup.data, setup.methods, trajectory, delta, setup.recording.unrecorded)


@dataclass
class RunReport:
    """Everything that is kept of one run.

    Attributes:
        run: without the arrays that are many times larger than all others.
        checks: evidence of the lemmas, and of certificates, a row per part.
        skipped: "lemma @ run" pairs that do not apply.
        slack: losses of the proof, link by link.
        curves: both sides of what was compared step by step.
        certificates: bodies by name of their file.
        summary: the run in numbers.
    """

    run: Run
    checks: list[Outcome] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    slack: Sequence[SlackRow] = ()
    curves: list[Curve] = field(default_factory=list)
    certificates: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    summary: Mapping[str, Any] = field(default_factory=dict)


def examine_run(run: Run, spec: RunSpec, study: Study, lemmas: Sequence[Lemma]) -> RunReport:
    """Ask the lemmas about a run, prove what is to be certified, measure the slack of the proof, sum the run up."""
    report = RunReport(run)
    for lemma in lemmas:
        if not applies(lemma, run):
            report.skipped.append(f"{lemma.id} @ {run.name}")
            continue
        evidence = outcomes_of(lemma, run, "once" if lemma.scope == "once" else run.name, study.check_seconds)
        report.curves += filter(None, (curve_of(check, lemma.method or "") for check in evidence))
        report.checks += evidence
    if study.certify and spec.steps > 0:
        names = tuple(lemma.id for lemma in lemmas)
        for check, name, body in claims.rows(run, study.certify, spec.key, names):
            report.checks.append(check)
            report.certificates |= {name: body} if body else {}
    report.slack = slack_rows(run)
    report.summary = summary(run)
    report.run = replace(run, trajectory=run.trajectory.without_bulk())
    return report


def compare_runs(runs: tuple[Run, ...], study: Study, lemmas: Sequence[Lemma]) -> "RunReport":
    """Ask the lemmas about how something grows from run to run; the report holds checks and skipped pairs alone."""
    report = RunReport(runs[0])
    for lemma in lemmas:
        evidence = outcomes_of(lemma, runs, study.name, study.check_seconds)
        if not evidence and study.lemmas != "all":  # asked for by name: it must not vanish
            few = NotApplicable("too few runs: it compares at least 4 that differ in their width, or in kappa")
            evidence = [Outcome(lemma.id, study.name, few)]
        report.checks += evidence
        if not evidence:
            report.skipped.append(f"{lemma.id} @ {study.name}")
    return report


def _notes(lemmas: Sequence[Lemma]) -> tuple[str, ...]:
    """Name the lemmas of a user's own that have not passed the conformance kit, in a sentence."""
    own = [(lemma.id, lemma.check.digest) for lemma in lemmas if isinstance(lemma.check, Apart)]
    failing = ", ".join(name for name, digest in own if not has_passed(digest, name))
    if not failing:
        return ()
    return (f"Not passed by the conformance kit, in the version that was checked here: {failing}; run nag-ntk check.",)
