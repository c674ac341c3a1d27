"""Whether the seeds of a study can decide anything: its claims, decided as if no seed violated any of them."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from proofs_check.judging.ask import applies_to
from proofs_check.judging.finding import Verdict
from proofs_check.judging.verdict import UNIVERSAL_FAILURE, Outcome, decide
from proofs_check.lemma import Claim, Inequality, Law, Lemma, Trials
from proofs_check.statistics import least_trials, look_level
from proofs_check.study.load import Study

_LAWS = (Claim.EXACT_LAW, Claim.IDENTITY, Claim.SCALING)
_PROOFS = (Claim.ALL_KAPPA, Claim.INSTANCE)
_RUNS_OF_A_SLOPE = 4


class Outlook(NamedTuple):
    """Claims that the seeds of a study can and cannot decide.

    Attributes:
        claims: how many claims rest on seeds; a lemma with several parts counts once, so there may be more.
        hopeless: (lemma, run) of those that cannot be SUPPORTED whatever the seeds show.
        needed: the seeds in every run with which all could be; None where no affordable number suffices.
        level: family-wise error level of the last look.
        looks: how many looks at the data there may be.
        delta: the failure probability that the lemmas are claimed for.
    """

    claims: int
    hopeless: tuple[tuple[str, str], ...]
    needed: int | None
    level: float
    looks: int
    delta: float

    def told(self) -> str:
        """Put the outlook into two sentences.

        Example:
            >>> Outlook(20, (("distance", "wide"),), 94, 1e-3, 1, 0.1).told()
            'Too few seeds: 1 of at least 20 claims that rest on seeds cannot be SUPPORTED whatever the seeds show, \
distance @ wide for one. At the level 0.001, which they share (Holm), a claim of failure probability 0.1 takes at \
least 94 seeds without a violation.'
        """
        if not self.claims:
            return "No claim of this study rests on the number of seeds."
        level = f"the level {self.level:.2g}" + (f" of look {self.looks}" if self.looks > 1 else "")
        many = "more than a million" if self.needed is None else f"at least {self.needed}"
        needs = (
            f"At {level}, which they share (Holm), a claim of failure probability {self.delta:.3g} takes {many} seeds "
            "without a violation."
        )
        if not self.hopeless:
            return f"Enough seeds: each of at least {self.claims} claims that rest on seeds can be SUPPORTED. {needs}"
        name, run = self.hopeless[0]
        return (
            f"Too few seeds: {len(self.hopeless)} of at least {self.claims} claims that rest on seeds cannot be "
            f"SUPPORTED whatever the seeds show, {name} @ {run} for one. {needs}"
        )


def outlook(study: Study, lemmas: Sequence[Lemma], max_seeds: int | None = None) -> Outlook:
    """Work out which claims the seeds of a study can decide, by the rules that decide it.

    Args:
        study: from proofs_check.study.load.load_study.
        lemmas: those that will be checked.
        max_seeds: the largest number of seeds of any look, which pays with its share of the level.

    Example:
        >>> from proofs_check.study.load import load_study
        >>> from proofs_check.lemmas import CATALOGUE
        >>> found = outlook(load_study("quick"), CATALOGUE)
        >>> found.hopeless, found.needed
        ((), 96)
    """
    looks = 1
    if max_seeds is not None:
        at = min(spec.seeds for spec in study.runs)
        while at < max_seeds:
            at, looks = min(2 * at, max_seeds), looks + 1
    level = study.level if max_seeds is None else float(look_level(study.level, looks))
    checks = _unviolated(study, lemmas, max_seeds)
    findings = decide(checks, level)
    hopeless = tuple((row.lemma, row.run) for row in findings if row.verdict is Verdict.INCONCLUSIVE)
    failures = [check.evidence.failure for check in checks if isinstance(check.evidence, Trials)]
    smallest = min((failure or UNIVERSAL_FAILURE for failure in failures), default=None)
    needed = None if smallest is None else least_trials(smallest, level / len(checks))
    return Outlook(len(checks), hopeless, needed, level, looks, smallest or study.delta)


def _unviolated(study: Study, lemmas: Sequence[Lemma], max_seeds: int | None) -> list[Outcome]:
    """Make ideal evidence per lemma and run: no seed violates a claim, and each law holds exactly."""
    checks = []
    for lemma in lemmas:
        if lemma.kind in _PROOFS or lemma.scope == "once":
            continue
        if lemma.scope == "study":
            if len(study.runs) >= _RUNS_OF_A_SLOPE:
                checks.append(Outcome(lemma.id, study.name, _law()))
            continue
        for spec in study.runs:
            if not applies_to(lemma, [method.name for method in spec.methods], spec.steps):
                continue
            seeds = spec.seeds if max_seeds is None else max_seeds
            failure = Claim(lemma.kind).failure(study.delta)
            inequality = Inequality(np.zeros(seeds), np.ones(()), ("seed",))
            evidence = _law() if lemma.kind in _LAWS else Trials(inequality, failure, tuple(range(seeds)))
            checks.append(Outcome(lemma.id, spec.name, evidence))
    return checks


def _law() -> Law:
    return Law(1.0, lambda level: (0.0, 0.0), 1.0, 0.0, 1)
