"""Check a study again with more seeds until its claims are decided, at one error level for all looks together."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from proofs_check.judging.finding import Finding, Verdict
from proofs_check.judging.result import StudyResult
from proofs_check.lemma import Lemma
from proofs_check.plugins.own import available_lemmas
from proofs_check.running.prepare import RunSetup, prepare
from proofs_check.running.runner import select_lemmas, verify
from proofs_check.statistics import look_level
from proofs_check.study.load import Study


def verify_until_decided(
    study: Study, max_seeds: int, *, select: Sequence[str] = (), seeds: int | None = None,
    lemmas: Sequence[Lemma] | None = None, setups: Mapping[str, RunSetup] | None = None, **options: Any,
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
        setups: likewise, made for max_seeds.
        **options: likewise.

    Returns:
        The StudyResult of the last look, with the verdicts of all; its study holds the seeds used and the level.

    Raises:
        InputError: as `verify`, or if the study already has more seeds than max_seeds.

    Cost: at most twice that of the last look.

    Source: Bonferroni over looks (alpha spending); see statistics.look_level.
    """
    study = study.narrowed(select, seeds)
    lemmas = available_lemmas(study.lemma_files).lemmas if lemmas is None else lemmas
    setups = prepare(study, select_lemmas(study, lemmas), max_seeds) if setups is None else setups
    decided: dict[tuple[str, str], tuple[Finding, Study]] = {}
    look, at = 0, study
    while True:
        look += 1
        share = float(look_level(study.level, look))
        result = verify(at.model_copy(update={"level": share}), lemmas=lemmas, setups=setups, **options)
        for finding in result.findings:
            key = (finding.lemma, finding.run)
            if key not in decided or _overrides(finding, decided[key][0]):
                decided[key] = finding, at
        undecided = any(finding.verdict is Verdict.INCONCLUSIVE for finding, _ in decided.values())
        if not undecided or all(spec.seeds == max_seeds for spec in at.runs):
            final = result.study.model_copy(update={"level": study.level})
            findings = tuple(_of_its_look(finding, then, at) for finding, then in decided.values())
            return replace(result, study=final, findings=findings)
        more = tuple(spec.model_copy(update={"seeds": min(2 * spec.seeds, max_seeds)}) for spec in at.runs)
        at = at.model_copy(update={"runs": more})


def _overrides(new: Finding, old: Finding) -> bool:
    """Decide whether a look replaces the finding of an earlier one.

    What was decided at a level is not asked again: it would have to be paid for. A witness needs no level.
    """
    if old.verdict is Verdict.INCONCLUSIVE:
        return True
    if new.verdict is Verdict.REFUTED and new.level is None:
        return old.verdict is not Verdict.REFUTED or old.level is not None
    return new.verdict is Verdict.ERROR and old.verdict is not Verdict.REFUTED


def _of_its_look(finding: Finding, then: Study, last: Study) -> Finding:
    """Add to the reason of a finding with how many of the seeds it was decided."""
    few, many = ({spec.name: spec.seeds for spec in study.runs} for study in (then, last))
    if few == many or finding.level is None:
        return finding
    name = finding.run if finding.run in few else min(few, key=few.__getitem__)
    reason = f"{finding.reason.rstrip('.')}. Decided with the first {few[name]} of {many[name]} seeds"
    return replace(finding, reason=reason)
