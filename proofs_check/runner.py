"""Run a study: simulate each configuration once, feed every lemma from it, decide all verdicts together."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from nag_ntk import InputError, simulate
from proofs_check.apart import CHILD, Apart
from proofs_check.config import RunSpec, Study
from proofs_check.curves import Curve, curve_of
from proofs_check.examination import applies, ask
from proofs_check.finding import Finding, Verdict
from proofs_check.lemma import Lemma, NotApplicable, Run
from proofs_check.own import known as all_known
from proofs_check.passed import has_passed
from proofs_check.prepare import Ready, made_ready, prepare
from proofs_check.slack import SlackRow, slack_rows
from proofs_check.statistics import look_level
from proofs_check.store.cells import Cells
from proofs_check.verdict import Outcome, decide

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class StudyResult:
    """A finished study: findings, the runs behind them, "lemma @ run" pairs that do not apply, losses of the proof.

    And for its readers: what was compared step by step, the lemmas that were asked for, and the bodies of the
    certificates behind the rows about single networks, by name of file; and what a reader should know besides, in
    sentences.
    """

    study: Study
    findings: tuple[Finding, ...]
    runs: tuple[Run, ...]
    skipped: tuple[str, ...]
    slack: tuple[SlackRow, ...] = ()
    curves: tuple[Curve, ...] = ()
    lemmas: tuple[Lemma, ...] = ()
    certificates: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def execute(
    spec: RunSpec, lemmas: Sequence[Lemma], delta: float, *, progress: Progress | None = None,
    memory_limit_gib: float | None = None, cells: Cells | None = None, seconds: float | None = None,
    ready: Ready | None = None,
) -> Run:  # fmt: skip
    """Simulate one configuration, recording what the lemmas need; or read it from the cells of a study under way.

    What it needs is `ready`, or is made here. What a lemma asks to record is found by its own functions, which may take
    `seconds`; where they fail, the run says so in `unrecorded`.
    """
    ready = ready or made_ready(spec, lemmas, delta, seconds=seconds)
    data, methods, told = ready
    question = {} if cells is None else ready.question(spec)
    trajectory = None if cells is None else cells.read(spec.name, spec.seeds, question)
    if trajectory is None:
        trajectory = simulate(
            data, methods, spec.width, spec.seeds, spec.steps, **ready.options(spec, memory_limit_gib),
            progress=None if progress is None else lambda done, total: progress(spec.name, done, total),
            checkpoint=None if cells is None else cells.steps(spec.name, spec.seeds, question),
        )  # fmt: skip
        if cells is not None:
            trajectory = cells.keep(spec.name, spec.seeds, question, trajectory)
    elif progress is not None:
        progress(spec.name, 1, 1)
    return Run(spec.name, data, methods, trajectory, delta, told.failed)


def with_seeds(study: Study, seeds: int) -> Study:
    """The study with another number of seeds in every run."""
    return study.model_copy(update={"runs": tuple(spec.model_copy(update={"seeds": seeds}) for spec in study.runs)})


def narrowed(study: Study, select: Sequence[str] = (), seeds: int | None = None) -> Study:
    """The study with these lemmas only and this number of seeds: what is stored states what was run."""
    if seeds is not None:
        study = with_seeds(study, seeds)
    return study.model_copy(update={"lemmas": tuple(dict.fromkeys(select))}) if select else study


def chosen(study: Study, lemmas: Sequence[Lemma] | None = None) -> list[Lemma]:
    """The lemmas that a study asks for, of these; None: of all that its files, plugins and the catalogue hold.

    Raises:
        InputError: for unknown ids.
        proofs_check.own.LemmaError: for lemma files that cannot be used.
    """
    lemmas = all_known(study.lemma_files).lemmas if lemmas is None else lemmas
    known = {lemma.id: lemma for lemma in lemmas}
    wanted = tuple(known) if study.lemmas == "all" else tuple(study.lemmas)
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise InputError(f"unknown lemma {', '.join(unknown)}; known: {', '.join(known)}")
    return [lemma for lemma in lemmas if lemma.id in wanted]


@np.errstate(over="ignore", invalid="ignore")  # of runs that diverge; their verdicts say so
def verify(
    study: Study, *, select: Sequence[str] = (), seeds: int | None = None, progress: Progress | None = None,
    lemmas: Sequence[Lemma] | None = None, cells: Cells | None = None, ready: Mapping[str, Ready] | None = None,
) -> StudyResult:  # fmt: skip
    """Check the lemmas of a study, after all that can be refused of any run was refused.

    Args:
        study: from proofs_check.config.load_study.
        select: ids of lemmas; empty for those that the study names.
        seeds: replaces the study's number of seeds.
        progress: called with (run name, done, total) between chunks of steps.
        lemmas: those to choose from; None: the catalogue, installed plugins, and what the study's `lemma_files` hold.
            (*CATALOGUE, MINE) adds one of your own (docs/extending.md).
        cells: from store.under_way: finished runs are read from it and kept in it.
        ready: from prepare.prepare, of this study and these lemmas; made here if None.

    Returns:
        A StudyResult; verdicts hold at the family-wise level of the whole study.

    Raises:
        InputError: for unknown lemma ids, or (as proofs_check.prepare.CannotRun, which names all that is wrong with all
            runs) for a study that cannot run.
        proofs_check.own.LemmaError: for lemma files that cannot be used.
    """
    study = narrowed(study, select, seeds)
    lemmas = chosen(study, lemmas)
    if any(isinstance(lemma.check, Apart) for lemma in lemmas):
        CHILD.begin()  # it starts while the first run is simulated
    ready = prepare(study, lemmas) if ready is None else ready
    checks: list[Outcome] = []
    runs: list[Run] = []
    skipped: list[str] = []
    slack: list[SlackRow] = []
    certificates: dict[str, Mapping[str, Any]] = {}
    curves: list[Curve] = []
    names = tuple(lemma.id for lemma in lemmas)
    for spec in study.runs:
        limit = study.memory_limit_gib
        run = execute(
            spec,
            lemmas,
            study.delta,
            progress=progress,
            memory_limit_gib=limit,
            cells=cells,
            seconds=study.check_seconds,
            ready=ready[spec.name],
        )
        for lemma in lemmas:
            if lemma.scope == "study" or (lemma.scope == "once" and runs):
                continue
            if not applies(lemma, run):
                skipped.append(f"{lemma.id} @ {run.name}")
            else:
                where = "once" if lemma.scope == "once" else run.name
                found = ask(lemma, run, where, study.check_seconds)
                curves += filter(None, (curve_of(check, lemma.method or "") for check in found))
                checks += found
        if study.certify and spec.steps > 0:
            from proofs_check.certificates import claims

            for check, name, body in claims.rows(run, study.certify, spec.key, names):
                checks.append(check)
                certificates |= {name: body} if body else {}
        slack += slack_rows(run)
        # what is many times larger than all else has been used
        runs.append(replace(run, trajectory=run.trajectory.without_bulk()))
    for lemma in lemmas:
        if lemma.scope == "study":
            found = ask(lemma, tuple(runs), study.name, study.check_seconds)
            if not found and study.lemmas != "all":  # asked for by name: it must not vanish
                few = NotApplicable("too few runs: it compares at least 4 that differ in their width, or in kappa")
                found = [Outcome(lemma.id, study.name, few)]
            checks += found
            if not found:
                skipped.append(f"{lemma.id} @ {study.name}")
    return StudyResult(
        study, decide(checks, study.level), tuple(runs), tuple(skipped), tuple(slack), tuple(curves), tuple(lemmas),
        certificates, _notes(lemmas),
    )  # fmt: skip


def _notes(lemmas: Sequence[Lemma]) -> tuple[str, ...]:
    """Which lemmas of a user's own have not passed the conformance kit, in a sentence."""
    own = [(lemma.id, lemma.check.digest) for lemma in lemmas if isinstance(lemma.check, Apart)]
    failing = ", ".join(name for name, digest in own if not has_passed(digest, name))
    if not failing:
        return ()
    return (f"Not passed by the conformance kit, in the version that was checked here: {failing}; run nag-ntk check.",)


