"""Repeat a study with more seeds until its claims are decided, at one error level for all repetitions together."""

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
    """Check a study; while some claim is INCONCLUSIVE, check it again with twice the seeds, up to max_seeds.

    Each such check is a look at the data. Look j = 1, 2, ... decides the whole study at level / (j (j + 1)). These
    shares sum to the level, so all looks together keep it, although the number of seeds depends on the data. A claim
    keeps its first verdict other than INCONCLUSIVE, and its reason names the number of seeds behind it. Later looks
    replace a verdict only by a refutation that needs no error level (a violation of a claim about every run, or a
    disproof) or by an error of a check. Each look simulates all its seeds anew; they include those of the look before.

    Args:
        study: as for `verify`.
        max_seeds: largest number of seeds of any run.
        select: as for `verify`.
        seeds: as for `verify`.
        lemmas: as for `verify`.
        setups: from prepare.prepare with the same max_seeds; made here if None.
        **options: further arguments of `verify`.

    Returns:
        The StudyResult of the last look, with the verdicts of all looks; its study holds the seeds used and the level.

    Raises:
        InputError: as `verify`, or if the study already has more seeds than max_seeds.

    Cost: at most twice the cost of the last look.

    Source: Bonferroni over looks (alpha spending); see statistics.look_level.
    """
    study = study.narrowed(select, seeds)
    lemmas = available_lemmas(study.lemma_files).lemmas if lemmas is None else lemmas
    setups = prepare(study, select_lemmas(study, lemmas), max_seeds) if setups is None else setups
    findings: dict[tuple[str, str], tuple[Finding, Study]] = {}
    look, current = 0, study
    while True:
        look += 1
        share = float(look_level(study.level, look))
        result = verify(current.model_copy(update={"level": share}), lemmas=lemmas, setups=setups, **options)
        for finding in result.findings:
            key = (finding.lemma, finding.run)
            if key not in findings or _overrides(finding, findings[key][0]):
                findings[key] = finding, current
        undecided = any(finding.verdict is Verdict.INCONCLUSIVE for finding, _ in findings.values())
        if not undecided or all(spec.seeds == max_seeds for spec in current.runs):
            final = result.study.model_copy(update={"level": study.level})
            noted = tuple(_with_seeds(finding, earlier, current) for finding, earlier in findings.values())
            return replace(result, study=final, findings=noted)
        doubled = tuple(spec.model_copy(update={"seeds": min(2 * spec.seeds, max_seeds)}) for spec in current.runs)
        current = current.model_copy(update={"runs": doubled})


def _overrides(new: Finding, old: Finding) -> bool:
    """Return True if the finding of a later look replaces that of an earlier one.

    A verdict that was reached at an error level stays: deciding it twice would use the level twice. A witness, which
    refutes without an error level, replaces it.
    """
    if old.verdict is Verdict.INCONCLUSIVE:
        return True
    if new.verdict is Verdict.REFUTED and new.level is None:
        return old.verdict is not Verdict.REFUTED or old.level is not None
    return new.verdict is Verdict.ERROR and old.verdict is not Verdict.REFUTED


def _with_seeds(finding: Finding, earlier: Study, last: Study) -> Finding:
    """Add to the reason of a finding the number of seeds of the look that decided it."""
    used, available = ({spec.name: spec.seeds for spec in study.runs} for study in (earlier, last))
    if used == available or finding.level is None:
        return finding
    name = finding.run if finding.run in used else min(used, key=used.__getitem__)
    reason = f"{finding.reason.rstrip('.')}. Decided with the first {used[name]} of {available[name]} seeds"
    return replace(finding, reason=reason)
