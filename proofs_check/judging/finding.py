"""Verdict and Finding: the decision of a study on one lemma and one run, and the exit code that follows."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np

SEED_LEVELS = (0.0, 0.1, 0.5, 0.9, 1.0)
"""Levels of the quantiles over seeds in the results: minimum, 10 %, median, 90 %, maximum."""


class Verdict(StrEnum):
    """Possible decisions about one lemma on one run."""

    CERTIFIED = "CERTIFIED"
    SUPPORTED = "SUPPORTED"
    REFUTED = "REFUTED"
    INCONCLUSIVE = "INCONCLUSIVE"
    VACUOUS = "VACUOUS"
    ERROR = "ERROR"


@dataclass(frozen=True)
class Finding:
    """The verdict on one lemma and one run, with the numbers behind it; None where a number has no meaning.

    Attributes:
        lemma: the lemma's id.
        run: the run's name.
        verdict: the decision.
        reason: one or two sentences with the numbers.
        observed: observed side of the worst entry, which has the least margin; for a law the worst deviation.
        bound: bound of the worst entry; for a law the resolution.
        margin: (bound - observed) / |bound| of the worst entry, negative for a violation.
        median_margin: median over the seeds of the seed's least margin.
        margins: quantiles of the seeds' least margins at SEED_LEVELS, lower order statistics; () for laws and proofs.
        trials: number of seeds that were compared (of all seeds if refuted); for a law its draws.
        violations: number of seeds with at least one violated entry.
        limit: confidence limit on the failure probability at `level`, the lower one when refuted, else the
            upper one; for a law half the width of its interval.
        level: the level of Holm's procedure at which the claim was decided.
        worst_seed: seed number of the worst entry.
        witness: axis -> position of the worst entry; for a law also its interval.
        evidence: for a proof, its boxes, intervals and formulas.
        seeds_needed: approximate number of seeds that would decide the claim at the observed frequency of violations.
        wall_time: seconds that the check took.
        proved: True where a proof covers the run (its hypotheses hold), False where the run lies outside of them, None
            where nothing is said of them.
    """

    lemma: str
    run: str
    verdict: Verdict
    reason: str
    observed: float | None = None
    bound: float | None = None
    margin: float | None = None
    median_margin: float | None = None
    margins: tuple[float, ...] = ()
    trials: int | None = None
    violations: int | None = None
    limit: float | None = None
    level: float | None = None
    worst_seed: int | None = None
    witness: Mapping[str, Any] = field(default_factory=dict)
    evidence: Mapping[str, Any] = field(default_factory=dict)
    seeds_needed: int | None = None
    wall_time: float = 0.0
    proved: bool | None = None

    @property
    def slack(self) -> float | None:
        """log10(bound / observed) at the worst entry: orders of magnitude that an inequality leaves unused.

        None for a law, which bounds nothing, and unless both sides are positive and finite.

        Example:
            >>> Finding("distance", "a", Verdict.SUPPORTED, "", observed=0.5, bound=50.0).slack
            2.0
        """
        observed, bound = self.observed, self.bound
        law = self.trials is not None and self.violations is None
        if law or observed is None or bound is None or not (0 < observed < math.inf and 0 < bound < math.inf):
            return None
        return math.log10(bound) - math.log10(observed)

    @property
    def median_slack(self) -> float | None:
        """Slack of the median seed, from its margin: -log10(1 - margin) where that exists."""
        margin = self.median_margin
        return None if self.slack is None or margin is None or not -math.inf < margin < 1 else -math.log10(1 - margin)

    def to_row(self) -> dict[str, Any]:
        """Return all fields and both slacks as JSON values; infinities as "inf" and "-inf", NaN as None."""
        return plain({**asdict(self), "slack": self.slack, "median_slack": self.median_slack})


def exit_code(findings: Sequence[Finding], strict: bool = False) -> int:
    """Return 1 if anything is REFUTED, else 3 for an ERROR, else if strict 4 for INCONCLUSIVE or VACUOUS, else 0.

    A refutation comes before an error, because no other check can undo it.

    Example:
        >>> exit_code([Finding("gram", "a", Verdict.ERROR, ""), Finding("gram", "b", Verdict.REFUTED, "")])
        1
    """
    return code_of({finding.verdict for finding in findings}, strict)


def code_of(verdicts: Collection[str], strict: bool = False) -> int:
    """Return the exit code from the verdicts alone, as results.json has them."""
    if Verdict.REFUTED in verdicts:
        return 1
    if Verdict.ERROR in verdicts:
        return 3
    return 4 if strict and (Verdict.INCONCLUSIVE in verdicts or Verdict.VACUOUS in verdicts) else 0


def plain(value: Any) -> Any:
    """Return a value as JSON can hold it: infinities as "inf" and "-inf", NaN as None, arrays as lists.

    Example:
        >>> plain({"a": (1, float("inf"))})
        {'a': [1, 'inf']}
    """
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else "inf" if value > 0 else "-inf"
    return str(value) if isinstance(value, str) or not isinstance(value, bool | int | float | None) else value