def verify_until_decided(
    study: Study, max_seeds: int, *, select: Sequence[str] = (), seeds: int | None = None,
    lemmas: Sequence[Lemma] | None = None, ready: Mapping[str, Ready] | None = None, **options: Any,
) -> StudyResult:  # fmt: skip
    """Check a study, and while some claim is INCONCLUSIVE do so again with twice the seeds, up to max_seeds.

    Look j = 1, 2, ... at the data decides the whole study at level / (j (j + 1)). These sum to the level, so all looks
    together keep it, although the number of seeds depends on what was seen. A claim keeps its first deciding verdict,
    and its reason says of how many seeds that speaks. But what needs no error level, a violation of a claim about every
    run or a disproof, stands in whatever look it is seen, and so does an error of a check.
    The seeds 0, 1, ... of a look contain those of the one before; they are simulated again.

    Args:
        study: as for `verify`.
        max_seeds: largest number of seeds of any run.
        select: as for `verify`.
        seeds: likewise.
        lemmas: likewise.
        ready: likewise, made for max_seeds.
        **options: likewise.

    Returns:
        The StudyResult of the last look, with the verdicts of all; its study holds the seeds used and the level.

    Raises:
        InputError: as `verify`, or if the study already has more seeds than max_seeds.

    Cost: at most twice that of the last look.

    Source: Bonferroni over looks (alpha spending); see statistics.look_level.
    """
    study = narrowed(study, select, seeds)
    lemmas = all_known(study.lemma_files).lemmas if lemmas is None else lemmas
    ready = prepare(study, chosen(study, lemmas), max_seeds) if ready is None else ready
    decided: dict[tuple[str, str], tuple[Finding, Study]] = {}
    look, at = 0, study
    while True:
        look += 1
        share = float(look_level(study.level, look))
        result = verify(at.model_copy(update={"level": share}), lemmas=lemmas, ready=ready, **options)
        for finding in result.findings:
            key = (finding.lemma, finding.run)
            if key not in decided or _overrides(finding, decided[key][0]):
                decided[key] = finding, at
        undecided = any(finding.verdict is Verdict.INCONCLUSIVE for finding, _ in decided.values())
        if not undecided or all(spec.seeds == max_seeds for spec in at.runs):
            kept = result.study.model_copy(update={"level": study.level})
            findings = tuple(_of_its_look(finding, then, at) for finding, then in decided.values())
            return replace(result, study=kept, findings=findings)
        more = tuple(spec.model_copy(update={"seeds": min(2 * spec.seeds, max_seeds)}) for spec in at.runs)
        at = at.model_copy(update={"runs": more})


def _overrides(new: Finding, old: Finding) -> bool:
    """Whether a look replaces what an earlier one said.

    What was decided at a level is not asked again: it would have to be paid for. A witness needs no level.
    """
    if old.verdict is Verdict.INCONCLUSIVE:
        return True
    if new.verdict is Verdict.REFUTED and new.level is None:
        return old.verdict is not Verdict.REFUTED or old.level is not None
    return new.verdict is Verdict.ERROR and old.verdict is not Verdict.REFUTED


def _of_its_look(finding: Finding, then: Study, last: Study) -> Finding:
    """A finding whose reason says that it was decided with fewer seeds than there are in the end."""
    few, many = ({spec.name: spec.seeds for spec in study.runs} for study in (then, last))
    if few == many or finding.level is None:
        return finding
    name = finding.run if finding.run in few else min(few, key=few.__getitem__)
    told = f"{finding.reason.rstrip('.')}. Decided with the first {few[name]} of {many[name]} seeds"
    return replace(finding, reason=told)
