"""Check before a run whether a study has enough seeds.

Its claims are judged on ideal data, in which no seed violates any of them.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from proofs_check.judging.ask import applies_to
from proofs_check.judging.finding import Verdict
from proofs_check.judging.verdict import UNIVERSAL_FAILURE, Outcome, decide
from proofs_check.lemma import Claim, Inequality, Law, Lemma, Trials
from proofs_check.statistics import least_trials, look_level
from proofs_check.study.load import Study

_KINDS_WITH_A_LAW = (Claim.EXACT_LAW, Claim.IDENTITY, Claim.SCALING)
_KINDS_WITH_A_PROOF = (Claim.ALL_KAPPA, Claim.INSTANCE)
_MIN_RUNS_OF_A_SCALING_LAW = 4


class Outlook(NamedTuple):
    """Claims that the seeds of a study can and cannot decide.

    Attributes:
        claims: lower bound on the number of claims that rest on seeds: a lemma with several parts counts once.
        hopeless: (lemma, run) of each claim that cannot be SUPPORTED whatever the seeds show.
        needed: smallest number of seeds per run that can support every claim; None if no affordable number can, or if
            no claim rests on seeds.
        level: family-wise error level of the last look.
        looks: largest number of looks at the data.
        smallest_failure: smallest failure probability that a claim states; delta of the study if no claim states one.
    """

    claims: int
    hopeless: tuple[tuple[str, str], ...]
    needed: int | None
    level: float
    looks: int
    smallest_failure: float

    def as_text(self) -> str:
        """Put the outlook into one or two sentences.

        Example:
            >>> Outlook(20, (("distance", "wide"),), 94, 1e-3, 1, 0.1).as_text()
            'Too few seeds: 1 of at least 20 claims that rest on seeds cannot be SUPPORTED whatever the seeds show, \
distance @ wide for one. At the level 0.001, which they share (Holm), a claim of failure probability 0.1 takes at \
least 94 seeds without a violation.'
        """
        if not self.claims:
            return "No claim of this study rests on the number of seeds."
        level = f"the level {self.level:.2g}" + (f" of look {self.looks}" if self.looks > 1 else "")
        seeds = "more than a million" if self.needed is None else f"at least {self.needed}"
        needs = (
            f"At {level}, which they share (Holm), a claim of failure probability {self.smallest_failure:.3g} takes "
            f"{seeds} seeds without a violation."
        )
        if not self.hopeless:
            return f"Enough seeds: each of at least {self.claims} claims that rest on seeds can be SUPPORTED. {needs}"
        name, run = self.hopeless[0]
        return (
            f"Too few seeds: {len(self.hopeless)} of at least {self.claims} claims that rest on seeds cannot be "
            f"SUPPORTED whatever the seeds show, {name} @ {run} for one. {needs}"
        )


def outlook(study: Study, lemmas: Sequence[Lemma], max_seeds: int | None = None) -> Outlook:
    """List the claims that the seeds of a study cannot support, by the rules that judge the study itself.

    Args:
        study: from proofs_check.study.load.load_study.
        lemmas: the lemmas that will be checked.
        max_seeds: number of seeds of the last look, if the seeds are doubled from look to look; the looks then share
            the level. None for a single look.

    Example:
        >>> from proofs_check.study.load import load_study
        >>> from proofs_check.lemmas import CATALOGUE
        >>> quick = outlook(load_study("quick"), CATALOGUE)
        >>> quick.hopeless, quick.needed
        ((), 97)
    """
    looks = 1
    if max_seeds is not None:
        seeds = min(spec.seeds for spec in study.runs)
        while seeds < max_seeds:
            seeds, looks = min(2 * seeds, max_seeds), looks + 1
    level = study.level if max_seeds is None else float(look_level(study.level, looks))
    outcomes = _ideal_outcomes(study, lemmas, max_seeds)
    findings = decide(outcomes, level)
    hopeless = tuple((row.lemma, row.run) for row in findings if row.verdict is Verdict.INCONCLUSIVE)
    failures = [outcome.evidence.failure for outcome in outcomes if isinstance(outcome.evidence, Trials)]
    smallest = min((failure or UNIVERSAL_FAILURE for failure in failures), default=None)
    needed = None if smallest is None else least_trials(smallest, level / len(outcomes))
    return Outlook(len(outcomes), hopeless, needed, level, looks, smallest or study.delta)


def _ideal_outcomes(study: Study, lemmas: Sequence[Lemma], max_seeds: int | None) -> list[Outcome]:
    """Make an ideal outcome per lemma and run: no seed violates an inequality, and each law holds exactly."""
    outcomes = []
    for lemma in lemmas:
        if lemma.kind in _KINDS_WITH_A_PROOF or lemma.scope == "once":
            continue
        if lemma.scope == "study":
            if len(study.runs) >= _MIN_RUNS_OF_A_SCALING_LAW:
                outcomes.append(Outcome(lemma.id, study.name, _exact_law()))
            continue
        for spec in study.runs:
            if not applies_to(lemma, [method.name for method in spec.methods], spec.steps):
                continue
            seeds = spec.seeds if max_seeds is None else max_seeds
            failure = Claim(lemma.kind).failure(study.delta)
            inequality = Inequality(np.zeros(seeds), np.ones(()), ("seed",))
            evidence = (
                _exact_law() if lemma.kind in _KINDS_WITH_A_LAW else Trials(inequality, failure, tuple(range(seeds)))
            )
            outcomes.append(Outcome(lemma.id, spec.name, evidence))
    return outcomes


def _exact_law() -> Law:
    return Law(p_value=1.0, interval=lambda level: (0.0, 0.0), resolution=1.0, deviation=0.0, trials=1)
