"""Run a study: simulate each configuration once, check every lemma on it, and decide all verdicts together."""

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


@np.errstate(over="ignore", invalid="ignore")  # runs that diverge overflow; their verdicts say so
def verify(
    study: Study, *, select: Sequence[str] = (), seeds: int | None = None, progress: Progress | None = None,
    lemmas: Sequence[Lemma] | None = None, cells: Cells | None = None, setups: Mapping[str, RunSetup] | None = None,
) -> StudyResult:  # fmt: skip
    """Run a study and check its lemmas; mistakes that can be seen before training are reported before it starts.

    Args:
        study: from proofs_check.study.load.load_study.
        select: ids of the lemmas to check; empty for those that the study names.
        seeds: replaces the study's number of seeds.
        progress: called with (run name, done, total) between chunks of steps.
        lemmas: the lemmas to choose from; None for the catalogue, the installed plugins and the study's `lemma_files`.
            (*CATALOGUE, MINE) adds one of your own (docs/extending.md).
        cells: from store.under_way; finished runs are read from it and saved in it.
        setups: from prepare.prepare, of this study and these lemmas; made here if None.

    Returns:
        A StudyResult; verdicts hold at the family-wise level of the whole study.

    Raises:
        InputError: for unknown lemma ids; its subclass prepare.CannotRun, with all mistakes of all runs, for a study
            that cannot run.
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
    compared, skipped = compare_runs(runs, study, [lemma for lemma in lemmas if lemma.scope == "study"])
    outcomes = [*chain.from_iterable(report.outcomes for report in reports), *compared]
    return StudyResult(
        study,
        decide(outcomes, study.level),
        runs,
        (*chain.from_iterable(report.skipped for report in reports), *skipped),
        tuple(chain.from_iterable(report.slack for report in reports)),
        tuple(chain.from_iterable(report.curves for report in reports)),
        tuple(lemmas),
        {name: body for report in reports for name, body in report.certificates.items()},
        _notes(lemmas),
        tuple(report.summary for report in reports),
    )


def select_lemmas(study: Study, lemmas: Sequence[Lemma] | None = None) -> list[Lemma]:
    """Return the lemmas that a study names.

    Args:
        study: names lemmas by their ids, or all of them by "all".
        lemmas: the lemmas to choose from; None for the catalogue, the installed plugins and the study's `lemma_files`.

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
    """Simulate one configuration, or read its record from the finished runs of an interrupted study."""
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
    """Everything that a study keeps of one run.

    Attributes:
        run: the run, without the arrays that are many times larger than all others.
        outcomes: evidence of the lemmas and of the certificates, one outcome per part.
        skipped: "lemma @ run" of each lemma that does not apply to the run.
        slack: loss of each link of the proof, in orders of magnitude.
        curves: both sides of each inequality that was compared step by step.
        certificates: file name -> certificate.
        summary: rates, spectrum and widths of the run, from summary.summary.
    """

    run: Run
    outcomes: list[Outcome] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    slack: Sequence[SlackRow] = ()
    curves: list[Curve] = field(default_factory=list)
    certificates: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    summary: Mapping[str, Any] = field(default_factory=dict)


def examine_run(run: Run, spec: RunSpec, study: Study, lemmas: Sequence[Lemma]) -> RunReport:
    """Check the lemmas on a run, prove the networks to be certified, measure the slack of the proof, and summarise."""
    report = RunReport(run)
    for lemma in lemmas:
        if not applies(lemma, run):
            report.skipped.append(f"{lemma.id} @ {run.name}")
            continue
        outcomes = outcomes_of(lemma, run, "once" if lemma.scope == "once" else run.name, study.check_seconds)
        report.curves += filter(None, (curve_of(outcome, lemma.method or "") for outcome in outcomes))
        report.outcomes += outcomes
    if study.certify and spec.steps > 0:
        names = tuple(lemma.id for lemma in lemmas)
        for outcome, name, body in claims.rows(run, study.certify, spec.key, names):
            report.outcomes.append(outcome)
            report.certificates |= {name: body} if body else {}
    report.slack = slack_rows(run)
    report.summary = {**summary(run), "at": dict(spec.at)}
    report.run = replace(run, trajectory=run.trajectory.without_bulk())
    return report


def compare_runs(
    runs: tuple[Run, ...], study: Study, lemmas: Sequence[Lemma]
) -> tuple[list[Outcome], list[str]]:  # fmt: skip
    """Check the lemmas that compare runs with each other; return outcomes, and "lemma @ study" of those without any."""
    compared: list[Outcome] = []
    skipped: list[str] = []
    for lemma in lemmas:
        outcomes = outcomes_of(lemma, runs, study.name, study.check_seconds)
        if not outcomes and study.lemmas != "all":  # the study names the lemma: its row must not vanish
            few = NotApplicable("too few runs: it compares at least 4 that differ in their width, or in kappa")
            outcomes = [Outcome(lemma.id, study.name, few)]
        compared += outcomes
        if not outcomes:
            skipped.append(f"{lemma.id} @ {study.name}")
    return compared, skipped


def _notes(lemmas: Sequence[Lemma]) -> tuple[str, ...]:
    """Return a sentence that names the user's own lemmas that have not passed the conformance kit, if there are any."""
    own = [(lemma.id, lemma.check.digest) for lemma in lemmas if isinstance(lemma.check, Apart)]
    failing = ", ".join(name for name, digest in own if not has_passed(digest, name))
    if not failing:
        return ()
    return (f"Not passed by the conformance kit, in the version that was checked here: {failing}; run nag-ntk check.",)
